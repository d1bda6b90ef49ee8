"""Two connected TCP sockets, and the bytes between them, both ways, each half closed by itself."""

import socket
import struct
from collections.abc import Callable

from casemate.sandbox.native.channel import Channel
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.relay import Meter, Relay

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from casemate.sandbox.native.exchange import Exchange

NO_LINGER = struct.pack("ii", 1, 0)  # close(2) then resets the connection: RST instead of FIN (socket(7))


def stream(connection: socket.socket) -> Channel:
    """Make a channel of a non-blocking TCP socket; finishing it closes its sending half."""
    return Channel(
        connection.fileno(),
        connection.recv,
        connection.send,
        lambda: connection.shutdown(socket.SHUT_WR),
        connection.close,
    )


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other side sees an error and not the orderly end of an empty answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    connection.close()


class Pair:
    """Relays between two sockets until both directions are over, then closes both and calls `ended`, once."""

    def __init__(
        self,
        loop: Loop,
        inside: socket.socket,
        outside: socket.socket,
        ended: Callable[[], None],
        meters: tuple[Meter, Meter] | None = None,
        exchanges: "tuple[Exchange | None, Exchange | None]" = (None, None),
    ) -> None:
        """Begin at once. `meters` count what goes out and what comes in, `exchanges` change it on the way."""
        self._loop, self._sockets, self._ended = loop, (inside, outside), ended
        self._open = 2
        inner, outer = stream(inside), stream(outside)
        out, back = meters or (Meter(), Meter())
        self._relays = (
            Relay(loop, inner, outer, self._half, out, exchange=exchanges[0]),
            Relay(loop, outer, inner, self._half, back, exchange=exchanges[1]),
        )

    @property
    def drained(self) -> bool:
        """Tell whether everything that was sent from inside has gone out."""
        return self._relays[0].done

    def close(self) -> None:
        """Stop both directions now."""
        for relay in self._relays:
            relay.stop()

    def _half(self) -> None:
        self._open -= 1
        if self._open:
            return
        for connection in self._sockets:
            self._loop.forget(connection.fileno())
            connection.close()
        self._ended()

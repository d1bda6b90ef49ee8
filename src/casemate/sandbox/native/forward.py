"""`net.listen`: a port of this host that is carried to the same port inside.

The listening socket is opened before anything of the target starts, so a port in use is a clear refusal. The connection
inside is made by the steward, which lives in the network namespace and hands each socket out; the target cannot see it.
"""

import errno
import os
import socket
from collections import deque
from collections.abc import Callable

from casemate.model.errors import Refused
from casemate.sandbox.native.addresses import literal
from casemate.sandbox.native.contract import Forward
from casemate.sandbox.native.door import Door
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.pair import Pair, reset

CONNECTIONS = 200  # at a time, for each forwarded port
BACKLOG = 128
CONNECT_SECONDS = 10.0
WHY = {
    errno.EADDRINUSE: "it is in use; stop what listens there, or grant another port",
    errno.EACCES: "this user may not bind it; grant a port above 1023",
    errno.EADDRNOTAVAIL: "this host has no such address",
}


def open_doors(forwards: tuple[Forward, ...]) -> tuple[int, ...]:
    """Bind and listen on the host, once for each forward, close-on-exec. Raises Refused; then nothing stays open."""
    opened: list[socket.socket] = []
    try:
        for forward in forwards:
            opened.append(_listen(forward))  # noqa: PERF401 -- after an error the ones before it are to be closed
    except OSError as error:
        for bound in opened:
            bound.close()
        raise Refused(
            f"cannot listen on {written(forwards[len(opened)])}: {WHY.get(error.errno or 0, error.strerror)}"
        ) from error
    return tuple(bound.detach() for bound in opened)


def written(forward: Forward) -> str:
    """Give HOST:PORT as a policy writes it."""
    return f"[{forward.host}]:{forward.port}" if ":" in forward.host else f"{forward.host}:{forward.port}"


def _listen(forward: Forward) -> socket.socket:
    """Listen on exactly the address that is written; a name other than localhost could mean any number of them."""
    address = literal("127.0.0.1" if forward.host == "localhost" else forward.host)
    if address is None:
        raise OSError(errno.EINVAL, "write an address of this host, for instance 127.0.0.1")
    bound = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.version == 6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((str(address), forward.port))
        bound.listen(BACKLOG)
    except (OSError, OverflowError):
        bound.close()
        raise
    return bound


class Forwarding:
    """Accepts on the host, asks the steward for a connection inside, relays."""

    def __init__(self, loop: Loop, doors: tuple[int, ...], forwards: tuple[Forward, ...], control: int) -> None:
        """Begin at once. The listening sockets become ours; the control channel is only used."""
        self._loop = loop
        self._steward = Steward(loop, control)
        self._pairs: set[Pair] = set()
        self._sockets = [socket.socket(fileno=fd) for fd in doors]
        self._doors = [
            Door(loop, bound, self._entering(forward), CONNECTIONS)
            for bound, forward in zip(self._sockets, forwards, strict=True)
        ]

    @property
    def drained(self) -> bool:
        """Tell whether everything that was answered inside has gone out."""
        return all(pair.drained for pair in self._pairs)

    def ending(self) -> None:
        """Let nobody in any more, and let go of the steward, who ends when nobody holds its channel."""
        for door in self._doors:
            door.close()
        self._steward.close()

    def close(self) -> None:
        """Cut every connection."""
        self.ending()
        for pair in tuple(self._pairs):
            pair.close()
        for bound in self._sockets:
            bound.close()

    def _entering(self, forward: Forward) -> Callable[[socket.socket, Door], None]:
        def entered(outside: socket.socket, door: Door) -> None:
            self._steward.connect(forward, lambda inside: self._connected(inside, outside, door))

        return entered

    def _connected(self, inside: socket.socket | None, outside: socket.socket, door: Door) -> None:
        if inside is None:
            reset(outside)
            door.left()
            return

        def ended() -> None:
            self._pairs.discard(pair)
            door.left()

        pair = Pair(self._loop, inside, outside, ended)
        self._pairs.add(pair)


Connected = Callable[[socket.socket | None], None]


class Steward:
    """Asks for connections inside, one at a time, and waits for each until it stands or fails."""

    def __init__(self, loop: Loop, control: int) -> None:
        """Use the control channel; it stays with its owner."""
        self._loop = loop
        self._control = socket.socket(fileno=os.dup(control))
        self._queue: deque[tuple[Forward, Connected]] = deque()
        self._asked = False
        self._connecting: dict[socket.socket, Connected] = {}
        os.set_blocking(control, False)
        loop.on_read(self._control.fileno(), self._answered)

    def connect(self, forward: Forward, connected: Connected) -> None:
        """Ask for a connection to the port of `forward` inside; call back with it, or with None."""
        self._queue.append((forward, connected))
        self._ask()

    def close(self) -> None:
        """Fail everything that waits. Never twice."""
        if self._control.fileno() < 0:
            return
        self._loop.forget(self._control.fileno())
        self._control.close()
        waiting = [connected for _, connected in self._queue]
        self._queue.clear()
        for inside, connected in tuple(self._connecting.items()):
            self._loop.forget(inside.fileno())
            inside.close()
            waiting.append(connected)
        self._connecting.clear()
        for connected in waiting:
            connected(None)

    def _ask(self) -> None:
        if self._queue and not self._asked and self._control.fileno() >= 0:
            forward = self._queue[0][0]
            self._asked = True
            try:
                self._control.send(f"connect {forward.family} {forward.port}".encode("ascii"))
            except OSError:
                self._take(None)  # the steward is gone, and with it the run

    def _answered(self) -> None:
        try:
            message, fds, _, _ = socket.recv_fds(self._control, 64, 4)
        except BlockingIOError:
            return
        except OSError:
            message, fds = b"", []
        if not message:
            self._loop.forget(self._control.fileno())
        sockets = [socket.socket(fileno=fd) for fd in fds]
        for extra in sockets[1:]:
            extra.close()
        if self._queue:
            self._take(sockets[0] if sockets else None)

    def _take(self, inside: socket.socket | None) -> None:
        """Give the oldest request its socket as soon as that is connected, and ask for the next one."""
        _, connected = self._queue.popleft()
        self._asked = False
        if inside is None:
            connected(None)
        else:
            os.set_blocking(inside.fileno(), False)
            self._connecting[inside] = connected
            self._loop.on_write(inside.fileno(), lambda: self._stands(inside))
            self._loop.after(CONNECT_SECONDS, lambda: self._stands(inside))
        self._ask()

    def _stands(self, inside: socket.socket) -> None:
        """Hand over a socket that is connected; one that is not by now has failed."""
        connected = self._connecting.pop(inside, None)
        if connected is None:
            return
        self._loop.forget(inside.fileno())
        try:
            failed = inside.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            inside.getpeername()
        except OSError:
            failed = errno.ENOTCONN
        if failed:
            inside.close()
        connected(None if failed else inside)

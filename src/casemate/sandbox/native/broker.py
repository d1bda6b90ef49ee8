"""Egress: what the target may connect to, dialled from outside for each connection it makes to a virtual address.

The policy is held here three times: only granted HOST:PORT pairs have a listener at all, a name is resolved outside
where the target has no say, and the very address that is dialled is checked (addresses.py). Nothing between the check
and connect(2) looks the name up again. TLS passes untouched.
"""

import errno
import os
import socket
from collections.abc import Callable

from casemate.model.dataclass import dataclass, field
from casemate.model.errors import Refused
from casemate.model.secret import Injection
from casemate.sandbox.native.addresses import LOCALHOST, Address, invalid, literal, refusal
from casemate.sandbox.native.contract import Endpoint, Listener
from casemate.sandbox.native.door import Door
from casemate.sandbox.native.lookup import Lookups
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.pair import Pair, reset
from casemate.sandbox.native.relay import Meter

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from casemate.sandbox.native.exchange import Exchange, Guesses

CONNECTIONS = 200  # at a time, for each granted HOST:PORT; two descriptors each
DIAL_SECONDS = 10.0  # for one address

Denied = Callable[[str, str], None]  # HOST:PORT, why


@dataclass(slots=True)
class Traffic:
    """What went through one grant: connections made, and bytes each way."""

    connections: int = 0
    sent: Meter = field(default_factory=Meter)
    received: Meter = field(default_factory=Meter)


def written(endpoint: Endpoint) -> str:
    """Give HOST:PORT as a policy writes it."""
    return f"[{endpoint.host}]:{endpoint.port}" if ":" in endpoint.host else f"{endpoint.host}:{endpoint.port}"


def check(endpoint: Endpoint) -> None:
    """Refuse an endpoint that is neither an address nor a plain name, whoever let it through. Raises Refused."""
    why = "" if literal(endpoint.host) is not None else invalid(endpoint.host.rstrip("."))
    if why or not 0 < endpoint.port < 65536:
        raise Refused(
            f"cannot connect to {written(endpoint)!r}: {why or 'no such port'}; write HOST:PORT in [net] connect"
        )


def has_six(listeners: tuple[Listener, ...]) -> bool:
    """Tell whether the namespace has IPv6 addresses for names."""
    for listener in listeners:
        if not listener.endpoint.literal and listener.endpoint.host != "localhost":
            with socket.socket(fileno=os.dup(listener.fd)) as bound:
                if bound.family == socket.AF_INET6:
                    return True
    return False


class Broker:
    """Accepts inside, dials outside, relays. `denied` is told what the target wanted and did not get."""

    def __init__(
        self, loop: Loop, listeners: tuple[Listener, ...], denied: Denied, injections: tuple[Injection, ...] = ()
    ) -> None:
        """Begin at once. The listening sockets become ours. Raises Refused."""
        for listener in listeners:
            check(listener.endpoint)
        self._loop, self._denied, self._injections = loop, denied, injections
        self._lookups = Lookups(loop)
        self._live: set[Dial | Pair] = set()
        self._pairs: dict[str, set[Pair]] = {}
        self._guesses: dict[str, Guesses] = {}
        self._sockets = [socket.socket(fileno=listener.fd) for listener in listeners]
        self.traffic = {written(listener.endpoint): Traffic() for listener in listeners}
        self._doors = [self._open(bound, entry.endpoint) for bound, entry in zip(self._sockets, listeners, strict=True)]

    @property
    def drained(self) -> bool:
        """Tell whether everything that was sent from inside has gone out."""
        return all(live.drained for live in self._live)

    def ending(self) -> None:
        """Go on: what the target sent before it ended still goes out."""

    def close(self) -> None:
        """Cut every connection."""
        for door in self._doors:
            door.close()
        self._lookups.close()
        for live in tuple(self._live):
            live.close()
        for bound in self._sockets:
            bound.close()

    def _open(self, bound: socket.socket, endpoint: Endpoint) -> Door:
        def entered(inside: socket.socket, door: Door) -> None:
            self._find(endpoint, lambda addresses: self._dial(endpoint, addresses, inside, door))

        return Door(self._loop, bound, entered, CONNECTIONS)

    def _find(self, endpoint: Endpoint, found: Callable[[tuple[Address, ...]], None]) -> None:
        """Give the addresses that may be dialled: the granted one, or those of the name that are not refused."""
        address = literal(endpoint.host)
        if address is not None:
            found((address,))
        elif endpoint.host == "localhost":
            found(LOCALHOST)  # whoever writes it means this host, and nothing else may answer for it (RFC 6761 §6.3)
        else:
            self._lookups.find(endpoint.host, lambda addresses: found(self._allowed(endpoint, addresses)))

    def _allowed(self, endpoint: Endpoint, addresses: tuple[Address, ...]) -> tuple[Address, ...]:
        reasons = {address: refusal(address) for address in addresses}
        for address, why in reasons.items():
            if why:
                self._denied(written(endpoint), f"the name leads to {address}: {why}")
        return tuple(address for address, why in reasons.items() if not why)

    def _dial(self, endpoint: Endpoint, addresses: tuple[Address, ...], inside: socket.socket, door: Door) -> None:
        traffic = self.traffic[written(endpoint)]

        def reached(outside: socket.socket | None) -> None:
            self._live.discard(dial)
            if outside is not None and self._is_over(endpoint):
                outside.close()
                outside = None
            if outside is None:
                reset(inside)
                door.left()
                return
            traffic.connections += 1
            meters = (traffic.sent, traffic.received)
            pair = Pair(self._loop, inside, outside, lambda: ended(pair), meters, self._exchanges(endpoint))
            self._live.add(pair)
            self._pairs.setdefault(written(endpoint), set()).add(pair)

        def ended(pair: Pair) -> None:
            self._live.discard(pair)
            self._pairs[written(endpoint)].discard(pair)
            door.left()

        dial = Dial(self._loop, endpoint.port, addresses, reached)
        self._live.add(dial)
        dial.next()

    def _exchanges(self, endpoint: Endpoint) -> "tuple[Exchange | None, Exchange | None]":
        """Make what puts the secrets for this HOST:PORT in, and takes them out of what comes back."""
        if not self._injections:
            return None, None
        from casemate.sandbox.native.exchange import Exchange, Guesses  # noqa: PLC0415 -- only where there is a secret

        host = written(endpoint)
        ours = [one for one in self._injections if one.to == host]
        back = {one.value: one.placeholder for one in self._injections}  # also those of other hosts: they may talk
        if not ours:
            return None, Exchange(back, holds=False)
        guesses = self._guesses.setdefault(host, Guesses(lambda: self._end(host)))
        return Exchange({one.placeholder: one.value for one in ours}), Exchange(back, guesses)

    def _is_over(self, endpoint: Endpoint) -> bool:
        guesses = self._guesses.get(written(endpoint))
        return guesses is not None and guesses.over

    def _end(self, host: str) -> None:
        """Connect to a host no more that has sent the beginnings of a secret: somebody guesses it by them."""
        self._denied(host, "it sent the beginning of a secret again and again, and not the rest: somebody may guess it")
        for pair in tuple(self._pairs.get(host, ())):
            self._loop.after(0, pair.close)  # not now: one of them is about to write


class Dial:
    """Tries one address after the other, and hands over the first connection, or None."""

    def __init__(
        self, loop: Loop, port: int, addresses: tuple[Address, ...], reached: Callable[[socket.socket | None], None]
    ) -> None:
        """Nothing is dialled before `next`."""
        self._loop, self._port, self._reached = loop, port, reached
        self._left = list(addresses)
        self._trying: socket.socket | None = None

    @property
    def drained(self) -> bool:
        """Nothing has gone out yet."""
        return False

    def close(self) -> None:
        """Give up."""
        self._left.clear()
        self._give_up()
        self._reached(None)

    def next(self) -> None:
        """Try the next address; hand over None when there is none left."""
        self._give_up()
        if not self._left:
            self._reached(None)
            return
        address = self._left.pop(0)
        try:
            self._start(address)
        except OSError:
            self._loop.after(0, self.next)

    def _start(self, address: Address) -> None:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        trying = self._trying = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        trying.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timer = self._loop.after(DIAL_SECONDS, self.next)
        error = trying.connect_ex((str(address), self._port))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))
        self._loop.on_write(trying.fileno(), self._connected)

    def _connected(self) -> None:
        trying = self._trying
        if trying is None:
            return
        if trying.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.next()
            return
        self._trying = None
        self._timer.cancel()
        self._loop.forget(trying.fileno())
        self._reached(trying)

    def _give_up(self) -> None:
        """Drop the attempt that is under way."""
        trying, self._trying = self._trying, None
        if trying is not None:
            self._timer.cancel()
            self._loop.forget(trying.fileno())
            trying.close()

"""What a run has of the network, outside: names, connections out, connections in. Without grants it has nothing.

A run without network grants, the commonest kind, does not even load the modules.
"""
# ruff: noqa: PIE790 -- the methods of a protocol

from _collections_abc import Callable

from casemate.model.capability import Capability
from casemate.model.sandbox import Denial
from casemate.model.secret import Injection
from casemate.sandbox.native.contract import Inside, Outside
from casemate.sandbox.native.loop import Loop

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import Protocol

    from casemate.sandbox.native.broker import Broker
else:
    Protocol = object


class Serves(Protocol):
    """Something that serves until it is closed; after `ending` only what the target has sent still goes out."""

    @property
    def drained(self) -> bool:
        """Tell whether nothing is on its way out."""
        ...

    def ending(self) -> None:
        """Begin nothing new."""

    def close(self) -> None:
        """Stop serving."""


class Network:
    """Serves names, connections out and connections in, as far as there are grants."""

    def __init__(
        self,
        loop: Loop,
        inside: Inside,
        outside: Outside,
        denied: Callable[[Denial], None],
        injections: tuple[Injection, ...] = (),
    ) -> None:
        """Begin at once. The sockets of `inside` become ours. Raises Refused."""
        self._parts: list[Serves] = []
        self._broker: Broker | None = None
        if inside.resolvers:
            from casemate.sandbox.native.broker import has_six  # noqa: PLC0415 -- only where it is needed
            from casemate.sandbox.native.resolver import Answering, zone  # noqa: PLC0415 -- likewise

            names = zone(outside.connect, six=has_six(inside.listeners))
            asked: Callable[[str], None] = lambda name: denied(Denial(Capability.NET_DNS, name))  # noqa: E731 -- typed
            self._parts.append(Answering(loop, inside.resolvers, names, asked))
        if inside.listeners:
            from casemate.sandbox.native import broker  # noqa: PLC0415 -- only where it is needed

            refused: broker.Denied = lambda to, why: denied(Denial(Capability.NET_CONNECT, to, why))  # noqa: E731 -- typed
            self._broker = broker.Broker(loop, inside.listeners, refused, injections)
            self._parts.append(self._broker)
        if inside.doors:
            from casemate.sandbox.native.forward import Forwarding  # noqa: PLC0415 -- only where it is needed

            self._parts.append(Forwarding(loop, inside.doors, outside.forwards, inside.control))

    @property
    def traffic(self) -> tuple[tuple[str, int, int, int], ...]:
        """Give HOST:PORT, connections, bytes sent and bytes received of each grant that was used."""
        if self._broker is None:
            return ()
        return tuple(
            (to, seen.connections, seen.sent.total, seen.received.total)
            for to, seen in self._broker.traffic.items()
            if seen.connections
        )

    @property
    def drained(self) -> bool:
        """Tell whether everything that was sent from inside has gone out."""
        return all(part.drained for part in self._parts)

    def ending(self) -> None:
        """Begin nothing new, and hold nothing that keeps the tree alive: the target has ended."""
        for part in self._parts:
            part.ending()

    def close(self) -> None:
        """Cut every connection."""
        for part in self._parts:
            part.close()
        self._parts.clear()

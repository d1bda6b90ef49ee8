"""Answers the DNS queries of the target: granted names get their virtual address, all others do not exist.

The sockets were made in the network namespace and are read here, outside, so nothing of ours is inside to attack. No
query ever leaves the host: a name cannot carry data out (DNS tunnelling).
"""

import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from casemate.sandbox.native.contract import Endpoint, Resolver, Transport
from casemate.sandbox.native.dns import Zone, answer
from casemate.sandbox.native.door import Door
from casemate.sandbox.native.loop import Loop

BATCH = 64  # datagrams answered before others get their turn
TCP_CONNECTIONS = 32
TCP_SECONDS = 10.0  # a query over TCP must be complete by then
LENGTH = struct.Struct("!H")  # RFC 1035 §4.2.2
LOCALHOST = ("127.0.0.1", "::1")  # RFC 6761 §6.3


def zone(endpoints: tuple[Endpoint, ...], *, six: bool) -> Zone:
    """Give the names that exist inside: the granted ones and localhost. Without IPv6 inside no name has one."""
    names = {e.host.lower().rstrip("."): (e.address, e.address6 if six else "") for e in endpoints if not e.literal}
    return Zone({**names, "localhost": LOCALHOST})


class Answering:
    """Serves every resolver socket until it is closed; tells each name that is not granted."""

    def __init__(self, loop: Loop, resolvers: tuple[Resolver, ...], known: Zone, denied: Callable[[str], None]) -> None:
        """Begin at once. The sockets become ours."""
        self._loop, self._zone, self._denied = loop, known, denied
        self._sockets = [socket.socket(fileno=resolver.fd) for resolver in resolvers]
        self._talks: set[_Talk] = set()
        self._doors: list[Door] = []
        for bound, resolver in zip(self._sockets, resolvers, strict=True):
            os.set_blocking(resolver.fd, False)
            match resolver.transport:
                case Transport.UDP:
                    loop.on_read(resolver.fd, partial(self._datagrams, bound))
                case Transport.TCP:
                    self._doors.append(Door(loop, bound, self._accepted, TCP_CONNECTIONS))

    @property
    def drained(self) -> bool:
        """Answers go in, and nobody waits for them any more."""
        return True

    def ending(self) -> None:
        """Go on until `close`."""

    def close(self) -> None:
        """Close everything."""
        for door in self._doors:
            door.close()
        for talk in tuple(self._talks):
            talk.close()
        for bound in self._sockets:
            self._loop.forget(bound.fileno())
            bound.close()

    def reply(self, query: bytes) -> bytes | None:
        """Answer one query, and tell if it was for a name that is not granted."""
        reply = answer(query, self._zone)
        if reply.denied:
            self._denied(reply.denied)
        return reply.message

    def _datagrams(self, bound: socket.socket) -> None:
        """Answer what has arrived. An answer that cannot be sent now is lost, as datagrams are."""
        for _ in range(BATCH):
            try:
                query, client = bound.recvfrom(4096)
            except OSError:
                return  # none left, or the error of an earlier answer to a socket that is closed
            message = self.reply(query)
            if message is not None:
                with suppress(OSError):
                    bound.sendto(message, client)

    def _accepted(self, connection: socket.socket, door: Door) -> None:
        def ended() -> None:
            self._talks.discard(talk)
            door.left()

        talk = _Talk(self._loop, connection, self.reply, ended)
        self._talks.add(talk)


class _Talk:
    """One TCP connection: a query with its length, an answer with its length, and again."""

    def __init__(
        self, loop: Loop, connection: socket.socket, reply: Callable[[bytes], bytes | None], ended: Callable[[], None]
    ) -> None:
        self._loop, self._connection, self._reply, self._ended = loop, connection, reply, ended
        self._kept = b""
        self._timer = loop.after(TCP_SECONDS, self.close)
        loop.on_read(connection.fileno(), self._readable)

    def close(self) -> None:
        """Close the connection, whatever it was about."""
        self._timer.cancel()
        if self._connection.fileno() >= 0:
            self._loop.forget(self._connection.fileno())
            self._connection.close()
            self._ended()

    def _readable(self) -> None:
        try:
            data = self._connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._kept += data
        if not data or not self._answer_all():
            self.close()

    def _answer_all(self) -> bool:
        """Answer the complete queries; tell whether the connection goes on."""
        while len(self._kept) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._kept)
            query, rest = self._kept[LENGTH.size : LENGTH.size + size], self._kept[LENGTH.size + size :]
            if len(query) < size:
                return True
            self._kept = rest
            message = self._reply(query)
            if message is None or not self._send(LENGTH.pack(len(message)) + message):
                return False
        return True

    def _send(self, data: bytes) -> bool:
        """Send a whole answer; a client that does not read its answers loses the connection."""
        try:
            return self._connection.send(data) == len(data)
        except OSError:
            return False

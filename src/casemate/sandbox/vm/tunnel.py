"""Connections through the port: what one end accepts, the other one dials. The same at both ends.

There is no network card. In the guest the addresses of the granted names are local, and what is accepted there leads to
the driver, which dials the same address in the network of the native backend, where the broker listens; what comes in
for a granted port goes the other way. Nobody can ask for anything but the number of a grant.
"""

import _socket as socket
import os
from collections.abc import Callable

from casemate.model.dataclass import dataclass, field
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.vm.frames import PIECE, WINDOW, Garbled, Kind, number, numbers
from casemate.sandbox.vm.port import Port

MOST = 512  # connections at once
FIRST_OF_GUEST, FIRST_OF_HOST, STRIDE = 0, 1, 2  # each end numbers those that it accepted

Dial = Callable[[int], int]  # which grant → a non-blocking socket that connects; raises OSError


@dataclass(slots=True)
class _Connection:
    """One connection, at one end."""

    descriptor: int
    window: int = WINDOW  # bytes that may still be sent to the other end
    out: bytearray = field(default_factory=bytearray)  # bytes for the socket
    ended: bool = False  # the socket gives no more
    finished: bool = False  # the other end gives no more
    shut: bool = False
    connecting: bool = False


class Tunnel:
    """All connections of one end."""

    def __init__(self, loop: Loop, port: Port, dial: Dial, first: int) -> None:
        """Take the loop and the port. `first` tells which end this is."""
        self._loop, self._port, self._dial = loop, port, dial
        self._next, self._ours = first, first % STRIDE
        self._known = dict[int, _Connection]()
        port.eager.append(self._all)

    def accept(self, listener: int, which: int) -> None:
        """Accept whatever comes at a listening socket, as connections of one grant."""
        self._loop.on_read(listener, lambda: self._accepted(listener, which))

    def take(self, kind: Kind, data: bytes) -> None:
        """Take in a frame about a connection. Raises Garbled."""
        name = numbers(data)[0]
        if kind is Kind.OPEN:
            self._open(name, numbers(data, 2)[1])
            return
        connection = self._known.get(name)
        if connection is None:
            return  # it was over here while that was on the way
        if kind is Kind.BYTES:
            connection.out += data[4:]
            if len(connection.out) > WINDOW:
                raise Garbled("more bytes of a connection than were allowed")
        elif kind is Kind.MORE:
            connection.window = min(connection.window + numbers(data, 2)[1], WINDOW)
        elif kind is Kind.DONE:
            connection.finished = True
        else:
            self._forget(name)
            return
        self._update(name)

    def close(self) -> None:
        """Close every connection."""
        for name in tuple(self._known):
            self._forget(name)

    def _accepted(self, listener: int, which: int) -> None:
        try:
            descriptor = _taken(listener)
        except OSError:
            return
        if len(self._known) >= MOST:
            os.close(descriptor)
            return
        os.set_blocking(descriptor, False)
        self._port.send(Kind.OPEN, number(self._next) + number(which))
        self._known[self._next] = _Connection(descriptor)
        self._update(self._next)
        self._next += STRIDE

    def _open(self, name: int, which: int) -> None:
        if name in self._known or name % STRIDE == self._ours:
            raise Garbled("a number of a connection that is taken")
        try:
            if len(self._known) >= MOST:
                raise ConnectionRefusedError
            descriptor = self._dial(which)
        except OSError:
            self._port.send(Kind.GONE, number(name))
            return
        self._known[name] = _Connection(descriptor, connecting=True)
        self._update(name)

    def _all(self) -> None:
        for name in tuple(self._known):
            self._update(name)

    def _update(self, name: int) -> None:
        """Say what is wanted of the socket now."""
        one = self._known[name]
        if one.ended and one.finished and not one.out:
            self._forget(name)
            return
        wants = not one.ended and one.window > 0 and self._port.has_room and not one.connecting
        self._loop.on_read(one.descriptor, (lambda: self._read(name)) if wants else None)
        writes = bool(one.out) or one.connecting or (one.finished and not one.shut)
        self._loop.on_write(one.descriptor, (lambda: self._write(name)) if writes else None)

    def _read(self, name: int) -> None:
        one = self._known.get(name)
        if one is None:
            return
        if not self._port.has_room:  # another connection has taken it meanwhile
            self._update(name)
            return
        try:
            data = os.read(one.descriptor, min(one.window, PIECE))
        except BlockingIOError:
            return
        except OSError:
            self._reset(name)
            return
        if data:
            one.window -= len(data)
            self._port.send(Kind.BYTES, number(name) + data)
        else:
            one.ended = True
            self._port.send(Kind.DONE, number(name))
        self._update(name)

    def _write(self, name: int) -> None:
        one = self._known.get(name)
        if one is None:
            return
        try:
            if one.connecting:
                _raise_error(one.descriptor)
                one.connecting = False
            if one.out:
                taken = os.write(one.descriptor, one.out)
                del one.out[:taken]
                self._port.send(Kind.MORE, number(name) + number(taken))
        except BlockingIOError:
            return
        except OSError:
            self._reset(name)
            return
        if one.finished and not one.out and not one.shut:
            one.shut = True
            _shut_down(one.descriptor)
        self._update(name)

    def _reset(self, name: int) -> None:
        self._port.send(Kind.GONE, number(name))
        self._forget(name)

    def _forget(self, name: int) -> None:
        one = self._known.pop(name)
        self._loop.forget(one.descriptor)
        os.close(one.descriptor)


def dialled(family: int, address: str, port: int) -> int:
    """Begin a connection; give the non-blocking socket. Raises OSError where it is refused at once."""
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        made.connect((address, port))
    except BlockingIOError:
        pass
    except OSError:
        made.close()
        raise
    return made.detach()


def family(address: str) -> int:
    """Give the family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _taken(listener: int) -> int:
    """Accept one connection."""
    view = _borrowed(listener)
    try:
        return view._accept()[0]  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 -- what `socket` calls itself
    finally:
        view.detach()


def _borrowed(descriptor: int) -> socket.socket:
    return socket.socket(fileno=descriptor)


def _raise_error(descriptor: int) -> None:
    """Raise what became of a connection that was begun: connect(2), EINPROGRESS."""
    view = _borrowed(descriptor)
    code = view.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    view.detach()
    if code:
        raise OSError(code, os.strerror(code))


def _shut_down(descriptor: int) -> None:
    view = _borrowed(descriptor)
    try:
        view.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has gone: reading says so
    finally:
        view.detach()

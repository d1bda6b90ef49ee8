"""The network of the guest: lo, on which the addresses of the granted names are local, and no card at all.

What is accepted there, and what the resolver is asked, goes to the driver through the port; see tunnel.py.
"""

import _socket as socket
import os

from casemate.model.small import suppress
from casemate.sandbox.native import net
from casemate.sandbox.native.contract import Transport
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.vm.frames import LARGEST_DATAGRAM, Kind, number, numbers
from casemate.sandbox.vm.job import Job
from casemate.sandbox.vm.port import Port
from casemate.sandbox.vm.tunnel import FIRST_OF_GUEST, Tunnel, dialled, family

MOST = 256  # questions at once


class Network:
    """What leads out of the guest, and what is let in."""

    def __init__(self, loop: Loop, port: Port, job: Job) -> None:
        """Make addresses local and listen on them. Raises OSError."""
        self._loop, self._port, self._job = loop, port, job
        self.tunnel = Tunnel(loop, port, self._dial, FIRST_OF_GUEST)
        self._asking = dict[int, tuple[socket.socket, tuple[str, int]]]()
        self._next = 0
        six = net.set_up(job.connect)
        for at, endpoint in enumerate(job.connect):
            for listener in net.listeners((endpoint,), six=six):
                self.tunnel.accept(listener.fd, job.way(at, six=_is_six(listener.fd)))
        if job.connect:
            for resolver in net.resolvers():
                if resolver.transport is Transport.TCP:
                    self.tunnel.accept(resolver.fd, job.resolver)
                else:
                    self._answer(socket.socket(fileno=resolver.fd))

    def _answer(self, made: socket.socket) -> None:
        self._loop.on_read(made.fileno(), lambda: self._asked(made))

    def reply(self, data: bytes) -> None:
        """Hand the answer to a question back to who asked. Raises Garbled."""
        asked = self._asking.pop(numbers(data)[0], None)
        if asked is not None:
            with suppress(OSError):  # who asked is gone
                asked[0].sendto(data[4:], asked[1])

    def _asked(self, made: socket.socket) -> None:
        try:
            question, whom = made.recvfrom(LARGEST_DATAGRAM)
        except OSError:
            return
        if not self._port.has_room:  # a program that asks faster than the host answers: a datagram may be lost
            return
        self._asking[self._next] = made, whom
        self._asking.pop(self._next - MOST, None)
        self._port.send(Kind.QUESTION, number(self._next) + question)
        self._next = (self._next + 1) % (1 << 32)

    def _dial(self, which: int) -> int:
        """Connect to a port of the program for which the host has let somebody in."""
        if which >= len(self._job.listen):
            raise ConnectionRefusedError
        address, port = self._job.listen[which]
        return dialled(family(address), address, port)


def _is_six(descriptor: int) -> bool:
    view = socket.socket(fileno=os.dup(descriptor))
    return view.family == socket.AF_INET6

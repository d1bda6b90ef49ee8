"""The init of the guest: it makes the guest ready, waits for one job, carries its streams, and tells its end.

It is kept in memory as it is before it has seen anything of a run: each run is a copy of that moment, which the host
ends.
"""

import json
import os
from collections.abc import Callable

from casemate.model.csignal import signal
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.status import Status
from casemate.sandbox.vm import job
from casemate.sandbox.vm.frames import (
    BOTH_WAYS,
    LARGEST_ANSWER,
    PIECE,
    TO_GUEST,
    Kind,
    Reader,
    number,
    packed,
)
from casemate.sandbox.vm.guest import machine, program, terminal
from casemate.sandbox.vm.guest.network import Network
from casemate.sandbox.vm.port import Port

TICK = 0.25  # seconds between two looks at the processor time


def main() -> None:
    """Be the init of the guest. It never returns."""
    k.prctl(k.PR_SET_DUMPABLE, 0)
    machine.mount_own()
    machine.load_modules()
    port = machine.port()
    machine.make_small()
    os.write(port, packed(Kind.STANDS, os.uname().release.encode()))
    reader = Reader(TO_GUEST)
    said = list[tuple[Kind, bytes]]()
    while not said:
        said = list(reader.feed(os.read(port, PIECE)))
    os.write(port, packed(Kind.STANDS))
    Run(port, reader).begin(job.read(json.loads(said[0][1])), said[1:])
    while True:
        signal.pause()  # until the host ends us


class Run:
    """One run: its program, its streams, its end."""

    def __init__(self, descriptor: int, reader: Reader) -> None:
        """Take the port."""
        self._loop, self._descriptor = Loop(), descriptor
        self._port = Port(self._loop, descriptor, reader, self._take, lambda _: None)
        self._port.eager.append(self._listen)
        self._in = bytearray()  # input that the program has not taken yet
        self._input, self._lifeline, self._no_more = -1, -1, False
        self._terminal = False
        self._sources = dict[int, Kind]()
        self._network: Network | None = None
        self._status: Status | None = None
        self._cpu_limit, self._looks = 0, False
        self._ended_by = ""

    def begin(self, asked: job.Job, said: list[tuple[Kind, bytes]]) -> None:
        """Start the program and carry its streams until all is told."""
        try:
            machine.wake(asked.clock, asked.seed)
            machine.share(writes=asked.writes)
            if asked.warm and not said:
                program.warm_up(asked, self._descriptor)
            status = self._start(asked)
        except OSError as error:
            self._tell({"refused": f"guest: {error}", "code": 125})
            return
        for kind, data in said:
            self._take(kind, data)
        self._loop.run(lambda: status.story.over and not self._sources)
        os.sync()  # what was written is on the host before the end is told
        story = status.story
        if story.refused:
            self._tell({"refused": story.refused, "code": story.refused_code})
            return
        if machine.out_of_memory():
            self._ended_by = self._ended_by or "memory limit"
        self._tell({"code": story.code, "signal": story.signal, "by": self._ended_by})

    def _start(self, asked: job.Job) -> Status:
        if asked.networked:
            self._network = Network(self._loop, self._port, asked)
        group = machine.make_group(machine.GROUP, asked.plan.outside.limits)
        inner, outer = terminal.opened(*asked.terminal) if asked.terminal else terminal.pipes()
        lifeline, self._lifeline = os.pipe2(os.O_CLOEXEC)
        heard, status = os.pipe2(os.O_CLOEXEC)
        program.start(asked, program.Ends(inner, lifeline, status, group))
        for descriptor in {*inner, lifeline, status}:
            os.close(descriptor)
        self._input, *outputs = outer
        self._terminal = asked.terminal is not None
        self._sources = dict(zip(outputs, (Kind.OUTPUT, Kind.ERRORS), strict=False))
        for descriptor in outer:
            os.set_blocking(descriptor, False)
        self._listen()
        self._cpu_limit = asked.plan.outside.limits.cpu_seconds
        self._status = Status(self._loop, heard, self._heard)
        return self._status

    def _heard(self) -> None:
        """Look at the processor time from when the program runs: a run that waits may do so for hours."""
        if self._cpu_limit and not self._looks and self._status is not None and self._status.story.started:
            self._looks = True
            self._loop.after(TICK, self._look)

    def _listen(self) -> None:
        """Read what the program writes, as long as the host takes it."""
        for descriptor, kind in self._sources.items():
            self._loop.on_read(descriptor, self._carrying(descriptor, kind) if self._port.has_room else None)

    def _carrying(self, descriptor: int, kind: Kind) -> Callable[[], None]:
        return lambda: self._carry(descriptor, kind)

    def _carry(self, descriptor: int, kind: Kind) -> None:
        try:
            data = os.read(descriptor, PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # a pty whose last slave is closed: pty(7)
        if data:
            self._port.send(kind, data)
        else:
            self._loop.on_read(descriptor, None)
            del self._sources[descriptor]
        self._listen()

    def _take(self, kind: Kind, data: bytes) -> None:
        if kind is Kind.INPUT:
            self._in += data
            self._feed()
        elif kind is Kind.END:
            self._no_more = True
            self._feed()
        elif kind is Kind.SIGNAL:
            os.write(self._lifeline, data)
        elif kind is Kind.SIZE and self._terminal:
            terminal.resize(self._input, data)
        elif kind in BOTH_WAYS and self._network is not None:
            self._network.tunnel.take(kind, data)
        elif kind is Kind.REPLY and self._network is not None:
            self._network.reply(data)

    def _feed(self) -> None:
        """Hand input on."""
        try:
            while self._in and self._input >= 0:
                self._taken(os.write(self._input, self._in[:PIECE]))
        except BlockingIOError:
            self._loop.on_write(self._input, self._feed)
            return
        except OSError:  # nobody reads any more
            self._end_input()
        if self._input < 0:
            self._taken(len(self._in))
            return
        self._loop.on_write(self._input, None)
        if self._no_more:
            self._end_input()

    def _taken(self, count: int) -> None:
        """Tell how much was taken."""
        del self._in[:count]
        if count:
            self._port.send(Kind.TAKEN, number(count))

    def _end_input(self) -> None:
        if not self._terminal and self._input >= 0:  # a terminal is the output as well
            self._loop.forget(self._input)
            os.close(self._input)
            self._input = -1

    def _look(self) -> None:
        """End the run where it has used up its processor time."""
        if not self._ended_by and machine.cpu_seconds() > self._cpu_limit:
            self._ended_by = "cpu limit"
            machine.end_group(machine.GROUP)
        self._loop.after(TICK, self._look)

    def _tell(self, what: job.Answer) -> None:
        self._port.send(Kind.ANSWER, json.dumps(what).encode()[:LARGEST_ANSWER])
        self._loop.run(lambda: self._port.is_empty)

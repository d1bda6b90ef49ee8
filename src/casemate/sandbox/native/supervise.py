"""The loop outside: everything that a run needs from this host, for as long as it lasts.

It owns every descriptor of `Inside` and gives all of them back, kills and reaps the tree, and restores the terminal and
the signal handlers, whatever happens. Files are copied out only when everybody inside is dead.
"""

import os
import time

from casemate.model.capability import Capability
from casemate.model.csignal import signal
from casemate.model.errors import Refused
from casemate.model.sandbox import Denial, Outcome
from casemate.model.small import each, suppress
from casemate.sandbox.native.budget import Budget
from casemate.sandbox.native.channel import borrowed
from casemate.sandbox.native.contract import Inside, NativePlan, Written
from casemate.sandbox.native.loop import Loop, Timer
from casemate.sandbox.native.network import Network
from casemate.sandbox.native.relay import Meter
from casemate.sandbox.native.sensor import Sensor
from casemate.sandbox.native.signals import FORWARDED, Signals, suspend
from casemate.sandbox.native.status import Status
from casemate.sandbox.native.stdio import Carried
from casemate.sandbox.native.terminal import Outer, copy_size, is_open, outer_terminal
from casemate.sandbox.native.tree import PATIENCE, Tree
from casemate.sandbox.streams import RunInput, Streams

GRACE = 2.0  # seconds for the tree to end by itself, and for a stalled reader once the target was killed
LOST = 1  # the code where the program ended with 0, and its output or a file of it could not be delivered
TWICE = 3.0  # seconds within which a second Ctrl-C means "now"
LOOK = 0.5  # seconds between looks whether a background job has become the foreground one
DENIALS = 1000  # different ones of a capability that are kept: a target can think up any number of names


def supervise(inside: Inside, plan: NativePlan, run: RunInput) -> Outcome:
    """Carry a run to its end and copy out what it wrote.

    Raises Refused with the code 125, 126 or 127 where nothing of the target ran.
    """
    began = time.monotonic()
    tree = Tree(inside)
    try:
        watch = Watch(inside, plan, run, tree)
        try:
            watch.carry()
        finally:
            watch.end()
        if watch.story.refused:
            raise Refused(watch.story.refused, watch.story.refused_code)
        return watch.outcome(time.monotonic() - began)
    finally:
        each(tree.reap, lambda: _close(inside))


def _close(inside: Inside) -> None:
    """Close what of the layers is ours."""
    for fd in {fd for layer in inside.layers for fd in (layer.upper, layer.target)}:
        os.close(fd)


class Watch:
    """One run, from the fork to the last byte."""

    def __init__(self, inside: Inside, plan: NativePlan, run: RunInput, tree: Tree) -> None:
        """Begin to carry bytes; nothing is waited for before `carry`. Raises Refused."""
        self._inside, self._plan, self._run, self._tree = inside, plan, run, tree
        self._ended_by = ""
        self._canaries = list(inside.canaries)
        self._denials: dict[Denial, None] = {}
        self._counts: dict[Capability, int] = {}  # of each its own: names of one kind must not hide what else is tried
        self._interrupted = -TWICE
        self._gone = False  # the steward has ended, and so has everybody inside
        self._late = False  # peers had the time to take what was sent
        self._drop = False  # nobody waits for the output any more
        self._wall: Timer | None = None
        self._loop = Loop()
        self._meter = Meter(plan.outside.limits.output_bytes, lambda: self._kill("output limit"))
        self._status = Status(self._loop, inside.status, self._heard)
        self.story = self._status.story
        self._outer = Outer(run.streams)
        self._streams = Carried(self._loop, inside.stdio, run.streams, self._meter)
        self._network = Network(self._loop, inside, plan.outside, self._denied, run.injections)
        self._sensor = Sensor(self._loop, inside.witness, self._denied)
        self._budget = Budget(self._loop, inside.group, plan.outside.limits, self._kill)

    def carry(self) -> None:
        """Move everything until the target has ended and its output has arrived."""
        self._tell_beginning()
        self._loop.on_read(self._tree.pidfd, self._steward_ended)
        with Signals(self._loop, self._signal), self._outer:  # a signal must not end us while the terminal is raw
            self._look_at_the_foreground()
            self._loop.run(self._is_over)

    def _is_over(self) -> bool:
        """Tell whether everybody inside is dead and everything they said has arrived, or nobody waits for it."""
        return self._gone and (self._drop or (self._streams.output_done and (self._late or self._network.drained)))

    def end(self) -> None:
        """Kill what is left, reap it, close everything."""
        each(
            self._let_canaries_go,
            self._budget.close,
            self._sensor.close,
            self._network.close,
            self._tree.reap,
            self._streams.close,
            self._loop.close,
        )
        for line in self._streams.errors:
            say(self._run.streams, line)

    def outcome(self, seconds: float) -> Outcome:
        """Copy out what was written, and put the result together. Everybody inside is dead."""
        story = self.story
        number = story.signal
        if story.code is None and number is None:
            number = int(signal.SIGKILL)  # the tree was killed before it could say anything
        if not self._ended_by and (limit := self._budget.verdict(number, story.cpu_seconds)):
            self._ended_by, number = limit, int(signal.SIGKILL)  # also where the target outlived the process killed
        if self._ended_by.endswith("limit"):  # also where the program was quicker to end than we were to end it
            number = int(signal.SIGKILL)
        self._deny_processes()
        written = self._written()
        lost = LOST if self._streams.errors or written.lost else 0  # the program could not see that it did not arrive
        outcome = Outcome(
            code=128 + number if number is not None else story.code or lost,
            signal=number,
            wall_seconds=seconds,
            cpu_seconds=max(story.cpu_seconds, self._budget.cpu_seconds),
            max_rss_bytes=story.max_rss_bytes,
            ended_by=self._ended_by,
            denials=tuple(self._denials),
            committed=written.committed,
            refused=written.refused,
            changes=written.changes,
            last_words=self._streams.last_words,
        )
        self._tell_end(outcome)
        return outcome

    def _deny_processes(self) -> None:
        """Say that there were more processes and threads than the limit allows."""
        if refused := self._budget.refused_processes:
            what = f"limits.processes = {self._plan.outside.limits.processes}"
            self._denied(Denial(Capability.RES_PROCS, what, f"{refused} refused"))

    def _written(self) -> Written:
        """Copy out, unless the tree was torn down from outside: somebody might still be writing."""
        if not self._inside.layers:
            return Written()
        from casemate.sandbox.native.written import copy_out, nothing  # noqa: PLC0415 -- only where something may be written

        if not self._tree.dead:
            return nothing(self._inside.layers, "the run was torn down from outside: nothing was copied")
        if not self.story.started:  # of a run that was torn down nobody may have been left to say so
            return Written()
        return copy_out(self._inside.layers, self._plan.outside, self._run.at_end, self._run.look)

    def _heard(self) -> None:
        """Act on news from inside: start the clock, or begin to end."""
        self._let_canaries_go()
        seconds = self._plan.outside.limits.wall_seconds
        if self.story.started and self._wall is None and seconds:
            self._wall = self._loop.after(seconds, lambda: self._kill("wall limit"))
        if self.story.over:
            self._network.ending()
            self._tree.cut()
            self._loop.after(PATIENCE, self._tree.kill)

    def _let_canaries_go(self) -> None:
        """Close what the self-test reached for: it is over."""
        while self._canaries:
            os.close(self._canaries.pop())

    def _steward_ended(self) -> None:
        """Everybody inside is dead: what lies in the pipes is all there is."""
        self._loop.on_read(self._tree.pidfd, None)
        self._gone = True
        self._streams.last()
        self._loop.after(GRACE, self._too_late)

    def _kill(self, why: str) -> None:
        """End the run now: the target by a signal, so that its end is told; soon after, everybody by the lifeline."""
        if not self.story.over:
            self._ended_by = self._ended_by or why
        self._tree.signal(signal.SIGKILL)
        self._loop.after(GRACE, self._tree.cut)
        self._loop.after(GRACE, self._give_up)

    def _too_late(self) -> None:
        """Wait for no peer any more that does not take what was sent to it."""
        self._late = True

    def _give_up(self) -> None:
        """Wait for no reader any more."""
        self._drop = True

    def _signal(self, number: int) -> None:
        """Act on a signal that the caller got."""
        if number == signal.SIGWINCH:
            self._resize()
        elif number == signal.SIGTSTP:
            self._suspend()
        elif self.story.over and number != signal.SIGCONT:
            self._drop = True  # only a stalled reader is left to wait for, and somebody does not want to
        elif number == signal.SIGINT and time.monotonic() - self._interrupted < TWICE:
            self._kill("caller")
        elif number in FORWARDED:
            self._tree.signal(number)
        if number == signal.SIGINT:
            self._interrupted = time.monotonic()
        if number == signal.SIGCONT:
            self._outer.again()
            self._look_at_the_foreground()

    def _resize(self) -> None:
        terminal = outer_terminal(self._run.streams)
        if terminal >= 0 and self._streams.master >= 0:
            copy_size(terminal, self._streams.master)

    def _suspend(self) -> None:
        """Stop with the target, and go on with it."""
        self._tree.signal(signal.SIGSTOP)
        self._outer.restore()
        suspend()
        self._tree.signal(signal.SIGCONT)
        self._look_at_the_foreground()

    def _look_at_the_foreground(self) -> None:
        """Read the terminal only in the foreground: reading in the background would stop us, and everything with us."""
        keys = self._streams.input
        if self._outer.fd < 0 or keys is None or keys.done:
            return
        if self._outer.foreground:
            self._outer.raw()
            self._resize()
            keys.resume()
        else:
            keys.pause()
            self._loop.after(LOOK, self._look_at_the_foreground)

    def _denied(self, denial: Denial) -> None:
        """Note a denial, once; of each capability there is an end to it, and that is noted, too."""
        count = self._counts.get(denial.capability, 0)
        if denial in self._denials or count >= DENIALS:
            return
        self._counts[denial.capability] = count + 1
        self._note(denial)
        if count + 1 == DENIALS:
            self._note(Denial(denial.capability, "", f"{DENIALS} different ones were noted; further ones are not"))

    def _note(self, denial: Denial) -> None:
        self._denials[denial] = None
        if self._run.record is not None:
            from casemate.sandbox.native.record import denied  # noqa: PLC0415 -- only where somebody records

            self._run.record(denied(denial))

    def _tell_beginning(self) -> None:
        if self._run.record is not None:
            from casemate.sandbox.native.record import begun  # noqa: PLC0415 -- only where somebody records

            for event in begun(self._plan, self._run, self._inside.tried):
                self._run.record(event)

    def _tell_end(self, outcome: Outcome) -> None:
        if self._run.record is not None:
            from casemate.sandbox.native.record import Usage, finished  # noqa: PLC0415 -- likewise

            for event in finished(outcome, Usage(self._meter.total, self._network.traffic)):
                self._run.record(event)


def say(streams: Streams, line: str) -> None:
    """Write one line of ours on the caller's stderr, if it is there and takes it at once."""
    if is_open(streams.stderr):
        channel = borrowed(streams.stderr)
        with suppress(OSError):
            channel.write(f"casemate: {line}\n".encode())
        channel.close()

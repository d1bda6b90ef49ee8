"""P's part of the process tree: open what it needs, fork the steward, wait until all stands, hand it to the loop.

The tree is P → S (steward.py) → I (init.py) → T (target.py). Every layer is in force before T's execve, and every
failure on the way ends the run with 125 and the layer's name.
"""

import fcntl
import os
from _collections_abc import Callable, Iterator

from casemate.model.csignal import signal
from casemate.model.dataclass import dataclass, field
from casemate.model.errors import Refused
from casemate.model.sandbox import Outcome
from casemate.model.small import suppress
from casemate.sandbox.native import control, terminal
from casemate.sandbox.native.contract import (
    CommitLayer,
    Inside,
    Listener,
    NativePlan,
    Resolver,
    RunInput,
    Stdio,
    Transport,
    Write,
)
from casemate.sandbox.native.fork import fork
from casemate.sandbox.native.group import Group, reap
from casemate.sandbox.native.root import open_seen
from casemate.sandbox.native.status import Story
from casemate.sandbox.native.steps import Layered
from casemate.sandbox.native.steward import Ends, First, Prepared, Stand, stand, start_target

Be = Callable[[Ends], None]  # what the forked child does with its ends
LOOP_OPENS = 12  # descriptors: epoll, the three streams once more, the control channel, pipes of signals and look-ups


@dataclass(slots=True)
class _Opened:
    """Descriptors that are ours until the loop outside takes them over."""

    numbers: set[int] = field(default_factory=set[int])

    def own(self, *numbers: int) -> None:
        """Note what must be closed if the run does not start."""
        self.numbers.update(number for number in numbers if number >= 0)

    def close(self, *numbers: int) -> None:
        """Close some now."""
        for number in numbers:
            if number in self.numbers:
                self.numbers.discard(number)
                os.close(number)


def start(
    plan: NativePlan, run: RunInput, prepared: Prepared, first: First = start_target, being: Stand = stand
) -> Outcome:
    """Run the plan. Raises Refused when nothing of the target ran; then nothing is left behind either.

    `first` is what pid 1 of the steward's namespaces does: start the target, or a runtime that starts it in its own.
    `being` is what the forked child does to be the steward.
    """
    places = prepared.places
    group = Group(places, plan.outside.limits, network=plan.filter.inet) if places else None
    try:
        return _start(plan, run, prepared, group, lambda ends: being(plan, run.environment, prepared, ends, first))
    finally:
        if group:
            group.remove()  # everybody in it is dead


def _start(plan: NativePlan, run: RunInput, prepared: Prepared, group: Group | None, be: Be) -> Outcome:
    opened = _Opened()
    try:
        inside = _stand_up(plan, run, prepared, opened, group, be)
        opened.numbers.clear()
    except OSError as error:
        raise Refused(f"cannot prepare the run: {error}") from None
    finally:
        opened.close(*tuple(opened.numbers))
    return _loop()(inside, plan, run)


def _stand_up(
    plan: NativePlan,
    run: RunInput,
    prepared: Prepared,
    opened: _Opened,
    group: Group | None,
    be: Be,
) -> Inside:
    canaries = prepared.test.descriptors if prepared.test else ()
    opened.own(*canaries)
    targets = list[int]()
    for step in plan.steps:
        if isinstance(step, Layered):
            targets.append(open_seen(step.seen))
            opened.own(targets[-1])
    doors = _doors(plan)
    opened.own(*doors)
    stdio = terminal.open_stdio(run.streams)
    opened.own(*stdio.inner, *stdio.outer, stdio.terminal)
    ours, ends = _channels(stdio, opened, group.entrances if group else ())
    spare = _reserved(ours.status, plan, opened)
    steward = _fork(plan, ends, be)
    try:
        pidfd = os.pidfd_open(steward)
        opened.own(pidfd)
        opened.close(ends.lifeline, ends.status, ends.control, ends.witness, *stdio.inner, stdio.terminal)
        _loop()
        reap(prepared.places)  # while the steward builds
        opened.close(*spare)
        handed = _receive(ours.control, plan, opened)
    except BaseException:
        _end(steward)
        raise
    if handed is None:
        opened.close(ours.lifeline, ours.control)  # whatever still stands inside ends, and then nobody holds the status
        _end(steward)
        raise _refusal(ours.status)
    layers = (CommitLayer(*made) for made in zip(_layered(plan), handed.layers, targets, strict=True))
    return Inside(
        steward=steward,
        steward_pidfd=pidfd,
        lifeline=ours.lifeline,
        status=ours.status,
        control=ours.control,
        stdio=stdio,
        resolvers=tuple(handed.resolvers),
        listeners=tuple(handed.listeners),
        layers=tuple(layers),
        witness=ours.witness,
        canaries=canaries,
        tried=prepared.test.tried if prepared.test else (),
        doors=doors,
        group=group,
    )


def _loop() -> Callable[[Inside, NativePlan, RunInput], Outcome]:
    """Load what carries the run: after the fork, while the steward builds, whose memory is smaller without it."""
    from casemate.sandbox.native.supervise import supervise  # noqa: PLC0415 -- see above

    return supervise


def _reserved(like: int, plan: NativePlan, opened: _Opened) -> tuple[int, ...]:
    """Hold as many descriptors as are still to come: that there is no room must be known before the target starts."""
    handed = 2 * len(plan.outside.connect) + 2 + len(plan.outside.writes)
    spare = list[int]()
    for _ in range(LOOP_OPENS + handed):
        spare.append(fcntl.fcntl(like, fcntl.F_DUPFD_CLOEXEC, 3))
        opened.own(spare[-1])
    return tuple(spare)


def _doors(plan: NativePlan) -> tuple[int, ...]:
    """Listen on the host for what is forwarded in."""
    if not plan.outside.forwards:
        return ()
    from casemate.sandbox.native.forward import open_doors  # noqa: PLC0415 -- only where something is forwarded

    return open_doors(plan.outside.forwards)


def _channels(stdio: Stdio, opened: _Opened, entrances: tuple[str, ...]) -> tuple[Ends, Ends]:
    """Make lifeline, status, control and the place of the listener; give our ends and the steward's."""
    lifeline_in, lifeline = os.pipe2(os.O_CLOEXEC)
    opened.own(lifeline_in, lifeline)
    status, status_in = os.pipe2(os.O_CLOEXEC)
    opened.own(status, status_in)
    ours, theirs = control.pair()
    opened.own(ours, theirs)
    witness, teller = control.pair()
    opened.own(witness, teller)
    me = os.getpid()
    return (
        Ends(me, lifeline, status, ours, stdio.outer, witness),
        Ends(me, lifeline_in, status_in, theirs, stdio.inner, teller, entrances),
    )


def _fork(plan: NativePlan, ends: Ends, be: Be) -> int:
    """Fork the steward; give its pid. It never comes back from `be`."""
    if plan.outside.connect or plan.outside.forwards:
        from casemate.sandbox.native import net  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] -- the steward cannot load
    if plan.waits:
        from casemate.sandbox import waiting  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] -- likewise
    steward = fork()
    if steward == 0:
        be(ends)
    return steward


@dataclass(slots=True)
class _Handed:
    """What the steward passed out of the namespaces."""

    listeners: list[Listener] = field(default_factory=list[Listener])
    resolvers: list[Resolver] = field(default_factory=list[Resolver])
    layers: list[int] = field(default_factory=list[int])

    def take(self, word: str, descriptor: int, plan: NativePlan) -> None:
        """Note one descriptor by the word it came with."""
        kind, _, which = word.partition(" ")
        if kind == "listener":
            self.listeners.append(Listener(descriptor, plan.outside.connect[int(which)]))
        elif kind == "resolver":
            self.resolvers.append(Resolver(descriptor, Transport(which)))
        else:
            self.layers.append(descriptor)


def _receive(channel: int, plan: NativePlan, opened: _Opened) -> _Handed | None:
    """Take descriptors until all stands; None when the steward ended before that."""
    handed = _Handed()
    while True:
        word, descriptor = control.receive(channel)
        opened.own(descriptor)
        if word == "stands":
            return handed
        if not word:
            return None
        handed.take(word, descriptor, plan)


def _layered(plan: NativePlan) -> Iterator[Write]:
    """Yield the write grants in the order in which their layers are made."""
    writes = {write.path: write for write in plan.outside.writes}
    return (writes[step.seen.path] for step in plan.steps if isinstance(step, Layered))


def _end(steward: int) -> None:
    """Make sure that nothing of a tree that did not stand is left."""
    with suppress(ProcessLookupError):
        os.kill(steward, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(steward, 0)


def _refusal(status: int) -> Refused:
    """Read why it did not stand."""
    words = b""
    os.set_blocking(status, False)  # who writes there is gone, and a stranger may hold a copy of the other end
    with suppress(BlockingIOError):
        while part := os.read(status, 4096):
            words += part
    story = Story()
    for line in words.splitlines():
        story.hear(line)
    return Refused(story.refused or "the run ended before it began", story.refused_code)

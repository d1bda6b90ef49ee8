"""The self-test before the start: inside, with every lock in force, one forbidden act of each class is tried.

It runs in the process that becomes the target, because only there are exactly its locks in force, and between the last
lock and execve, so that nothing of the target has run. Any success means refusal, and so does an act that could not be
made: neither is a proof. Acts are raw system calls that would change nothing lasting if they succeeded; what would kill
or could hang (another architecture's entry) is not among them. What the policy grants is not tried.
"""

import os

from casemate.model.dataclass import dataclass
from casemate.sandbox.native import acts, calls
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.acts import Act, Ground, Shot
from casemate.sandbox.native.canaries import Canaries, prepare
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.names import SECCOMP
from casemate.sandbox.native.steps import Bind, Layered, Synthetic

PAGE = 1 << 16  # the largest of both architectures: it is an offset in a call that maps memory
INSIDE = 2  # pids inside when the target has not started: pid 1 and the target itself


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What is to be tried, and where; all of it made before the first fork."""

    tried: tuple[str, ...]  # the classes
    shots: tuple[tuple[str, Shot], ...]
    acts: tuple[tuple[str, Act], ...]
    ground: Ground

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Give the sockets that only the self-test reaches for; to be closed when it is over."""
        return self.ground.canaries.descriptors


def of(plan: NativePlan) -> SelfTest:
    """Decide what is to be tried for a plan, and prepare what that needs. Raises OSError."""
    said = {part.name: part.layers for row in plan.coverage for part in row.classes if part.layers}
    claimed = [name for name, layers in said.items() if _can_be_tried(name, layers, plan)]
    filtered = frozenset([name for name in claimed if SECCOMP in said[name]])
    room = k.room(acts.SIZE)
    ground = _ground(plan, filtered, prepare(plan, filtered.symmetric_difference(claimed), room), room)
    return aimed(tuple(name for name in claimed if not _is_in_vain(name, ground)), ground)


def aimed(tried: tuple[str, ...], ground: Ground) -> SelfTest:
    """Prepare one act of each of these classes."""
    found = [
        (name, aim(ground)) for names, aim in acts.ACTS if (name := next((name for name in names if name in tried), ""))
    ]
    shots = tuple([(name, aim) for name, aim in found if not callable(aim)])
    chosen = tuple([(name, aim) for name, aim in found if callable(aim)])
    return SelfTest(tried, shots, chosen, ground)


def _can_be_tried(name: str, layers: tuple[str, ...], plan: NativePlan) -> bool:
    """Tell whether there is an act for a class that is said to be withheld by these layers, and not granted."""
    return name in acts.KNOWN and not (
        (name in acts.ONLY_FILTER and SECCOMP not in layers)
        or (name in acts.ONLY_WITH and acts.ONLY_WITH[name] not in layers)
        or (name in acts.ONLY_WITHOUT_NETWORK and plan.filter.inet)
        or (name == "net.udp.send" and any(end.address == acts.NOWHERE for end in plan.outside.connect))
        or (name in acts.ONLY_READING and plan.outside.writes)
    )


def _is_in_vain(name: str, ground: Ground) -> bool:
    """Tell whether what the act reaches for is not to be had here, so that it would prove nothing."""
    return (
        (name in acts.NEEDS_SECRET and not ground.canaries.secret)
        or (name in acts.NEEDS_FILE and not ground.file)
        or (name in acts.NEEDS_SHARED and not ground.canaries.shared_id)
        or (name in acts.NEEDS_OTHER and os.getpid() <= INSIDE)  # then its number is one inside, too
    )


def _ground(plan: NativePlan, filtered: frozenset[str], canaries: Canaries, room: "k.Room") -> Ground:
    layered = {step.seen.path for step in plan.steps if isinstance(step, Layered)}
    read_only = [step.seen for step in plan.steps if isinstance(step, Bind) and not step.write]
    files = [step.path for step in plan.steps if isinstance(step, Synthetic)]
    directory = next((seen.path for seen in read_only if seen.directory and seen.path not in layered), "/")
    return Ground(
        filtered=filtered,
        canaries=canaries,
        directory=os.fsencode(directory),
        file=os.fsencode(files[0]) if files else b"",
        executable=os.fsencode(plan.executable),
        other=os.getpid(),
        numbers=calls.here() if k.COLUMN >= 0 else {},
        room=room,
        token=int.from_bytes(os.urandom(6), "little") * PAGE,
    )


def perform(test: SelfTest) -> None:
    """Try everything. Raises Failed where something was possible or could not be tried."""
    if k.COLUMN < 0:
        raise Failed("self-test", f"system calls of {k.MACHINE} have no table here")
    name = ""
    try:
        for name, shot in test.shots:
            if acts.shoot(shot):
                raise Failed("self-test", f"{name} was possible")
        for name, act in test.acts:
            if act(test.ground):
                raise Failed("self-test", f"{name} was possible")
    except (OSError, ValueError, MemoryError) as error:
        raise Failed("self-test", f"{name} could not be tried: {error}") from None

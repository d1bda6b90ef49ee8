"""What the helper inside is told (packing.py writes it): what the target is, and what it is locked with."""

from _collections_abc import Mapping

from casemate.model.dataclass import dataclass
from casemate.model.policy import Limits
from casemate.sandbox.native import calls
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.acts import SIZE, Ground
from casemate.sandbox.native.canaries import LENGTH, Canaries
from casemate.sandbox.native.contract import NativePlan, Outside
from casemate.sandbox.native.selftest import SelfTest, aimed
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.words import Told, understood

LIMITS = Limits.__match_args__
FILTER = ("wx", "unix", "inet", "spawn")


@dataclass(frozen=True, slots=True)
class Job:
    """What the target is, and what it is locked with."""

    plan: NativePlan  # what of it is used inside: the command, the names of variables, the shape of the filter
    environment: Mapping[str, str]
    rules: tuple[tuple[str, int], ...]  # for Landlock: paths, and how far each stays open
    version: int  # of Landlock, or 0
    filter: bytes
    mdwe: bool
    limits: Limits
    without: frozenset[str]
    test: SelfTest | None
    mounts: bool  # the helper mounts /proc of the view and names the host: it has the right to
    entrances: int  # how many descriptors of groups there are


def unpacked(text: str) -> Job:
    """Read a job. Raises ValueError for what is none."""
    said = Told(understood(text))
    limits = Limits(**dict(zip(LIMITS, said.numbers("limits"), strict=True)))
    return Job(
        plan=_plan(said, limits),
        environment=Told(said["environment"]).pairs(),
        rules=tuple(zip(said.texts("paths"), said.numbers("rights"), strict=True)),
        version=said.number("landlock"),
        filter=said.data("calls"),
        mdwe=said.flag("mdwe"),
        limits=limits,
        without=frozenset(said.texts("without")),
        test=None if said["test"] is None else _test(Told(said["test"])),
        mounts=said.flag("mounts"),
        entrances=said.number("entrances"),
    )


def _plan(said: Told, limits: Limits) -> NativePlan:
    return NativePlan(
        backend="",
        command=said.texts("command"),
        directory=said.text("directory"),
        environment=said.texts("names"),
        operations=(),
        coverage=(),
        executable=said.text("executable"),
        runnable=(),
        steps=(),
        filter=Filter(**{name: name in said.texts("open") for name in FILTER}),
        tmp_bytes=0,
        outside=Outside(limits),
        waits=said.flag("waits"),
        image=said.flag("image"),
    )


def _test(said: Told) -> SelfTest:
    """Prepare the acts in this process: their room is its own memory."""
    room = k.room(SIZE)
    canaries = Canaries(
        secret=said.text("secret"),
        secret_id=said.data("secret_id"),
        folder_id=said.data("folder_id"),
        shared_id=said.data("shared_id"),
        written=said.data("written"),
        vectors=(k.words(8, k.place(room), LENGTH), said.data("there")),
        ipc=said.text("ipc"),
        keyring=said.number("keyring"),
        port=said.number("port"),
        abstract=said.data("abstract"),
    )
    ground = Ground(
        filtered=frozenset(said.texts("filtered")),
        canaries=canaries,
        directory=said.data("directory"),
        file=said.data("file"),
        executable=said.data("executable"),
        other=said.number("other"),
        numbers=calls.here(),
        room=room,
        token=said.number("token"),
    )
    return aimed(said.texts("tried"), ground)

"""What the helper inside is told (packing.py writes it): what the target is, and what it is locked with."""

from _collections_abc import Mapping
from binascii import a2b_base64

from casemate.model.dataclass import dataclass
from casemate.model.policy import Limits
from casemate.model.sandbox import Json
from casemate.sandbox.containers.words import understood
from casemate.sandbox.native import calls
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.acts import SIZE, Ground
from casemate.sandbox.native.canaries import LENGTH, Canaries
from casemate.sandbox.native.contract import NativePlan, Outside
from casemate.sandbox.native.selftest import SelfTest, aimed
from casemate.sandbox.native.steps import Filter

LIMITS = ("cpu_seconds", "wall_seconds", "memory_bytes", "processes", "fds", "output_bytes", "disk_bytes")
FILTER = ("wx", "unix", "inet", "spawn")
IDS = ("secret_id", "folder_id", "shared_id", "written", "abstract")


@dataclass(frozen=True, slots=True)
class Job:
    """What the target is, and what it is locked with."""

    plan: NativePlan  # what of it is used inside: the command, the names of variables, the shape of the filter
    environment: Mapping[str, str]
    rules: tuple[tuple[str, int], ...]  # for Landlock
    version: int  # of Landlock, or 0
    filter: bytes
    mdwe: bool
    limits: Limits
    without: frozenset[str]
    test: SelfTest | None
    mounts: bool  # the helper mounts /proc of the view and names the host: it has the right to
    entrances: int  # how many descriptors of groups there are


def unpacked(text: str) -> Job:
    """Read a job that `packed` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    said = understood(text)
    if not isinstance(said, dict):
        raise ValueError("not a job")  # noqa: TRY004 -- what was written is wrong
    limits = Limits(**dict(zip(LIMITS, said["limits"], strict=True)))
    plan = NativePlan(
        backend="",
        command=tuple(said["command"]),
        directory=said["directory"],
        environment=tuple(said["names"]),
        operations=(),
        coverage=(),
        executable=said["executable"],
        runnable=(),
        steps=(),
        filter=Filter(*said["filter"]),
        tmp_bytes=0,
        outside=Outside(limits),
        waits=said["waits"],
    )
    return Job(
        plan=plan,
        environment=said["environment"],
        rules=tuple((path, rights) for path, rights in said["rules"]),
        version=said["landlock"],
        filter=a2b_base64(said["calls"]),
        mdwe=said["mdwe"],
        limits=limits,
        without=frozenset(said["without"]),
        test=None if said["test"] is None else _prepared(said["test"]),
        mounts=said["mounts"],
        entrances=said["entrances"],
    )


def _prepared(said: "dict[str, Json]") -> SelfTest:
    """Prepare the acts in this process: their room is its own memory."""
    room = k.room(SIZE)
    canaries = Canaries(
        **{name: a2b_base64(text) for name, text in zip(IDS, said["ids"], strict=True)},
        secret=said["secret"],
        vectors=(k.words(8, k.place(room), LENGTH), a2b_base64(said["there"])),
        ipc=said["ipc"],
        keyring=said["keyring"],
        port=said["port"],
    )
    directory, file, executable = map(a2b_base64, said["paths"])
    ground = Ground(
        filtered=frozenset(said["filtered"]),
        canaries=canaries,
        directory=directory,
        file=file,
        executable=executable,
        other=said["other"],
        numbers=calls.here(),
        room=room,
        token=said["token"],
    )
    return aimed(tuple(said["tried"]), ground)

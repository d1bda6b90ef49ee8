"""What the helper inside is told: as JSON in a file in memory that only it reads, never in arguments or variables."""

from _collections_abc import Mapping
from binascii import a2b_base64, b2a_base64

from casemate.model.dataclass import dataclass, field
from casemate.model.policy import Limits
from casemate.model.sandbox import Json
from casemate.sandbox.containers.words import understood, written
from casemate.sandbox.native import calls, landlock, names
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.acts import SIZE, Ground
from casemate.sandbox.native.canaries import LENGTH, Canaries
from casemate.sandbox.native.contract import NativePlan, Outside
from casemate.sandbox.native.selftest import SelfTest, aimed
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.native.steward import Prepared, for_each

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
    settings: Mapping[str, bool] = field(default_factory=dict[str, bool])


def packed(  # noqa: PLR0913 -- what a job is made of
    plan: NativePlan,
    environment: Mapping[str, str],
    prepared: Prepared,
    *,
    mounts: bool,
    entrances: int,
    untried: frozenset[str] = frozenset(),
) -> bytes:
    """Write a job. `untried` are classes whose acts tell nothing in this world."""
    values = {name: environment[name] for name in plan.environment if name in environment}
    if names.ENVIRONMENT in prepared.without:
        values = dict(environment)
    limits = for_each(plan.outside.limits, prepared)
    test = prepared.test
    said: Json = {
        "command": plan.command,
        "executable": plan.executable,
        "directory": plan.directory,
        "names": plan.environment,
        "environment": values,
        "filter": [getattr(plan.filter, name) for name in FILTER],
        "rules": [list(rule) for rule in landlock.rules(plan)],
        "landlock": prepared.landlock,
        "calls": _text(prepared.filter),
        "mdwe": prepared.mdwe,
        "limits": [getattr(limits, name) for name in LIMITS],
        "without": sorted(prepared.without),
        "test": None if test is None else _test(test, untried),
        "mounts": mounts,
        "entrances": entrances,
    }
    return written(said).encode()


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


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def _test(test: SelfTest, untried: frozenset[str]) -> Json:
    """Write what the self-test reaches for: numbers and names of things outside, that casemate knows."""
    ground, canaries = test.ground, test.ground.canaries
    return {
        "tried": [name for name in test.tried if name not in untried],
        "filtered": sorted(ground.filtered),
        "ids": [_text(getattr(canaries, name)) for name in IDS],
        "secret": canaries.secret,
        "there": _text(canaries.vectors[1]),
        "ipc": canaries.ipc,
        "keyring": canaries.keyring,
        "port": canaries.port,
        "paths": [_text(path) for path in (ground.directory, ground.file, ground.executable)],
        "other": ground.other,
        "token": ground.token,
    }


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

"""What a backend answers: what it cannot withhold, and what exactly it would start."""

from _collections_abc import Mapping, Sequence

from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, field
from casemate.model.words import StrEnum

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import TypeAlias

Json: "TypeAlias" = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


class Enforcement(StrEnum):
    """How far a backend withholds a capability that a policy denies. There is no word for "safe"."""

    ENFORCED = "enforced"  # by more than one layer
    SINGLE = "single layer"
    PARTLY = "partly enforced"
    NOT = "not enforced"
    DESCRIBED = "not enforceable"  # code.*, rt.* …: only described, by any backend


class Boundary(StrEnum):
    """What stands between a program and its host: what an attacker must break to leave."""

    KERNEL = "kernel"  # the host's own, which the program calls
    USER_KERNEL = "user-space kernel"  # gVisor: another one, which calls the host's for it
    HYPERVISOR = "hypervisor"
    WASM = "wasm"
    JVM = "jvm"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a backend stands on here: which boundary, in which version, or why there is none and what installs it.

    `residual` says in plain words what remains. `assured`: its vendor offers it as a boundary against hostile code.
    `slow`: how many times longer than outside a program may take to start, where somebody gives it seconds to do so.
    """

    boundary: Boundary
    available: bool
    version: str = ""
    why_not: str = ""
    install: str = ""
    residual: tuple[str, ...] = ()
    assured: bool = True
    slow: int = 1


@dataclass(frozen=True, slots=True)
class Layer:
    """One mechanism outside the interpreter, and whether this host has it."""

    name: str
    available: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ClassCoverage:
    """Which layers withhold one class of acts of model.classes on this host under a policy."""

    name: str
    enforcement: Enforcement
    layers: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which layers withhold a capability on this host under a policy: as far as the weakest of its classes."""

    capability: Capability
    enforcement: Enforcement
    layers: tuple[str, ...]
    note: str = ""
    classes: tuple[ClassCoverage, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A capability that the policy denies and that a backend cannot withhold here."""

    capability: Capability
    reason: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a plan does, in order: `mount`, `landlock`, `seccomp`, `limit`, `exec` and so on."""

    name: str
    arguments: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def __str__(self) -> str:
        """Print as one line for `--dry-run`."""
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.arguments.items())])


@dataclass(frozen=True, slots=True)
class Plan:
    """Exactly what would be started. It names environment variables and never holds their values: printing is safe."""

    backend: str
    command: tuple[str, ...]
    directory: str
    environment: tuple[str, ...]
    operations: tuple[Operation, ...]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: an argument vector (never a string), the executable file already found, and where it starts.

    `python`: it is an interpreter of Python, and its arguments are those of python(1). `waits`: it is made ready, and
    then waits for further arguments on standard input.
    """

    argv: tuple[str, ...]
    executable: str
    directory: str
    python: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Denial:
    """Something the program tried and did not get."""

    capability: Capability
    resource: str
    detail: str = ""


class ChangeKind(StrEnum):
    """What a program did to a name in a folder that it may write."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"
    DIRECTORY = "directory added"
    EMPTIED = "directory emptied"  # made anew in the place of one that was there
    OTHER = "other"  # a link, a device, a name that cannot be copied out, or a layer that is too large


@dataclass(frozen=True, slots=True)
class FileChange:
    """One change under a write grant in mode commit, by its absolute path.

    `before` and `after` are sizes in bytes, None where there is no file. `persist`: something later executes what is
    written there. `copied`: the host has it now; else `reason` says why not. `difference` are lines of a unified diff,
    as far as they were asked for and are short. Path and lines are the program's words: escape them before printing.
    """

    path: str
    kind: ChangeKind
    before: int | None = None
    after: int | None = None
    persist: bool = False
    copied: bool = False
    reason: str = ""
    difference: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a confined run ended: exit code 0 to 255 as a shell would show it, resource use, and what was denied."""

    code: int
    signal: int | None = None
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    max_rss_bytes: int = 0
    ended_by: str = ""  # "" | "cpu limit" | "memory limit" | "wall limit" | "output limit" | "caller"
    denials: tuple[Denial, ...] = ()
    committed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    changes: tuple[FileChange, ...] = ()  # where they were asked for
    last_words: bytes = b""  # the end of what the program wrote on standard error, or on its terminal
    backend: str = ""  # what confined it

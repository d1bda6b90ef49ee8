"""The steps that build the root inside, in order, and the shape of the system call filter: what a plan is made of.

Each step knows how it prints (`Operation`); `root.py` carries it out. Nothing else ever gets into the root.
"""

from casemate.model.dataclass import dataclass
from casemate.model.never import assert_never
from casemate.model.sandbox import Json, Operation

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Seen:
    """Which file a path named when the plan was made: compared again after it was opened, before it is bound."""

    path: str
    device: int
    inode: int
    directory: bool


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or tree of the host. `execute`: it may be mapped so; `write`: at once (direct).

    `at` is where it is put inside, "" for its own path; the same holds for the steps below.
    """

    seen: Seen
    execute: bool = False
    write: bool = False
    at: str = ""

    @property
    def place(self) -> str:
        """Give the path inside."""
        return self.at or self.seen.path


@dataclass(frozen=True, slots=True)
class Layered:
    """A write grant in mode commit: a private layer of at most `size` bytes over the host's file or tree."""

    seen: Seen
    size: int
    at: str = ""

    @property
    def place(self) -> str:
        """Give the path inside."""
        return self.at or self.seen.path


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link on the way to a granted path, as it is on the host."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Private:
    """An empty directory of the run's own, in memory."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A small file that describes the world inside instead of the host."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Device:
    """A harmless device node of the host."""

    path: str
    at: str = ""

    @property
    def place(self) -> str:
        """Give the path inside."""
        return self.at or self.path


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory that must be there (where the program starts); `listed`: the names in it may be read."""

    path: str
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Hide:
    """An unreadable empty file or directory over a denied path. `fleeting`: it may be gone when the root is built."""

    path: str
    directory: bool
    fleeting: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A directory of the host that shows, read-only, wherever nothing else of the root is. It is the last step."""

    seen: Seen


Step: "TypeAlias" = Bind | Layered | Link | Private | Synthetic | Device | Folder | Hide | Image


@dataclass(frozen=True, slots=True)
class Filter:
    """What the system call filter leaves open because the policy grants it."""

    wx: bool = False  # memory that is writable and executable
    unix: bool = False  # AF_UNIX sockets
    inet: bool = False  # AF_INET and AF_INET6, stream and datagram
    spawn: bool = False  # further execve calls, by path
    kvm: bool = False  # /dev/kvm, and what can be asked of it: the runtime of a virtual machine, never a program

    def __str__(self) -> str:
        """Name what is open, for the printed plan."""
        return ",".join(name for name in ("wx", "unix", "inet", "spawn", "kvm") if getattr(self, name)) or "nothing"


def describe(step: Step) -> Operation:  # noqa: PLR0911 -- one answer for each kind of step
    """Print a step: what, where, how; never a content."""
    match step:
        case Bind(seen, execute, write):
            mode = ("rw" if write else "ro") + (",exec" if execute else "")
            inode = f"{seen.device:x}:{seen.inode}"
            return Operation("bind", {"path": seen.path, "mode": mode, "inode": inode, **_elsewhere(step.at)})
        case Layered(seen, size):
            inode = f"{seen.device:x}:{seen.inode}"
            return Operation("layer", {"path": seen.path, "max": size, "inode": inode, **_elsewhere(step.at)})
        case Link(path, text):
            return Operation("symlink", {"path": path, "to": text})
        case Private(path, size):
            return Operation("tmpfs", {"path": path, "max": size})
        case Synthetic(path, _):
            return Operation("file", {"path": path})
        case Device(path):
            return Operation("device", {"path": path, **_elsewhere(step.at)})
        case Folder(path):
            return Operation("directory", {"path": path})
        case Hide(path):
            return Operation("hide", {"path": path})
        case Image(seen):
            return Operation("image", {"path": seen.path, "mode": "ro,exec", "inode": f"{seen.device:x}:{seen.inode}"})
        case _:
            return assert_never(step)


def _elsewhere(at: str) -> dict[str, Json]:
    return {"at": at} if at else {}

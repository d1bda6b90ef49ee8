"""What is mounted where: the table /proc/self/mountinfo, proc_pid_mountinfo(5)."""

from _collections_abc import Collection, Iterator

from casemate.model.dataclass import dataclass
from casemate.sandbox.native.paths import unescaped

TABLE = "/proc/self/mountinfo"


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: what of its file system, at which place, and how that was made."""

    root: str
    place: str
    kind: str
    options: tuple[str, ...]


def mounts(table: str, kinds: Collection[str]) -> Iterator[Mount]:
    r"""Yield the mounts of these kinds.

    Only "\n" ends a line: the kernel writes every other character of a path as it is but blank, tab and backslash, so
    that `str.splitlines` would take what somebody has named a directory for a line of its own.
    """
    for line in table.split("\n"):
        before, _, after = line.partition(" - ")
        kind, _, rest = after.partition(" ")
        if kind in kinds:
            root, place = (unescaped(part) for part in before.split(" ")[3:5])
            yield Mount(root, place, kind, tuple(rest.rpartition(" ")[2].split(",")))

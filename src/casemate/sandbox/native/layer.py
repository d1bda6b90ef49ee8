"""Reads what a target left in an overlay's upper directory: which names it created, changed and deleted.

The layer is hostile, but nobody writes to it any more: the target is dead. overlayfs marks a deleted name by a
character device 0:0, a replaced directory by an extended attribute (kernel, Documentation/filesystems/overlayfs.rst).
"""

import os
import stat
from collections.abc import Callable
from enum import StrEnum

from casemate.model.dataclass import dataclass

DEPTH = 64  # directories below one another; deeper ones are refused
FILES = 100_000  # names in one layer
CHARACTERS = 32 << 20  # of all their paths together: what a deep tree of long names makes us remember
OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
MOVED = ("redirect", "metacopy")  # attributes by which content lies elsewhere; these features are off, so refuse them
CONTROL = frozenset((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))

Protected = Callable[[str], str]  # relative path → why it may not be written, or ""


class TooMuch(Exception):  # noqa: N818 -- a limit, not a fault
    """The layer is larger than its quota; nothing of it is copied out."""


class Kind(StrEnum):
    """What happens to a name."""

    FILE = "write"
    DIRECTORY = "make directory"
    REPLACED = "replace directory"  # whatever was in it is gone
    DELETED = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One name that changes: its path below the granted directory, size in bytes, and permission bits."""

    path: str
    kind: Kind
    size: int = 0
    mode: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """One name that is not copied out, and why. A directory stands for everything below it.

    `lost`: no rule of the policy keeps it back, but the host, or that there is too much of it.
    """

    path: str
    reason: str
    lost: bool = False

    @classmethod
    def of(cls, path: str, why: Exception) -> "Refusal":
        """Make one of what went wrong."""
        return cls(path, (why.strerror if isinstance(why, OSError) else None) or str(why), lost=True)


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything in a layer, parents before what is in them."""

    applied: tuple[Change, ...]
    refused: tuple[Refusal, ...]

    def check_size(self, limit: int) -> None:
        """Raise TooMuch where more than `limit` bytes (0 = any) would be copied; a hole counts as if it were full."""
        check_size(sum(change.size for change in self.applied), limit)


def check_size(size: int, limit: int) -> None:
    """Raise TooMuch where `size` is more than `limit` (0 = any)."""
    if limit and size > limit:
        raise TooMuch(f"{size} bytes")


def nothing_protected(_path: str) -> str:
    """Protect no name."""
    return ""


def changes(upper: int, protected: Protected = nothing_protected, *, files: int = FILES) -> Changes:
    """List what a layer changes. `upper` is a descriptor of it. Raises TooMuch for more than `files` names."""
    walk = _Walk(protected, files)
    _searchable(upper)
    root = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=upper)
    try:
        walk.directory(root, "", 0)
    finally:
        os.close(root)
    return walk.result()


def open_entry(directory: int, name: str, flags: int) -> int:
    """Open an entry of the layer without following links, giving ourselves the right to read it if it has none.

    Raises OSError.
    """
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
        _searchable(descriptor)
        return descriptor  # noqa: TRY300 -- the error is that of opening
    except PermissionError:
        path = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.chmod(f"/proc/self/fd/{path}", stat.S_IRWXU)  # noqa: PTH101 -- by descriptor, so that no link is followed
        finally:
            os.close(path)
        return os.open(name, flags, dir_fd=directory)


def _searchable(descriptor: int) -> None:
    """Give ourselves the right to look at what is in a directory of the layer, if its owner took it away."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
        os.fchmod(descriptor, stat.S_IMODE(mode) | stat.S_IRWXU)


class _Walk:
    """Collects the changes of one layer."""

    def __init__(self, protected: Protected, files: int) -> None:
        self._protected, self._left, self._characters = protected, files, 0
        self._applied: list[Change] = []
        self._refused: list[Refusal] = []
        self._links: dict[int, list[str]] = {}
        self._expected: dict[int, int] = {}

    def directory(self, fd: int, path: str, depth: int) -> None:
        """Look at every name in a directory."""
        for name in sorted(os.listdir(fd)):
            self._left -= 1
            if self._left < 0:
                raise TooMuch("more names than the layer may hold")
            below = f"{path}/{name}" if path else name
            self._characters += len(below)
            if self._characters > CHARACTERS:
                raise TooMuch("longer names than the layer may hold")
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            why = _unfit(name, status) or (depth >= DEPTH and "too deep") or self._guarded(below, status)
            if why:
                self._refused.append(Refusal(below, why))
            else:
                self._entry(fd, name, below, status, depth)

    def result(self) -> Changes:
        """Put the list together; a file with a link that was not seen here is refused."""
        outside = {path for inode, paths in self._links.items() if len(paths) < self._expected[inode] for path in paths}
        self._refused.extend(Refusal(path, "a hard link to a file elsewhere") for path in sorted(outside))
        applied = tuple(change for change in self._applied if change.path not in outside)
        return Changes(applied, tuple(self._refused))

    def _guarded(self, path: str, status: os.stat_result) -> str:
        """Ask for the name, and for a file also as if it were a directory.

        A file called .git names a repository elsewhere, with hooks of its own (gitrepository-layout(5)).
        """
        return self._protected(path) or (self._protected(f"{path}/hooks") if stat.S_ISREG(status.st_mode) else "")

    def _entry(self, fd: int, name: str, path: str, status: os.stat_result, depth: int) -> None:
        mode = stat.S_IMODE(status.st_mode) & 0o777
        if stat.S_ISCHR(status.st_mode):
            self._applied.append(Change(path, Kind.DELETED))
        elif stat.S_ISREG(status.st_mode):
            if status.st_nlink > 1:
                self._links.setdefault(status.st_ino, []).append(path)
                self._expected[status.st_ino] = status.st_nlink
            self._applied.append(Change(path, Kind.FILE, status.st_size, mode))
        else:
            below = open_entry(fd, name, os.O_DIRECTORY)
            try:
                self._subdirectory(below, path, mode, depth)
            finally:
                os.close(below)

    def _subdirectory(self, fd: int, path: str, mode: int, depth: int) -> None:
        attributes = os.listxattr(fd)
        if any(attribute.endswith(f".overlay.{moved}") for attribute in attributes for moved in MOVED):
            self._refused.append(Refusal(path, "its content lies elsewhere"))
            return
        opaque = any(name in attributes and os.getxattr(fd, name) == b"y" for name in OPAQUE)
        self._applied.append(Change(path, Kind.REPLACED if opaque else Kind.DIRECTORY, 0, mode))
        self.directory(fd, path, depth + 1)


def _unfit(name: str, status: os.stat_result) -> str:
    """Say why an entry can never be copied out, or ""."""
    kind = status.st_mode
    if not CONTROL.isdisjoint(map(ord, name)):
        return "a control character in its name"  # terminals, logs and scripts read such names wrongly (CWE-150)
    if stat.S_ISLNK(kind):
        return "a symbolic link"
    if stat.S_ISCHR(kind) and status.st_rdev == 0:
        return ""
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return "neither a file nor a directory"
    if stat.S_ISREG(kind) and kind & (stat.S_ISUID | stat.S_ISGID):
        return "set-user-ID or set-group-ID"
    return ""

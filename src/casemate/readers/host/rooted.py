"""Opens a path as if a directory were the root: no link on the way, and no `..`, leads out of that directory.

As openat2(2) does with RESOLVE_IN_ROOT, descriptor by descriptor: what was looked at is what is read, whoever changes
the directory meanwhile.
"""

import os
import stat
from errno import ELOOP
from typing import Self

from casemate.model.dataclass import dataclass

LINKS = 40  # as the kernel: MAXSYMLINKS


@dataclass(frozen=True, slots=True)
class Rooted:
    """A file below a directory: its path there, every link resolved, and an O_PATH descriptor, closed by `with`."""

    path: str
    descriptor: int

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        os.close(self.descriptor)

    @property
    def place(self) -> str:
        """Give a name by which this very file can be opened."""
        return f"/proc/self/fd/{self.descriptor}"

    @property
    def mode(self) -> int:
        """Give its type and permissions."""
        return os.fstat(self.descriptor).st_mode


def find(root: str, path: str) -> Rooted:
    """Find an absolute path below `root`. Raises OSError as open(2) would."""
    pending, passed = _parts(path), 0
    names, folders = list[str](), [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        while pending:
            part = pending.pop()
            if part == "..":
                _leave(names, folders, len(names) - 1)
                continue
            here = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folders[-1])
            names.append(part)
            folders.append(here)
            if not stat.S_ISLNK(os.fstat(here).st_mode):
                continue
            text, passed = os.readlink("", dir_fd=here), passed + 1
            if passed > LINKS:
                raise OSError(ELOOP, os.strerror(ELOOP), path)
            _leave(names, folders, 0 if text.startswith("/") else len(names) - 1)
            pending += _parts(text)
        return Rooted("/" + "/".join(names), os.dup(folders[-1]))
    finally:
        for descriptor in folders:
            os.close(descriptor)


def _parts(path: str) -> list[str]:
    """Give the parts of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _leave(names: list[str], folders: list[int], depth: int) -> None:
    """Go back to a depth; above the root there is nothing."""
    while len(names) > max(depth, 0):
        names.pop()
        os.close(folders.pop())

"""Questions about the host's files, asked because a program named them: by lstat(2), through no link unseen.

A hostile program chooses the paths. To look below an automounter's directory would make the kernel mount what the path
names, which may be a server of somebody else (autofs(5)), so nothing is looked at there; links are followed one by one.
"""
# ruff: noqa: PTH115, PTH208 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import functools
import os
import stat
from collections.abc import Iterator

from casemate.model.tree import below

STEPS = 40  # links on the way, as the kernel has it: path_resolution(7)
LONGEST = 4096
NAMES = 1000  # of a folder that is listed


class Host:
    """Looks at this host. What cannot be looked at is not there."""

    def __init__(self, avoided: tuple[str, ...] | None = None) -> None:
        """Take the places below which nothing is looked at; by default the automounter's."""
        self._avoided = automounted() if avoided is None else avoided

    def there(self, path: str) -> bool:
        """Tell whether something has this absolute path."""
        return self._status(path) is not None

    def file(self, path: str) -> bool:
        """Tell whether a regular file has this path, or a link that leads to one."""
        status = self._status(path)
        return status is not None and stat.S_ISREG(status.st_mode)

    def folder(self, path: str) -> bool:
        """Tell whether a directory has this path, or a link that leads to one."""
        status = self._status(path)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def below(self, path: str, begin: str) -> Iterator[str]:
        """Yield what lies in a folder under a name that begins so."""
        if self.folder(path):
            try:
                names = sorted(os.listdir(path))[:NAMES]
            except OSError:
                return
            yield from (f"{path}/{name}" for name in names if name.startswith(begin))

    def _status(self, path: str) -> os.stat_result | None:
        """Look at where a path leads, one name after the other."""
        if not path.startswith("/") or "\0" in path or len(path) > LONGEST:
            return None
        left, at, steps = path.split("/"), "", 0
        status: os.stat_result | None = os.lstat("/")
        while left:
            name = left.pop(0)
            if name in ("", "."):
                continue
            at = at.rpartition("/")[0] if name == ".." else f"{at}/{name}"
            if any(below(at, place) for place in self._avoided):
                return None
            try:
                status = os.lstat(at or "/")
                if stat.S_ISLNK(status.st_mode):
                    steps += 1
                    text = os.readlink(at)
                    at = "" if text.startswith("/") else at.rpartition("/")[0]
                    left = [*text.split("/"), *left]
            except OSError:
                return None
            if steps > STEPS:
                return None
        return status


@functools.cache
def automounted() -> tuple[str, ...]:
    """Name the directories whose names are made when somebody asks for them: proc(5), mountinfo."""
    places = list[str]()
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:  # noqa: PTH123 -- the kernel's
            for line in table:
                before, _, after = line.partition(" - ")
                if after.startswith("autofs "):
                    first, *escaped = before.split(" ")[4].split("\\")  # three octal digits after each
                    places.append(first + "".join(chr(int(part[:3], 8)) + part[3:] for part in escaped))
    except OSError:
        return ("",)  # then nothing is looked at: every path begins so
    return tuple(places)

"""Which files an audit reads: every Python file below what was asked for, in order, and why others were not read."""
# ruff: noqa: PTH110, PTH112, PTH116, PTH119, PTH120, PTH123 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from casemate.model.errors import InputError
from casemate.model.finding import Skipped, Why

LARGEST = 10_000_000  # bytes of one file
SUFFIXES = (".py", ".pyw")
SHEBANG = 200  # bytes of the first line


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files to read in order, what was left out and why, and how many files are of no kind that is read."""

    paths: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    out_of_scope: int
    roots: tuple[str, ...]


class Walk:
    """One walk over what was asked for."""

    def __init__(self, exclude: Sequence[str], largest: int) -> None:
        """Begin with nothing seen."""
        self.exclude, self.largest = exclude, largest
        self.paths: list[str] = []
        self.skipped: list[Skipped] = []
        self.out_of_scope = 0
        self._directories: set[tuple[int, int]] = set()

    def directory(self, top: str) -> None:
        """Read a directory and all below it, each once however links lead there."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                status = os.stat(folder)
                key = (status.st_dev, status.st_ino)
                if key in self._directories:
                    continue
                self._directories.add(key)
                with os.scandir(folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.skip(folder, Why.UNREADABLE, error.strerror or "cannot be read")
                continue
            below: list[str] = []
            for entry in found:
                path = entry.name if folder == os.curdir else entry.path  # as people write it, without `./`
                if not self.excluded(path):
                    below += self.entry(entry, path)
            waiting += reversed(below)

    def entry(self, entry: "os.DirEntry[str]", path: str) -> Iterator[str]:
        """Take one entry: a directory is given back, a file is looked at."""
        try:
            if entry.is_symlink():
                self.link(path)
            elif entry.is_dir():
                yield path
            else:
                self.file(path)
        except OSError as error:
            self.skip(path, Why.UNREADABLE, error.strerror or "cannot be read")

    def link(self, path: str) -> None:
        """Take a link to a file as that file; one to a directory is not followed, and listed where it leads outside."""
        if os.path.isdir(path):
            target = os.path.realpath(path)
            if not any(target == root or target.startswith(root + os.sep) for root in self.roots):
                self.skip(path, Why.LINK, "a directory outside of what was asked for")
        elif os.path.exists(path):
            self.file(path)
        elif path.endswith(SUFFIXES):
            self.skip(path, Why.LINK, "leads to nothing")

    roots: tuple[str, ...] = ()

    def file(self, path: str, *, asked: bool = False) -> None:
        """Take a file if it is Python."""
        python = path.endswith(SUFFIXES)
        try:
            status = os.stat(path)
        except OSError as error:
            self.skip(path, Why.UNREADABLE, error.strerror or "cannot be read")
            return
        if not stat.S_ISREG(status.st_mode):
            if python or asked:
                self.skip(path, Why.NOT_A_FILE, "not a regular file")
            else:
                self.out_of_scope += 1
            return
        if not python and not asked and not self.script(path):
            self.out_of_scope += 1
        elif status.st_size > self.largest:
            self.skip(path, Why.TOO_LARGE, f"{status.st_size} bytes; the limit is {self.largest}")
        else:
            self.paths.append(path)

    def script(self, path: str) -> bool:
        """Tell whether a file without a Python name starts Python."""
        if "." in os.path.basename(path):
            return False
        try:
            with open(path, "rb") as file:
                first = file.read(SHEBANG).partition(b"\n")[0]
        except OSError as error:
            self.skip(path, Why.UNREADABLE, error.strerror or "cannot be read")
            return False
        return first.startswith(b"#!") and b"python" in first

    def excluded(self, path: str) -> bool:
        """Tell whether the scope leaves this path out."""
        name = os.path.basename(path)
        return any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in self.exclude)

    def skip(self, path: str, why: Why, detail: str) -> None:
        """List what is not read."""
        self.skipped.append(Skipped(path, 0, why, detail))


def choose(paths: Sequence[Path | str], exclude: Sequence[str] = (), largest: int = LARGEST) -> Chosen:
    """Give the Python files below the paths. Raises InputError for a path that does not exist."""
    walk = Walk(exclude, largest)
    walk.roots = tuple(os.path.realpath(path) for path in paths)
    roots: list[str] = []
    for path in paths:
        name = os.fspath(path)
        if not os.path.lexists(name):
            raise InputError(f"{name}: no such file or directory")
        if os.path.isdir(name):
            roots.append(os.path.normpath(name))
            walk.directory(os.path.normpath(name))
        else:
            roots.append(os.path.dirname(os.path.normpath(name)) or os.curdir)
            walk.file(os.path.normpath(name), asked=True)
    unique = tuple(dict.fromkeys(walk.paths))
    return Chosen(unique, tuple(sorted(set(walk.skipped))), walk.out_of_scope, tuple(dict.fromkeys(roots)))


def read(path: str, largest: int = LARGEST) -> bytes | Skipped:
    """Give the bytes of a file, or why not. A file that grows meanwhile is not read beyond the limit.

    A FIFO that took the place of the file meanwhile does not make us wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # `open` would refuse a directory and leave it open
            os.close(descriptor)
            return Skipped(path, 0, Why.NOT_A_FILE, "not a regular file")
        with open(descriptor, "rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        return Skipped(path, 0, Why.UNREADABLE, error.strerror or "cannot be read")
    if len(data) > largest:
        return Skipped(path, 0, Why.TOO_LARGE, f"more than {largest} bytes")
    return data

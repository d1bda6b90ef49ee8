"""Copies out what a target wrote under a grant in mode commit, after it is dead, and nothing that the policy withholds.

Everything happens below the descriptor of the granted directory, one component after the other, never following a link
(openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV, spelled out): whoever swaps a directory for a link
on the host meanwhile makes a refusal, not a write elsewhere (CVE-2026-50549, sandlock#112). A file is complete under a
name of its own before it takes its place. It belongs to the caller, or to the owner of the file that it replaces;
set-user-ID, extended attributes and ACLs are not carried over. Directories that exist keep their modes.
"""

import errno
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager

from casemate.model.dataclass import dataclass
from casemate.model.persist import persists
from casemate.model.tree import below
from casemate.sandbox.native.contract import CommitLayer
from casemate.sandbox.native.layer import (
    FILES,
    Change,
    Changes,
    Kind,
    Protected,
    Refusal,
    TooMuch,
    changes,
    check_size,
    open_entry,
)
from casemate.sandbox.native.replace import Replaced, is_same, overwrite, put
from casemate.sandbox.native.unfinished import sweep

DENIED = "denied by the policy"
HOST_DEPTH = 200  # directories below one another that are deleted
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Committed:
    """What was written and deleted on the host (absolute paths), and what was not, and why."""

    committed: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


class Kept(Exception):  # noqa: N818 -- an answer, not a fault
    """A change that does not happen; the message is the reason."""


class Spared(Kept):
    """One for which a rule of the policy is the reason."""


def protected_names(root: str, deny: tuple[str, ...], *, persist: bool) -> Protected:
    """Make the question "why may this not be written?" for paths below `root`."""

    def why(path: str) -> str:
        absolute = os.path.normpath(f"{root}/{path}")
        if any(below(absolute, denied) for denied in deny):
            return DENIED
        if persist and (persists(absolute) or persists(f"{absolute}/")):
            return "something later executes or trusts what is written there (fs.persist)"
        return ""

    return why


def commit(
    layer: CommitLayer, deny: tuple[str, ...] = (), *, persist: bool = True, umask: int = 0o077, files: int = FILES
) -> Committed:
    """Copy out one layer. When it is over its quota nothing is copied, and the only refusal says so."""
    write = layer.write
    protected = protected_names(write.path, deny, persist=persist)
    try:
        if not write.directory:
            return _file(layer, protected)
        listed = changes(layer.upper, protected, files=files)
        listed.check_size(write.max_bytes)
    except TooMuch as much:
        limit = f"{write.max_bytes} bytes and {files} files"
        return _nothing(write.path, f"over the quota of {limit} ({much})")
    except OSError as why:
        return _nothing(write.path, f"the layer cannot be read ({why})")
    return _Tree(layer, protected, umask).apply(listed)


def _nothing(path: str, why: str) -> Committed:
    return Committed(refused=(Refusal(path, f"{why}: nothing was copied", lost=True),))


def _file(layer: CommitLayer, protected: Protected) -> Committed:
    """Copy out a single granted file, if it was changed. Raises TooMuch."""
    path = layer.write.path
    check_size(os.fstat(layer.upper).st_size, layer.write.max_bytes)
    try:
        if is_same(layer.upper, layer.target):
            return Committed()
        why = protected("")
        if why:
            return Committed(refused=(Refusal(path, why),))
        overwrite(layer.upper, layer.target, path)
    except (Replaced, OSError) as why:
        return Committed(refused=(Refusal.of(path, why),))
    return Committed((path,))


class _Tree:
    """Applies the changes of a layer below one directory of the host."""

    def __init__(self, layer: CommitLayer, protected: Protected, umask: int) -> None:
        self._layer, self._protected, self._umask = layer, protected, umask
        self._device = os.fstat(layer.target).st_dev
        self._swept = set[str]()

    def apply(self, listed: Changes) -> Committed:
        """Apply them all; one that fails leaves the others be, but nothing is written below a directory that failed."""
        done: list[str] = []
        refused = [Refusal(f"{self._layer.write.path}/{entry.path}", entry.reason) for entry in listed.refused]
        failed = ""
        for change in listed.applied:
            if failed and change.path.startswith(failed):
                continue
            where = f"{self._layer.write.path}/{change.path}"
            try:
                if self._apply(change):
                    done.append(where)
            except (Kept, OSError) as why:
                refused.append(Refusal(where, str(why)) if isinstance(why, Spared) else Refusal.of(where, why))
                failed = f"{change.path}/"
        return Committed(tuple(done), tuple(refused))

    def _apply(self, change: Change) -> bool:
        """Make one change; tell whether the host is any different."""
        folder, _, name = change.path.rpartition("/")
        with self._directory(self._layer.target, folder) as parent:
            match change.kind:
                case Kind.DELETED:
                    return self._remove(parent, name, change.path)
                case Kind.FILE:
                    return self._write(parent, name, change)
                case Kind.DIRECTORY | Kind.REPLACED:
                    return self._make(parent, name, change)

    @contextmanager
    def _directory(self, root: int, path: str) -> Generator[int]:
        """Open a directory below `root`, component by component."""
        fd = os.open(".", DIRECTORY, dir_fd=root)
        try:
            for name in filter(None, path.split("/")):
                below = self._enter(fd, name)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _enter(self, parent: int, name: str) -> int:
        """Open one component. Raises Kept for a link, for something else, or for another file system mounted there."""
        try:
            fd = os.open(name, DIRECTORY, dir_fd=parent)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise Kept("the host changed it to something other than a directory meanwhile") from error
            raise
        if os.fstat(fd).st_dev != self._device:
            os.close(fd)
            raise Kept("another file system is mounted there")
        return fd

    def _write(self, parent: int, name: str, change: Change) -> bool:
        folder, _, _ = change.path.rpartition("/")
        if folder not in self._swept:
            self._swept.add(folder)
            sweep(parent)
        old = _status(parent, name)
        if old is not None and stat.S_ISDIR(old.st_mode):
            self._remove(parent, name, change.path)
        with _upper_directory(self._layer.upper, folder) as upper:
            source = open_entry(upper, name, 0)
        try:
            put(source, parent, name, change.mode & ~self._umask, change.size)
        finally:
            os.close(source)
        return True

    def _make(self, parent: int, name: str, change: Change) -> bool:
        old = _status(parent, name)
        if old is not None and stat.S_ISDIR(old.st_mode):
            return change.kind is Kind.REPLACED and self._empty(parent, name, change.path)
        if old is not None:
            self._remove(parent, name, change.path)
        os.mkdir(name, (change.mode | stat.S_IRWXU) & ~(self._umask & 0o077), dir_fd=parent)
        return True

    def _remove(self, parent: int, name: str, path: str) -> bool:
        """Delete a name and all below it, unless something there is protected; tell whether it was there."""
        old = _status(parent, name)
        if old is None:
            return False
        if stat.S_ISDIR(old.st_mode):
            self._empty(parent, name, path)
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
        return True

    def _empty(self, parent: int, name: str, path: str) -> bool:
        """Delete everything in a directory after a look at all of it; tell whether anything was there."""
        self._below(parent, name, path, self._spare)
        return self._below(parent, name, path, self._clear)

    def _below(self, parent: int, name: str, path: str, act: Callable[[int, str, str], None]) -> bool:
        """Do something with every name in a directory; tell whether there was any."""
        if path.count("/") > HOST_DEPTH:
            raise Kept("too deep")
        fd = self._enter(parent, name)
        try:
            names = os.listdir(fd)  # noqa: PTH208 -- a descriptor
            for below in names:
                act(fd, below, f"{path}/{below}")
        finally:
            os.close(fd)
        return bool(names)

    def _spare(self, parent: int, name: str, path: str) -> None:
        """Raise Kept if this name, or something below it, is protected."""
        why = self._protected(path)
        if why:
            raise Spared(f"it holds {path}: {why}")
        if _is_directory(parent, name):
            self._below(parent, name, path, self._spare)

    def _clear(self, parent: int, name: str, path: str) -> None:
        """Delete this name and all below it, now that it was looked at."""
        if _is_directory(parent, name):
            self._below(parent, name, path, self._clear)
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)


def _is_directory(parent: int, name: str) -> bool:
    """Tell whether a name is a directory itself, and not a link to one."""
    status = _status(parent, name)
    return status is not None and stat.S_ISDIR(status.st_mode)


@contextmanager
def _upper_directory(upper: int, path: str) -> Generator[int]:
    """Open a directory of the layer. Nobody changes it any more, but links are not followed there either."""
    fd = os.open(".", DIRECTORY, dir_fd=upper)
    try:
        for name in filter(None, path.split("/")):
            below = open_entry(fd, name, os.O_DIRECTORY)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _status(parent: int, name: str) -> os.stat_result | None:
    """Look at a name, not through it; None where there is none."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None

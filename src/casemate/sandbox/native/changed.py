"""What a program changed under a write grant in mode commit: names, sizes, and the text of small files.

It is looked at before anything is copied out, by the process that copies out, when everybody inside is dead. Names and
contents are the program's: nothing is followed, what is read is bounded, and so is the time that a comparison takes.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator

from casemate.model.dataclass import replace
from casemate.model.persist import persists
from casemate.model.sandbox import ChangeKind, FileChange, Json
from casemate.sandbox.native.commit import DENIED, Committed, protected_names
from casemate.sandbox.native.contract import CommitLayer, Outside
from casemate.sandbox.native.layer import Change, Kind, Protected, TooMuch, changes, open_entry
from casemate.sandbox.native.replace import is_same

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import Any

SMALL = 64 << 10  # bytes of a file whose text is compared
LINES = 800  # lines of a file in which differences are looked for: difflib takes the square of them
SHOWN = 60  # lines of a difference
PATIENCE = 2.0  # seconds for all comparisons of a layer together
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def seen(layer: CommitLayer, outside: Outside, *, content: bool) -> tuple[FileChange, ...]:
    """Give the changes of a layer, each with the reason for which it will be refused, as far as its name tells.

    A layer that cannot be listed has none: the refusal of all of it says so.
    """
    until = time.monotonic() + PATIENCE if content else 0.0
    protected = protected_names(layer.write.path, outside.deny, persist=outside.persist)
    if not layer.write.directory:
        return tuple(_granted_file(layer, protected, until))
    try:
        listed = changes(layer.upper)
    except (TooMuch, OSError):
        return ()
    found = [change for entry in listed.applied if (change := _of(layer, entry, protected, until)) is not None]
    for refusal in listed.refused:
        path = f"{layer.write.path}/{refusal.path}"
        found.append(FileChange(path, ChangeKind.OTHER, persist=_is_persistent(path), reason=refusal.reason))
    return tuple(found)


def after(changed: tuple[FileChange, ...], result: Committed) -> Iterator[FileChange]:
    """Yield the changes with what became of them, and every refusal about which nothing was known.

    The refusal of a folder is that of everything in it.
    """
    done, refused = set(result.committed), {entry.path: entry.reason for entry in result.refused}
    explained = set[str]()
    for change in changed:
        if change.path in done:
            yield replace(change, copied=True, reason="")
            continue
        folder = next((path for path in _around(change.path) if path in refused), "")
        explained.add(folder)
        yield replace(change, reason=refused.get(folder) or change.reason or "the host has it already")
    for path, reason in refused.items():
        if path not in explained:
            yield FileChange(path, ChangeKind.OTHER, persist=_is_persistent(path), reason=reason)


def discarded(changed: tuple[FileChange, ...]) -> Iterator[FileChange]:
    """Yield the changes as what was thrown away; those that would have been refused say why."""
    return (replace(change, reason=change.reason or "discarded") for change in changed)


def plain(change: FileChange) -> list[Json]:
    """Give a change as a list in the order of its fields: it crosses a pipe as JSON."""
    return [getattr(change, name) for name in FileChange.__match_args__]


def again(values: "list[Any]") -> FileChange:
    """Give the change that a list of our own child stands for."""
    path, kind, before, after_, persist, copied, reason, difference = values
    return FileChange(path, ChangeKind(kind), before, after_, persist, copied, reason, tuple(difference))


def _of(layer: CommitLayer, entry: Change, protected: Protected, until: float) -> FileChange | None:
    """Tell one change; None where it is only a folder on the way to one."""
    path = f"{layer.write.path}/{entry.path}"
    old = _status(layer.target, entry.path)
    before = old.st_size if old is not None and stat.S_ISREG(old.st_mode) else None
    reason = next((why for part in _around(entry.path) if (why := protected(part))), "")
    known = FileChange(path, ChangeKind.CHANGED, before=before, persist=_is_persistent(path), reason=reason)
    match entry.kind:
        case Kind.DELETED:
            return replace(known, kind=ChangeKind.DELETED)
        case Kind.FILE:
            kind = ChangeKind.ADDED if old is None else ChangeKind.CHANGED
            lines = () if reason == DENIED else _difference(layer, entry.path, until)
            return replace(known, kind=kind, after=entry.size, difference=lines)
        case Kind.DIRECTORY | Kind.REPLACED:
            if old is not None and stat.S_ISDIR(old.st_mode):
                return replace(known, kind=ChangeKind.EMPTIED) if entry.kind is Kind.REPLACED else None
            return replace(known, kind=ChangeKind.DIRECTORY)


def _granted_file(layer: CommitLayer, protected: Protected, until: float) -> Iterator[FileChange]:
    """Tell the change of a single granted file, if there is one."""
    path, reason = layer.write.path, protected("")
    try:
        if not is_same(layer.upper, layer.target):
            sizes = os.fstat(layer.target).st_size, os.fstat(layer.upper).st_size
            lines: tuple[str, ...] = ()
            if time.monotonic() < until and reason != DENIED:
                lines = tuple(_lines(_read(_again(layer.target)), _read(_again(layer.upper))))
            yield FileChange(path, ChangeKind.CHANGED, *sizes, _is_persistent(path), reason=reason, difference=lines)
    except OSError:
        return  # the refusal says why


def _around(path: str) -> Iterator[str]:
    """Yield a path and every folder above it, the nearest first."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _is_persistent(path: str) -> bool:
    return persists(path) or persists(f"{path}/")


def _difference(layer: CommitLayer, path: str, until: float) -> tuple[str, ...]:
    """Compare a file of the layer with the one on the host, while there is time."""
    if time.monotonic() >= until:
        return ()
    texts = list[bytes | None]()
    for opened in (_open_on_host, _open_of_layer):
        try:
            texts.append(_read(opened(layer, path)))
        except FileNotFoundError:
            texts.append(b"")
        except OSError:
            return ()
    return tuple(_lines(*texts))


def _lines(old: bytes | None, new: bytes | None) -> Iterator[str]:
    """Yield the lines of a unified diff of two small texts; none where one of them is large, or no text."""
    from difflib import unified_diff  # noqa: PLC0415 -- only where somebody looks
    from itertools import islice  # noqa: PLC0415 -- likewise

    if old is None or new is None or b"\0" in old + new:
        return
    try:
        before, now = (_split(text.decode()) for text in (old, new))
    except UnicodeDecodeError:
        return
    if max(len(before), len(now)) > LINES:
        return
    compared = islice(unified_diff(before, now, n=2, lineterm=""), 2, SHOWN + 3)
    for number, line in enumerate(compared):
        yield line if number < SHOWN else "…"


def _split(text: str) -> list[str]:
    """Give the lines of a text; only a line end ends one, whatever else Unicode calls one."""
    lines = text.split("\n")
    if lines[-1]:
        return [*lines[:-1], f"{lines[-1]} (no line end)"]
    return lines[:-1]


def _read(fd: int) -> bytes | None:
    """Read a small file and close it. Raises OSError."""
    try:
        return _small(fd)
    finally:
        os.close(fd)


def _small(fd: int) -> bytes | None:
    """Read a small regular file; None for anything else."""
    if not stat.S_ISREG(os.fstat(fd).st_mode) or os.fstat(fd).st_size > SMALL:
        return None
    return os.pread(fd, SMALL, 0)


def _again(fd: int) -> int:
    """Open a file that is held as a path once more, for reading."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _open_on_host(layer: CommitLayer, path: str) -> int:
    """Open a regular file below the granted directory, if it may be read as it is. Raises OSError."""
    folder, _, name = path.rpartition("/")
    parent = _folder(layer.target, folder)
    try:
        if not stat.S_ISREG(_at(parent, name).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return os.open(name, FILE, dir_fd=parent)
    finally:
        os.close(parent)


def _open_of_layer(layer: CommitLayer, path: str) -> int:
    """Open a file of the layer, whatever its mode: it is ours now. Raises OSError."""
    folder, _, name = path.rpartition("/")
    parent = _folder(layer.upper, folder)
    try:
        return open_entry(parent, name, 0)
    finally:
        os.close(parent)


def _status(root: int, path: str) -> os.stat_result | None:
    """Look at a name below a directory through no link; None where there is none."""
    folder, _, name = path.rpartition("/")
    try:
        parent = _folder(root, folder)
    except OSError:
        return None
    try:
        return _at(parent, name)
    except OSError:
        return None
    finally:
        os.close(parent)


def _at(parent: int, name: str) -> os.stat_result:
    return os.stat(name, dir_fd=parent, follow_symlinks=False)


def _folder(root: int, path: str) -> int:
    """Open a directory below another, component by component. Raises OSError."""
    fd = os.open(".", DIRECTORY, dir_fd=root)
    for name in filter(None, path.split("/")):
        try:
            below = os.open(name, DIRECTORY, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd

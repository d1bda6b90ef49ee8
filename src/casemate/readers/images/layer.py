"""A layer: the entries of a tar archive, each of them one that a layer may have.

OCI Image Format Specification 1.1, layer.md. `tarfile` reads the headers; it is given no more of the file at once than
a header may need, and what it makes of them is checked before anybody believes it.
"""

import tarfile
from collections.abc import Iterator
from enum import Enum
from typing import IO, cast

from casemate.model.dataclass import dataclass
from casemate.model.errors import InputError

MOST_HEADER = 1 << 20  # bytes that a header may be long, with the names in it
LONGEST_PATH, DEEPEST = 4095, 255  # bytes of a path or of the text of a link; folders in each other
LATEST = 1 << 33  # seconds since 1970
BLOCK = 512
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
DAMAGES = (tarfile.TarError, ValueError, OverflowError, LookupError, EOFError, RecursionError)


class Kind(Enum):
    """What an entry does."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    GONE = "whiteout"  # what lower layers have there is gone
    EMPTY = "opaque whiteout"  # what lower layers have in this folder is gone


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: the parts of its path, none of which is empty, `.` or `..`; `offset` and `size` of its bytes.

    `text` is that of a symbolic link, whatever it says; `source` are the parts of the path that a hard link is to.
    """

    kind: Kind
    path: tuple[str, ...]
    mode: int = 0
    changed: int = 0
    offset: int = 0
    size: int = 0
    text: str = ""
    source: tuple[str, ...] = ()


class _Bounded:
    """A file of which nobody reads much at once: `tarfile` would read as many bytes as a header says."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def entries(file: IO[bytes], length: int) -> Iterator[Entry]:
    """Yield the entries of an archive of so many bytes, in their order. Raises InputError."""
    try:
        file.seek(0)
        bounded = cast("IO[bytes]", _Bounded(file))  # `tarfile` reads, seeks and tells, and no more
        archive = tarfile.TarFile(fileobj=bounded, encoding="utf-8", errors="strict")
        last = -1
        while (member := archive.next()) is not None:
            archive.__dict__["members"].clear()  # it would remember every one of them
            entry = _entry(member)
            if member.offset <= last or member.size < 0 or (entry and entry.offset + entry.size > length):
                raise InputError(f"{member.name!r}: its bytes are not where they could be")
            last = member.offset
            if entry:
                yield entry
        file.seek(archive.offset)
        if any(file.read(BLOCK)):
            raise InputError(f"no header at byte {archive.offset}")
    except UnicodeError:
        raise InputError("a name that is not UTF-8") from None
    except DAMAGES as error:
        raise InputError(f"no tar archive that can be read: {error}") from None


def _entry(member: tarfile.TarInfo) -> Entry | None:
    """Read an entry; None for the root itself. Raises InputError."""
    path = _parts(member.name, "an entry")
    if not path:
        if not member.isdir():
            raise InputError("an entry has no name")
        return None
    if path[-1].startswith(WHITEOUT):
        return _whiteout(path)
    if any(part.startswith(WHITEOUT) for part in path):
        raise InputError(f"{member.name!r}: a whiteout is no folder")
    mode, changed = member.mode & 0o777, min(max(int(member.mtime), 0), LATEST)
    if member.isreg() and not member.issparse():
        return Entry(Kind.FILE, path, mode, changed, member.offset_data, member.size)
    if member.isdir():
        return Entry(Kind.FOLDER, path, mode, changed)
    if member.issym():
        return Entry(Kind.LINK, path, text=_text(member.linkname, member.name))
    if member.islnk() and (source := _parts(member.linkname, f"{member.name!r}: the hard link to")):
        return Entry(Kind.HARD_LINK, path, source=source)
    raise InputError(f"{member.name!r}: {_unwanted(member)}")


def _unwanted(member: tarfile.TarInfo) -> str:
    """Say what an entry is that no layer has."""
    if member.issparse():
        return "a sparse file"
    if member.isfifo():
        return "a named pipe"
    if member.isdev():
        return "a device"
    return "a hard link to the root" if member.islnk() else "of no known type"


def _whiteout(path: tuple[str, ...]) -> Entry:
    folder, name = path[:-1], path[-1]
    if name == OPAQUE:
        return Entry(Kind.EMPTY, folder)
    gone = name.removeprefix(WHITEOUT)
    if gone in ("", ".", "..") or gone.startswith(WHITEOUT):
        raise InputError(f"{'/'.join(path)!r}: a whiteout of nothing")
    return Entry(Kind.GONE, (*folder, gone))


def _parts(name: str, what: str) -> tuple[str, ...]:
    """Take a path apart that is relative to the root. Raises InputError."""
    _text(name, name)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts:
        raise InputError(f"{what} {name!r} leads out of the image")
    if len(parts) > DEEPEST:
        raise InputError(f"{what}: more than {DEEPEST} folders in each other")
    return parts


def _text(text: str, name: str) -> str:
    if not text or "\0" in text or len(text.encode()) > LONGEST_PATH:
        raise InputError(
            f"{name[:100]!r}: a name or link that is empty, too long ({LONGEST_PATH} bytes) or holds a NUL"
        )
    return text

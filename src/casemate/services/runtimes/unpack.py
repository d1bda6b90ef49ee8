"""Takes files out of an archive that a registry sent: regular files only, under names that we choose or have checked.

The hash of an archive is known before it is opened. Nothing here relies on that.
"""

import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from casemate.model.errors import InputError
from casemate.services.runtimes.lock import Source

MOST_BYTES, MOST_FILES = 2_000_000_000, 50_000  # of one runtime
READABLE, EXECUTABLE = 0o644, 0o755
BROKEN = (  # what the readers of both formats raise for bytes that are not theirs, an encrypted member included
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError,
)  # fmt: skip


def unpack(source: Source, archive: Path, folder: Path) -> None:
    """Put what the source takes into a folder. Raises InputError for an archive that is not as the lock says."""
    if source.keep:
        _place(folder, source.keep, archive.open("rb"), READABLE)
        return
    try:
        _unpack(source, archive, folder)
    except BROKEN as error:
        raise InputError(f"{archive.name} cannot be unpacked: {error}") from None


def _unpack(source: Source, archive: Path, folder: Path) -> None:
    wanted, left, count = dict(source.take), MOST_BYTES, 0
    for name, file, size, mode in _members(archive):
        target = wanted.pop(name, "") or _in_trees(name, source)
        if not target:
            continue
        left, count = left - size, count + 1
        if left < 0 or count > MOST_FILES:
            raise InputError(f"{source.name}: more than {MOST_BYTES} bytes or {MOST_FILES} files")
        _place(folder, target, file, mode)
    if wanted:
        raise InputError(f"{source.name} {source.version}: no {', '.join(sorted(wanted))} in it")
    if source.trees and not count:
        raise InputError(f"{source.name} {source.version}: nothing in {', '.join(sorted(source.trees))}")


def _in_trees(name: str, source: Source) -> str:
    """Give the target of a member below a folder that is taken whole, or ""."""
    for tree, below in source.trees.items():
        if name.startswith(tree):
            return below + name.removeprefix(tree)
    return ""


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes], int, int]]:
    """Yield the regular files of a zip or tar archive, opened, with size and mode. Links and devices are no files."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if not info.is_dir() and kind in (0, stat.S_IFREG):
                    yield info.filename, packed.open(info), info.file_size, _mode(info.external_attr >> 16)
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            file = packed.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, file, member.size, _mode(member.mode)


def _mode(mode: int) -> int:
    """Keep of a mode whether it can be executed."""
    return EXECUTABLE if mode & stat.S_IXUSR else READABLE


def _place(folder: Path, name: str, file: IO[bytes], mode: int) -> None:
    """Write one file, new, below the folder."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or not name.isprintable():
        raise InputError(f"{name!r} is no name of a file of a runtime")
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with file, path.open("xb") as out:  # "x": never over anything, never through a link
        shutil.copyfileobj(file, out)  # the readers of both formats give what was announced, and no more
    path.chmod(mode)

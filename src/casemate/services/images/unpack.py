"""Unpacks the layers of an image into a folder, one over the other. OCI Image Format Specification 1.1, layer.md.

Nothing is written but through descriptors of folders that were opened one in the other, through no link: what a layer
says leads nowhere else, whatever earlier entries have made. Owners, extended attributes, setuid, setgid and sticky bits
are not kept.
"""

import gzip
import importlib
import os
import shutil
import stat
import zlib
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Self, cast

from casemate.model.errors import InputError
from casemate.readers.images.layer import Entry, Kind, entries
from casemate.readers.images.layout import Layer, Stored, open_blob

MOST_BYTES = 8 << 30  # of all layers of an image, unpacked
MOST_ENTRIES = 300_000  # of all layers
MOST_RATIO, FREE = 100, 64 << 20  # how many times larger a layer may get, and bytes that are no matter
CHUNK = 1 << 20
ZSTD = "compression.zstd"  # in the standard library from Python 3.14 on
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(
    layout: int, stored: Stored, folder: Path, *, most_bytes: int = MOST_BYTES, most_entries: int = MOST_ENTRIES
) -> None:
    """Unpack all layers into an empty folder. Raises InputError, and OSError for what this host cannot."""
    tree = _Tree(os.open(folder, FOLDER))
    size = count = 0
    try:
        for layer in stored.layers:
            with TemporaryFile(dir=folder.parent) as archive:
                size += _archive(layout, layer, archive, most_bytes - size)
                made = _list(entries(archive, archive.tell()), most_entries - count, layer)
                count += len(made)
                tree.apply(made, archive.fileno(), layer)
    finally:
        tree.close()


def _list(found: Iterable[Entry], most: int, layer: Layer) -> list[Entry]:
    """Take the entries of a layer, each path once. Raises InputError."""
    seen, made = set[tuple[object, ...]](), list[Entry]()
    try:
        for entry in found:
            about = (entry.path, entry.kind in (Kind.GONE, Kind.EMPTY), entry.kind is Kind.EMPTY)
            if about in seen:
                raise InputError(f"{'/'.join(entry.path)!r} is there twice")  # noqa: TRY301 -- see below
            if len(made) == most:
                raise InputError(f"more entries than the {most} that are left of those of an image")  # noqa: TRY301 -- likewise
            seen.add(about)
            made.append(entry)
    except InputError as error:
        raise _wrong(layer, str(error)) from None
    return made


def _archive(layout: int, layer: Layer, archive: IO[bytes], most: int) -> int:
    """Write the tar archive of a layer, believed when both digests are right; give its size. Raises InputError."""
    most = min(most, max(FREE, MOST_RATIO * layer.blob.size))
    unpacked, size = sha256(), 0
    with open(open_blob(layout, layer.blob), "rb") as file:  # noqa: PTH123 -- a descriptor
        packed = _Hashed(file)
        try:
            with _opened(layer.packed, packed) as reader:
                while part := reader.read(CHUNK):
                    size += len(part)
                    if size > most:
                        raise _wrong(layer, f"more than {most} bytes when it is unpacked")
                    unpacked.update(part)
                    archive.write(part)
        except (EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
            raise _wrong(layer, f"not {layer.packed}: {error}") from None
        while packed.read(CHUNK):
            pass
    if packed.digest.hexdigest() != layer.blob.digest:
        raise _wrong(layer, "its bytes have another digest")
    if unpacked.hexdigest() != layer.unpacked:
        raise _wrong(layer, "it is not the archive that the configuration names (diff_ids)")
    archive.flush()
    return size


def _opened(packed: str, file: "_Hashed") -> IO[bytes]:
    """Open a reader of what is packed. Raises InputError for a format that this Python cannot read."""
    if packed == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=cast("IO[bytes]", file), mode="rb"))
    if packed == "zstd":
        if not find_spec("compression") or not find_spec(ZSTD):
            raise InputError("a layer is packed with zstd, which the standard library of this Python cannot read")
        return cast("IO[bytes]", importlib.import_module(ZSTD).open(file))
    return cast("IO[bytes]", file)


class _Hashed:
    """A file that hashes what is read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def read(self, size: int = CHUNK) -> bytes:
        part = self._file.read(size)
        self.digest.update(part)
        return part


class _Tree:
    """The folder of an image. The folder of the last entry stays open: most entries lie where the one before did."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._last: tuple[tuple[str, ...], int] = ((), os.dup(root))

    def close(self) -> None:
        os.close(self._root)
        os.close(self._last[1])

    def apply(self, made: list[Entry], archive: int, layer: Layer) -> None:
        """Put a layer over what is there: first what it takes away, for that is only of lower layers."""
        ordered = sorted(made, key=lambda entry: entry.kind not in (Kind.GONE, Kind.EMPTY))
        for entry in ordered:
            try:
                self._one(entry, archive)
            except OSError as error:
                raise _wrong(layer, f"{'/'.join(entry.path)!r}: {error.strerror}") from None
            except InputError as error:
                raise _wrong(layer, f"{'/'.join(entry.path)!r}: {error}") from None

    def _one(self, entry: Entry, archive: int) -> None:
        match entry.kind:
            case Kind.EMPTY:
                self._empty(entry.path)
            case Kind.GONE:
                self._remove(entry.path)
            case Kind.FOLDER:
                self._folder(entry)
            case Kind.FILE:
                self._file(entry, archive)
            case Kind.LINK:
                self._remove(entry.path)
                os.symlink(entry.text, entry.path[-1], dir_fd=self._parent(entry.path))
            case Kind.HARD_LINK:
                self._hard_link(entry)

    def _parent(self, path: tuple[str, ...], *, make: bool = True) -> int:
        """Open the folder of a path through no link; those that are missing are made. Raises InputError and OSError."""
        folder = path[:-1]
        if folder == self._last[0]:
            return self._last[1]
        here = os.dup(self._root)
        try:
            for part in folder:
                with suppress(FileExistsError):
                    if make:
                        os.mkdir(part, 0o755, dir_fd=here)
                deeper = self._enter(part, here)
                os.close(here)
                here = deeper
        except BaseException:
            os.close(here)
            raise
        os.close(self._last[1])
        self._last = folder, here
        return here

    def _enter(self, part: str, here: int) -> int:
        try:
            return os.open(part, FOLDER, dir_fd=here)
        except OSError:
            mode = os.lstat(part, dir_fd=here).st_mode
            if stat.S_ISDIR(mode):
                raise
            raise InputError(f"{part!r} on its way is {'a link' if stat.S_ISLNK(mode) else 'no folder'}") from None

    def _forget(self) -> None:
        """Let go of the folder of the last entry: it may be gone."""
        os.close(self._last[1])
        self._last = (), os.dup(self._root)

    def _remove(self, path: tuple[str, ...]) -> None:
        """Remove what is there, if anything is, with all that lies in it."""
        try:
            parent = self._parent(path, make=False)
            folder = stat.S_ISDIR(os.lstat(path[-1], dir_fd=parent).st_mode)
        except FileNotFoundError:
            return
        if not folder:
            os.unlink(path[-1], dir_fd=parent)
            return
        shutil.rmtree(path[-1], dir_fd=parent)
        self._forget()

    def _empty(self, path: tuple[str, ...]) -> None:
        try:
            here = self._parent((*path, "."), make=False)
            names = os.listdir(here)  # noqa: PTH208 -- a descriptor
        except FileNotFoundError:
            return
        for name in names:
            self._remove((*path, name))

    def _folder(self, entry: Entry) -> None:
        parent, name = self._parent(entry.path), entry.path[-1]
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                os.unlink(name, dir_fd=parent)
                os.mkdir(name, 0o700, dir_fd=parent)
        here = os.open(name, FOLDER, dir_fd=parent)
        os.fchmod(here, entry.mode | 0o700)  # so that it can be thrown away
        os.close(here)

    def _file(self, entry: Entry, archive: int) -> None:
        self._remove(entry.path)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(entry.path[-1], flags, 0o600, dir_fd=self._parent(entry.path))
        try:
            offset, end = entry.offset, entry.offset + entry.size
            while offset < end:
                copied = os.sendfile(file, archive, offset, end - offset)
                if not copied:
                    raise InputError("its bytes end early")
                offset += copied
            os.fchmod(file, entry.mode | 0o400)
            os.utime(file, (entry.changed, entry.changed))  # compiled modules of Python are known by it
        finally:
            os.close(file)

    def _hard_link(self, entry: Entry) -> None:
        source, name = self._parent(entry.source, make=False), entry.source[-1]
        if not stat.S_ISREG(os.lstat(name, dir_fd=source).st_mode):
            raise InputError("a hard link to what is no regular file")
        source = os.dup(source)
        try:
            self._remove(entry.path)
            parent = self._parent(entry.path)
            os.link(name, entry.path[-1], src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)


def _wrong(layer: Layer, what: str) -> InputError:
    return InputError(f"layer {layer.blob.digest[:12]}: {what}")

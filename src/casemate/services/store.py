"""Results of earlier runs, in a folder where only the caller writes, each sealed with the caller's own key.

A file that was damaged, cut, planted or written by another version is no result: it is as if it were not there. Two
runs may write at once: a file appears whole or not at all.
"""
# ruff: noqa: PTH103, PTH104, PTH108 -- a path stays the string that was written

import os
import stat
import time
from _collections_abc import Mapping

from casemate.model import own
from casemate.model.errors import InputError
from casemate.model.small import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import blake2b
    from hmac import compare_digest
else:  # the same functions without the modules around them, which load OpenSSL
    from _blake2 import blake2b
    from _operator import _compare_digest as compare_digest

KEY, SEAL = 32, 32  # bytes
LARGEST = 50_000_000  # bytes of one result
MOST_BYTES, MOST_FILES = 500_000_000, 5000  # of the whole folder; the oldest go first
PART, LONGEST_WRITE = ".part", 3600.0  # the end of a name, and seconds that nothing takes to be written
SWEEP = 16  # puts between two looks at the whole folder


class Store:
    """Sealed results by name; names are hexadecimal digests."""

    def __init__(self, folder: str, key: bytes) -> None:
        """Take a folder that exists and belongs to the caller alone."""
        self.folder, self.key = folder, key
        self._puts = 0

    def get(self, name: str) -> bytes | None:
        """Give what was stored under a name, None where there is nothing that we wrote."""
        path = f"{self.folder}/{name}"
        try:
            data = small_file(path, LARGEST)
            seal, content = data[:SEAL], data[SEAL:]
            if not compare_digest(seal, self.seal(name, content)):
                return None
        except OSError:
            return None
        with suppress(OSError):  # in a home that is read-only
            os.utime(path, follow_symlinks=False)  # the order in which results are thrown away
        return content

    def put(self, name: str, content: bytes) -> None:
        """Store something under a name. What cannot be written is made anew next time, and is no error."""
        if len(content) > LARGEST - SEAL:
            return
        with suppress(OSError):
            place_whole(f"{self.folder}/{name}", self.seal(name, content) + content)
            if self._puts % SWEEP == 0:
                self.sweep()
        self._puts += 1

    def seal(self, name: str, content: bytes) -> bytes:
        """Give what only somebody with the key can put before a result of this name."""
        return blake2b(name.encode() + b"\0" + content, key=self.key, digest_size=SEAL).digest()

    def sweep(self) -> None:
        """Throw the oldest results away where there are too many, and what a killed run left half-written."""
        found: list[tuple[float, int, str]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another run threw it away, or gave it its name
                    state = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(state.st_mode):
                        found.append((state.st_mtime, state.st_size, entry.path))
        total, count = sum(size for _, size, _ in found), len(found)
        begun = time.time() - LONGEST_WRITE
        for changed, size, path in sorted(found):
            half_written = path.endswith(PART) and changed < begun
            if half_written or total > MOST_BYTES or count > MOST_FILES:
                total, count = total - size, count - 1
                with suppress(FileNotFoundError):
                    os.unlink(path)


def usual(environment: Mapping[str, str], kind: str = "audit") -> Store | None:
    """Give the caller's own store for one kind of results, None where it cannot be.

    Raises InputError for a folder in which others can write.
    """
    home = environment.get("HOME", "")
    results, keys = own.cache(environment), own.state(environment)
    if not results or not keys:
        return None
    folder = f"{results}/{kind}"
    try:
        for place in (folder, keys):
            if not may_make(place, home):
                return None
            os.makedirs(place, mode=0o700, exist_ok=True)
            if not own.is_private(os.lstat(place)):
                raise InputError(f"{place}: only you may be able to write there")
        return Store(folder, own_key(f"{keys}/cache.key"))
    except OSError:
        return None  # no home that can be written to: results are for this run alone


def may_make(place: str, home: str) -> bool:
    """Tell whether a folder may be made here: not a home that does not exist, nor root's in somebody else's.

    What root left in the home of a user, that user could not write to any more. Raises OSError.
    """
    if place.startswith(f"{home}/") and not os.path.isdir(home):  # noqa: PTH112 -- see above
        return False
    while not os.path.lexists(place):
        place = os.path.dirname(place)  # noqa: PTH120 -- see above
    return os.geteuid() != 0 or os.stat(place).st_uid == 0  # noqa: PTH116 -- see above


def small_file(path: str, largest: int, forbidden: int = 0o022) -> bytes:
    """Read a regular file of ours that has none of these mode bits; of anything else give nothing. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        state = os.fstat(descriptor)
        ours = stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & forbidden
        pieces: list[bytes] = []
        while ours and (piece := os.read(descriptor, largest + 1 - sum(map(len, pieces)))):
            pieces.append(piece)
    finally:
        os.close(descriptor)
    data = b"".join(pieces)
    return data if len(data) <= largest else b""


def own_key(path: str) -> bytes:
    """Give the caller's key; made anew where there is none or what is there is none. Raises OSError."""
    with suppress(FileNotFoundError):
        key = small_file(path, KEY, forbidden=0o077)
        if len(key) == KEY:
            return key
    key = os.urandom(KEY)
    place_whole(path, key)
    return key


def place_whole(path: str, content: bytes, mode: int = 0o600) -> None:
    """Write a file, whole or not at all, that only we can read; nothing half-written stays behind. Raises OSError."""
    part = f"{path}.{os.urandom(8).hex()}{PART}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor
            file.write(content)
        os.rename(part, path)
    except BaseException:
        with suppress(OSError):  # it must not hide that somebody wants us to end
            os.unlink(part)
        raise

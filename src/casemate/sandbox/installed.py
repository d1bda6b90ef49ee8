"""Finds the runtime of a backend that `casemate backends install` put on this host, and knows every file of it again.

What is executed or trusted when it is loaded (compiled code) is compared before each use: with what it looked like when
it was hashed, and by its hash where that differs.
"""

import os
import stat
from _collections_abc import Iterable, Iterator

from casemate.model import own
from casemate.model.dataclass import dataclass
from casemate.model.installed import MANIFEST, Piece, Stamp, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import blake2b
else:  # the same function without the module around it
    from _blake2 import blake2b

LOCK = "lock.toml"  # beside each backend that has a runtime of its own


@dataclass(frozen=True, slots=True)
class Installed:
    """The folder of a runtime, and why it cannot be used: "" where it can."""

    folder: str
    why_not: str = ""


def find(backend: str) -> Installed:
    """Find the runtime of a backend, by its lock."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), backend, LOCK)  # noqa: PTH100, PTH118, PTH120 -- a string
    with open(path, "rb") as file:  # noqa: PTH123 -- likewise
        folder = own.runtime(os.environ, backend, blake2b(file.read(), digest_size=32).hexdigest())
    if not folder:
        return Installed("", "HOME names no folder, so nothing is installed for you")
    try:
        return Installed(folder, _wrong(folder))
    except FileNotFoundError:
        return Installed(folder, "its runtime is not installed")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else MANIFEST
        return Installed(folder, f"its runtime is damaged: {reason}")


def _wrong(folder: str) -> str:
    """Say what is wrong with a runtime that is there. Raises OSError and ValueError."""
    for path in (folder, f"{folder}/{MANIFEST}"):
        if reason := _open_to_others(path):
            return reason
    with open(f"{folder}/{MANIFEST}", encoding="utf-8") as file:  # noqa: PTH123 -- likewise
        pieces = read(file.read())
    for below in dict.fromkeys(_around(pieces)):  # a file that was not installed would be found there
        if reason := _open_to_others(f"{folder}/{below}"):
            return reason
    for piece in pieces:
        if reason := _differs(folder, piece):
            return f"its runtime is damaged: {piece.path} {reason}"
    return ""


def _open_to_others(path: str) -> str:
    """Say that others may write there; "" where they may not. Raises OSError."""
    state = os.lstat(path)
    return f"others may write to {path}" if state.st_mode & 0o022 or state.st_uid not in (0, os.geteuid()) else ""


def _around(pieces: Iterable[Piece]) -> Iterator[str]:
    """Yield every folder in which files of a runtime lie, and those above."""
    for piece in pieces:
        above = piece.path.rpartition("/")[0]
        while above:
            yield above
            above = above.rpartition("/")[0]


def _differs(folder: str, piece: Piece) -> str:
    """Say how a file is not what was installed; "" where it is."""
    path = f"{folder}/{piece.path}"
    try:
        state = os.lstat(path)
        if not stat.S_ISREG(state.st_mode):
            return "is no file"
        if Stamp(state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns) == piece.stamp:
            return ""
        with open(path, "rb") as file:  # noqa: PTH123 -- likewise
            content = file.read()
    except OSError as error:
        return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
    from hashlib import sha256  # noqa: PLC0415 -- it loads OpenSSL, and is rarely needed

    return "" if sha256(content).hexdigest() == piece.sha256 else "was changed"

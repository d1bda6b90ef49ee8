"""Folders that appear whole or not at all, beside others of their kind, in a folder where only the caller writes.

A folder is filled under a name that nobody looks for, with a lock on it that ends with the process: what a killed one
left is thrown away by the next.
"""

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from casemate.model import own
from casemate.model.errors import InputError
from casemate.services.store import may_make

PART = ".part-"  # how the name of a folder begins that is being filled


def own_folder(place: Path, environment: Mapping[str, str]) -> Path:
    """Make a folder in which only the caller may write. Raises InputError."""
    try:
        if not may_make(str(place), environment.get("HOME", "")):
            raise InputError(f"{place} is in somebody else's home, or in one that is not there")
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        private = own.is_private(place.lstat())
    except OSError as error:
        raise InputError(f"{place}: {error.strerror}") from error
    if not private:
        raise InputError(f"{place}: only you may be able to write there")
    return place


@contextmanager
def being_filled(place: Path) -> Generator[Path]:
    """Give a folder beside the others that is gone afterwards; throw away those that killed processes left."""
    import shutil  # noqa: PLC0415 -- only where something is made
    from tempfile import mkdtemp  # noqa: PLC0415 -- likewise

    with locked(place):  # nobody takes a folder for abandoned that is just being made
        for left in place.glob(f"{PART}*"):
            throw_away(left)
        folder = Path(mkdtemp(prefix=PART, dir=place))
        mark = lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(mark)


@contextmanager
def locked(place: Path) -> Generator[None]:
    """Let nobody else make, sweep or swap folders meanwhile; the lock ends with the process."""
    mark = lock(place)
    try:
        yield
    finally:
        os.close(mark)


def lock(folder: Path, how: int = fcntl.LOCK_EX) -> int:
    """Lock a folder; give the descriptor that holds the lock. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def throw_away(folder: Path) -> None:
    """Remove a folder on which nobody has a lock."""
    import shutil  # noqa: PLC0415 -- likewise

    try:
        mark = lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.close(mark)

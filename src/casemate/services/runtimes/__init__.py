"""Installs what a backend runs in: fetched by the user's own pip, npm or Maven, only on request, hash by hash.

A runtime lies in a folder of the caller's own, named by its lock: it appears whole or not at all, and another version
is another folder.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from tempfile import mkdtemp

from casemate.model import own
from casemate.model.errors import InputError
from casemate.model.installed import MANIFEST, Piece, Stamp, written
from casemate.services.runtimes.fetch import fetch
from casemate.services.runtimes.lock import Lock, Part, load, names
from casemate.services.runtimes.unpack import unpack
from casemate.services.store import may_make

__all__ = ["Lock", "install", "load", "names"]

PART = ".part-"  # how the name of a folder begins that is being filled
OLD = 30 * 24 * 3600.0  # seconds after which the runtime of another version is thrown away
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # renameat2(2)


def install(
    lock: Lock,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    finish: Callable[[str], None] = lambda _folder: None,
) -> Path:
    """Fetch, check, unpack and finish a runtime; give its folder. One that is there already is replaced.

    `finish` makes in the folder what is made once on this host, such as compiled code. Raises InputError, or what
    `finish` raises; then nothing of it is left and what was there before is as it was.
    """
    target = Path(own.runtime(environment, lock.backend, lock.digest))
    place = _place(target, environment)
    try:
        with _being_filled(place) as folder:
            made = folder / "made"
            made.mkdir()
            for part in lock.parts:
                say(f"{part.name} {part.version} ({part.licence})")
                _obtain(part, made, folder)
            finish(str(made))
            _close(made)
            manifest = made / MANIFEST
            manifest.write_text(written(_pieces(made)), encoding="utf-8")
            manifest.chmod(0o644)
            with _locked(place):
                _swap(made, target)
                _remove_others(place, lock, target)
    except OSError as error:
        raise InputError(f"{error.filename or place}: {error.strerror}") from error
    return target


def _place(target: Path, environment: Mapping[str, str]) -> Path:
    """Make the folder of all runtimes, in which only the caller may write. Raises InputError."""
    place = target.parent
    if not target.name:
        raise InputError("HOME names no folder, so there is no place for a runtime")
    try:
        if not may_make(str(place), environment.get("HOME", "")):
            raise InputError(f"{place} is in somebody else's home, or in one that is not there")
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        ours = place.lstat()
    except OSError as error:
        raise InputError(f"{place}: {error.strerror}") from error
    if not stat.S_ISDIR(ours.st_mode) or ours.st_uid != os.geteuid() or ours.st_mode & 0o022:
        raise InputError(f"{place}: only you may be able to write there")
    return place


@contextmanager
def _being_filled(place: Path) -> Generator[Path]:
    """Give a folder beside the runtimes that is gone afterwards; throw away those of installations that were killed."""
    with _locked(place):  # nobody takes a folder for abandoned that is just being made
        for left in place.glob(f"{PART}*"):
            if _is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(mkdtemp(prefix=PART, dir=place))
        mark = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(mark)


@contextmanager
def _locked(place: Path) -> Generator[None]:
    """Let no other installation make, sweep or swap folders meanwhile; the lock ends with the process."""
    mark = _lock(place)
    try:
        yield
    finally:
        os.close(mark)


def _lock(folder: Path, how: int = fcntl.LOCK_EX) -> int:
    """Lock a folder; give the descriptor that holds the lock. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_abandoned(folder: Path) -> bool:
    """Tell whether nobody fills a folder any more."""
    try:
        os.close(_lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _obtain(part: Part, made: Path, folder: Path) -> None:
    """Take a part from its first source that has it. Raises InputError, which says what each of them answered."""
    answers = list[str]()
    for source in part.here():
        arrived = Path(mkdtemp(dir=folder))
        try:
            unpack(source, fetch(source, arrived), made)
        except InputError as error:
            answers.append(str(error))
        else:
            return
        finally:
            shutil.rmtree(arrived)
    raise InputError("; ".join(answers) or f"{part.name} {part.version} is not made for this machine")


def _close(folder: Path) -> None:
    """Let everybody read a runtime and only its owner write, whatever the caller's umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def _pieces(folder: Path) -> Iterator[Piece]:
    """Hash every file of a finished runtime."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())  # whole on the disk before its name is
                state = os.fstat(file.fileno())
            stamp = Stamp(state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)
            yield Piece(path.relative_to(folder).as_posix(), digest, stamp)


def _swap(made: Path, target: Path) -> None:
    """Put a runtime in its place, at once; one that was there is now where this one was made."""
    if not target.exists():
        made.rename(target)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(made), AT_FDCWD, os.fsencode(target), RENAME_EXCHANGE):
        reason = ctypes.get_errno()
        if reason not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(reason, os.strerror(reason), str(target))
        shutil.rmtree(target)  # a file system that cannot exchange: for a moment there is none
        made.rename(target)


def _remove_others(place: Path, lock: Lock, target: Path) -> None:
    """Throw away what other versions of casemate installed long ago; one that is not old may be in use."""
    for other in place.glob(f"{lock.backend}-*"):
        if other != target and time.time() - other.stat().st_mtime > OLD:
            shutil.rmtree(other, ignore_errors=True)

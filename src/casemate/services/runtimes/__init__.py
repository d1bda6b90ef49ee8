"""Installs what a backend runs in: fetched by the user's own pip, npm or Maven, only on request, hash by hash.

A runtime lies in a folder of the caller's own, named by its lock: it appears whole or not at all, and another version
is another folder.
"""

import ctypes
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import file_digest
from pathlib import Path
from tempfile import mkdtemp

from casemate.model import own
from casemate.model.errors import InputError
from casemate.model.installed import MANIFEST, Piece, Stamp, written
from casemate.services.runtimes.fetch import fetch
from casemate.services.runtimes.lock import Lock, Part, load, names
from casemate.services.runtimes.unpack import unpack
from casemate.services.whole import being_filled, locked, own_folder

__all__ = ["Lock", "install", "load", "names"]

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
    if not target.name:
        raise InputError("HOME names no folder, so there is no place for a runtime")
    place = own_folder(target.parent, environment)
    try:
        with being_filled(place) as folder:
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
            with locked(place):
                _swap(made, target)
                _remove_others(place, lock, target)
    except OSError as error:
        raise InputError(f"{error.filename or place}: {error.strerror}") from error
    return target


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

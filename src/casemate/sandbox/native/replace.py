"""Puts a complete file in the place of another, or of none, in a directory that is held open.

The bytes go into a file without a name (O_TMPFILE), so that a casemate killed half way leaves nothing on the host; only
then does it get a name, or takes the place of the old one by rename(2). Whoever calls this is a process of its own that
is asked to end when casemate dies (written.py), and that waits while a temporary name is there. When somebody kills
that process itself, the name stays until the next run that writes into the directory (unfinished.py).
"""

import errno
import os
import signal
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress

from casemate.sandbox.native.unfinished import hold, sweep, temporary

CHUNK = 1 << 20
TRIES = 8
ENDS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})  # open(2), O_TMPFILE

UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.EXDEV})  # of a directory


class Replaced(Exception):  # noqa: N818 -- an answer, not a fault
    """Somebody on the host put another file in the place of the granted one."""


def put(source: int, parent: int, name: str, mode: int, size: int) -> None:
    """Make `name` in the directory `parent` a copy of the first `size` bytes of `source`. Raises OSError."""
    try:
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=parent)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        with undisturbed():
            _put_by_name(source, parent, name, mode, size)
        return
    try:
        hold(fd)
        _fill(fd, source, parent, name, mode, size)
        with undisturbed():
            _give_name(fd, parent, name)
    finally:
        os.close(fd)


@contextmanager
def undisturbed() -> Generator[None]:
    """Let what would end this process wait, so that no temporary name stays on the host."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fill(fd: int, source: int, parent: int, name: str, mode: int, size: int) -> None:
    copy(source, fd, size)
    _like_the_old_one(fd, parent, name)
    os.fchmod(fd, mode & 0o777)


def _give_name(fd: int, parent: int, name: str) -> None:
    """Give a file without a name its place: in one step where nothing is there, else by a temporary name."""
    nameless = f"/proc/self/fd/{fd}"
    try:
        os.link(nameless, name, dst_dir_fd=parent, follow_symlinks=True)
    except FileExistsError:
        passing = temporary()
        os.link(nameless, passing, dst_dir_fd=parent, follow_symlinks=True)
        _take_place(parent, passing, name)


def _put_by_name(source: int, parent: int, name: str, mode: int, size: int) -> None:
    """Do it on a file system where every file has a name."""
    passing, fd = _named(parent)
    try:
        try:
            _fill(fd, source, parent, name, mode, size)
        except BaseException:
            os.unlink(passing, dir_fd=parent)
            raise
        _take_place(parent, passing, name)
    finally:
        os.close(fd)  # and the lock goes, now that nothing is called so


def _named(parent: int) -> tuple[str, int]:
    """Make a file under a temporary name, and hold it: a sweep could come between the two."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    for _ in range(TRIES):
        passing = temporary()
        fd = os.open(passing, flags, 0o600, dir_fd=parent)
        if hold(fd) and os.fstat(fd).st_nlink:
            return passing, fd
        os.close(fd)
        with suppress(FileNotFoundError):
            os.unlink(passing, dir_fd=parent)
    raise OSError(errno.EAGAIN, "somebody else takes every temporary file")


def _take_place(parent: int, passing: str, name: str) -> None:
    try:
        os.rename(passing, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        os.unlink(passing, dir_fd=parent)
        raise


def _like_the_old_one(fd: int, parent: int, name: str) -> None:
    """Keep the owner and group of a file that is replaced, where we may."""
    with suppress(FileNotFoundError, PermissionError):
        old = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISREG(old.st_mode):
            os.fchown(fd, old.st_uid, old.st_gid)


def copy(source: int, target: int, size: int) -> None:
    """Copy `size` bytes from the beginning; holes stay holes. Raises OSError."""
    at = 0
    while at < size:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # only a hole is left
        at = min(os.lseek(source, start, os.SEEK_HOLE), size)
        os.lseek(target, start, os.SEEK_SET)
        while start < at:
            sent = os.sendfile(target, source, start, min(CHUNK, at - start))
            if not sent:
                return
            start += sent
    os.ftruncate(target, size)
    times = os.fstat(source)
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def is_same(upper: int, target: int) -> bool:
    """Tell whether two files have the same content. Both are opened again by descriptor. Raises OSError."""
    with open(f"/proc/self/fd/{upper}", "rb") as new, open(f"/proc/self/fd/{target}", "rb") as old:  # noqa: PTH123 -- by descriptor
        if os.fstat(new.fileno()).st_size != os.fstat(old.fileno()).st_size:
            return False
        while True:
            piece = new.read(CHUNK)
            if piece != old.read(CHUNK):
                return False
            if not piece:
                return True


def overwrite(upper: int, target: int, path: str) -> None:
    """Put the content of `upper` in the place of the granted file that `target` (O_PATH) is.

    Where its directory may not be written the content is changed in place. Raises Replaced, OSError.
    """
    granted = os.fstat(target)
    folder, _, name = path.rpartition("/")
    source = os.open(f"/proc/self/fd/{upper}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        parent = os.open(folder or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            now = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if (now.st_dev, now.st_ino) != (granted.st_dev, granted.st_ino):
                raise Replaced("another file took its place on the host meanwhile")
            sweep(parent)
            put(source, parent, name, granted.st_mode, os.fstat(source).st_size)
        finally:
            os.close(parent)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _in_place(source, target)
    finally:
        os.close(source)


def _in_place(source: int, target: int) -> None:
    """Write into the granted file itself."""
    fd = os.open(f"/proc/self/fd/{target}", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        copy(source, fd, os.fstat(source).st_size)
    finally:
        os.close(fd)

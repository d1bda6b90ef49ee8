"""How a descriptor is read and written without ever waiting in the kernel.

The caller's descriptors are shared with its other processes, so O_NONBLOCK must not be set on them: that would break
whoever reads or writes beside us. Pipes and sockets take RWF_NOWAIT for one call instead (preadv2(2)); a terminal is
opened once more, because O_NONBLOCK belongs to the open file; regular files never wait for anybody.
"""

import errno
import fcntl
import os
import stat
from _collections_abc import Callable

from casemate.model.dataclass import dataclass

PIPE_BUF = 4096  # a pipe that polls writable takes that many bytes at once (pipe(7))
GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.ENXIO, errno.EBADF, errno.ENOTCONN, errno.ETIMEDOUT})


@dataclass(frozen=True, slots=True)
class Channel:
    """A descriptor, and how bytes move there. Reading and writing raise BlockingIOError where they would have to wait.

    `finish` says that no more will be written; `close` gives back what belongs to us.
    """

    fd: int
    read: Callable[[int], bytes]
    write: Callable[[bytes | memoryview], int]
    finish: Callable[[], None]
    close: Callable[[], None]


def owned(fd: int) -> Channel:
    """Make a channel of a descriptor of ours: it becomes non-blocking, and finishing it closes nothing."""
    os.set_blocking(fd, False)
    return _plain(fd)


def borrowed(fd: int) -> Channel:
    """Make a channel of a descriptor that others use as well: nothing about it changes, and only our copy is closed."""
    kind = os.fstat(fd).st_mode
    if os.isatty(fd):
        return _terminal(fd)
    own = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        return Channel(
            own,
            lambda size: _read_now(own, size),
            lambda data: _write_now(own, data),
            _nothing,
            lambda: os.close(own),
        )
    return _plain(own)


def _plain(fd: int) -> Channel:
    """Make a channel of a descriptor of ours that never waits by itself."""
    return Channel(fd, lambda size: os.read(fd, size), lambda data: os.write(fd, data), _nothing, lambda: os.close(fd))


def _terminal(fd: int) -> Channel:
    """Open the terminal behind `fd` once more for ourselves, or copy `fd` where we may not (after `su`)."""
    mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    try:
        return _plain(os.open(f"/proc/self/fd/{fd}", mode | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return _plain(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3))


def _nothing() -> None:
    """Finish a channel whose end of file is its last close."""


def _read_now(fd: int, size: int) -> bytes:
    """Read what is there. Raises BlockingIOError."""
    buffer = bytearray(size)
    try:
        return bytes(buffer[: os.preadv(fd, [buffer], -1, os.RWF_NOWAIT)])
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
    return os.read(fd, size)  # an older kernel: it was polled readable, so this waits only for a thief


def _write_now(fd: int, data: bytes | memoryview) -> int:
    """Write what fits. Raises BlockingIOError."""
    try:
        return os.pwritev(fd, [data], -1, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
    return os.write(fd, data[:PIPE_BUF])

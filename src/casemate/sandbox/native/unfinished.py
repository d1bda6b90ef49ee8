"""Files under a temporary name whose maker was killed before they took their place: the next run there removes them.

A maker holds a lock on its file for as long as it lives (flock(2)): the kernel lets go of it, whoever kills the maker
and whatever process has its number by then. Where a file system has no locks nothing is removed.
"""

import fcntl
import os
import secrets
import stat

PREFIX = ".casemate-"
DIGITS = 16


def temporary() -> str:
    """Make up a name that nobody uses."""
    return PREFIX + secrets.token_hex(DIGITS // 2)


def is_temporary(name: str) -> bool:
    """Tell whether a name is one of those."""
    digits = name.removeprefix(PREFIX)
    return digits != name and len(digits) == DIGITS and not digits.strip("0123456789abcdef")


def hold(descriptor: int) -> bool:
    """Lock a file of ours while this process lives; tell whether nobody else was faster."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks here, so nobody takes it for left behind either
    return True


def sweep(directory: int) -> None:
    """Remove what killed makers have left in a directory. What cannot be looked at or removed stays."""
    for name in os.listdir(directory):
        if is_temporary(name):
            try:
                _remove(directory, name)
            except OSError:
                continue  # its maker lives, or it is not ours


def _remove(directory: int, name: str) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=directory)
    finally:
        os.close(descriptor)

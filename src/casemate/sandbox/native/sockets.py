"""Which local sockets of the host have a path: what a program that may use AF_UNIX could find in a granted tree.

Neither a read-only mount nor Landlock before Linux 7.1 keeps a program from connecting to a socket that it can name
(unix(7): only write permission is asked for), and a filter of system calls does not see names. So they are covered.

The kernel's table knows the name that was given to bind(2), in one net namespace. It misses a socket that was bound by
a relative path or renamed since, and every one of a daemon in a net namespace of its own (rootless Docker,
PrivateNetwork= of systemd). So granted trees are walked, too. The table tells of those in folders that may be passed
through and not listed.
"""

import errno
import os
import stat
from collections.abc import Collection, Iterator

from casemate.sandbox.native import kernel as k

TABLE = "/proc/net/unix"
FIELDS = 7  # before the path: proc_net(5)


def bound() -> Iterator[str]:
    """Yield the real path of every socket of this net namespace that is bound to an absolute one and is still there."""
    seen = set[str]()
    for line in k.read_whole(TABLE).split(b"\n")[1:]:
        fields = line.split(None, FIELDS)
        path = os.fsdecode(fields[FIELDS]) if len(fields) > FIELDS else ""
        if not path.startswith("/"):
            continue  # abstract (another net namespace's inside), or relative to a place that nobody remembers
        real = os.path.realpath(path)
        if real not in seen and _is_socket(real):
            seen.add(real)
            yield real


def lying(trees: Collection[str], passed_over: Collection[str]) -> Iterator[str]:
    """Yield every socket in use in these trees, each a real path, but not below the folders `passed_over`."""
    return filter(_is_used, _lying(trees, passed_over))


def _lying(trees: Collection[str], passed_over: Collection[str]) -> Iterator[str]:
    yield from filter(_is_socket, trees)
    left, seen = list(trees), set(passed_over)
    while left:
        folder = left.pop()
        if folder in seen:
            continue  # it lies in another of the trees
        seen.add(folder)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:  # what the directory itself says of their kinds; nothing is looked up
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    elif not (entry.is_file(follow_symlinks=False) or entry.is_symlink()) and _is_socket(entry.path):
                        yield entry.path
        except OSError:
            continue  # a file, or a folder that the caller cannot list: nor can the target


def _is_used(path: str) -> bool:
    """Tell whether a socket is bound to this name; what an ended program left is the caller's to remove or replace.

    To connect a datagram socket sends nothing, and none of another kind is reached by it: it fails with ECONNREFUSED
    where there is nobody, and with EPROTOTYPE where there is somebody of another kind (unix_find_bsd() in af_unix.c).
    """
    import _socket  # noqa: PLC0415 -- where a socket was found only

    asking = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        found = os.open(path, k.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            asking.connect(f"/proc/self/fd/{found}")  # a path of any length
        finally:
            os.close(found)
    except OSError as error:
        return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    finally:
        asking.close()
    return True


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False

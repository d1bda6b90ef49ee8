"""Which local sockets of the host have a path: what a program that may use AF_UNIX could find in a granted tree.

Neither a read-only mount nor Landlock before Linux 7.1 keeps a program from connecting to a socket that it can name
(unix(7): only write permission is asked for), and a filter of system calls does not see names. So they are covered.
"""

import os
import stat
from collections.abc import Iterator

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


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False

"""What a run could leave on a host: looked at before and after, and compared.

Others work on the same host. What is counted is therefore ours by descent, by a mark in the arguments, by a name, or by
lying in a folder of our own; tables of the whole kernel are compared with an allowance for the others.
"""

import ctypes
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

FIRST_UID = 1_900_000_000  # what a run of root's is on the host (docs/reference/native-backend.md)
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", "/run/lock")
NAME = "casemate"
SLABS = ("net_namespace", "user_namespace", "pid_namespace", "mnt_cache")
PR_SET_CHILD_SUBREAPER = 36

Traces = Mapping[str, frozenset[str]]


def adopt_orphans() -> None:
    """Let every descendant whose parent dies come to us: none of them can get out of sight (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def read(path: Path) -> str:
    """Give what a file of the kernel says; "" where it is gone meanwhile or not ours to read."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def parents() -> dict[int, tuple[int, str]]:
    """Give parent and state of every process."""
    found = dict[int, tuple[int, str]]()
    for process in Path("/proc").glob("[0-9]*"):
        fields = read(process / "stat").rpartition(")")[2].split()
        if fields:
            found[int(process.name)] = int(fields[1]), fields[0]
    return found


def descendants(top: int, *, spare: frozenset[int] = frozenset()) -> list[int]:
    """Give all processes below `top`, nearest first, but for `spare` and what is below those."""
    table = parents()
    found, level = list[int](), [top]
    while level:
        level = [pid for pid, (parent, _) in table.items() if parent in level and pid not in spare]
        found += level
    return found


def marked(mark: str) -> list[int]:
    """Give every process that has the mark in its arguments: a fork keeps them."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if mark in read(path / "cmdline")]


def described(pid: int) -> str:
    """Say what a process is, for whoever must find out why it is still there."""
    status = read(Path(f"/proc/{pid}/status"))
    named = {line.partition(":")[0]: line.partition(":")[2].strip() for line in status.splitlines()}
    waits = read(Path(f"/proc/{pid}/wchan"))
    return (
        f"{pid} {named.get('Name')} {named.get('State')} parent {named.get('PPid')} uid {named.get('Uid')} in {waits}"
    )


def tree(folder: Path) -> Iterator[str]:
    """Yield every name below a folder with what can be seen of it from outside."""
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            status = path.lstat()
            content = str(status.st_size) if stat.S_ISREG(status.st_mode) else ""
            yield f"{path} {stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {content}"


def _shared_names(users: frozenset[int]) -> Iterator[str]:
    """Yield names in folders that all share, if they are ours by owner, or by name where nobody else runs casemate."""
    alone = set(marked(NAME)) <= {os.getpid(), *descendants(os.getpid())}
    for folder in map(Path, SHARED):
        with suppress(OSError):
            for path in folder.iterdir():
                with suppress(OSError):
                    owner = path.lstat().st_uid
                    if (alone and NAME in path.name) or owner >= FIRST_UID or owner in users:
                        yield f"{path} of {owner}"


def _control_groups() -> Iterator[str]:
    """Yield the control groups that bear our name and hold nobody: those of others' runs hold somebody."""
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        if NAME in Path(folder).name and not read(Path(folder, "cgroup.procs")).strip():
            yield folder


def _lines(path: str, wanted: Callable[[list[str]], bool]) -> Iterator[str]:
    return (line for line in read(Path(path)).splitlines()[1:] if wanted(line.split()))


def _sockets(scratch: str) -> Iterator[str]:
    """Yield local sockets with a name of ours; tcp(7) listeners are looked for by trying to bind their port again."""
    yield from _lines("/proc/net/unix", lambda parts: len(parts) > 7 and scratch in parts[7])


def _loops() -> Iterator[str]:
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        yield f"{path.parents[1].name} {read(path).strip()}"


def look(scratch: Path, ports: frozenset[int], users: frozenset[int]) -> Traces:
    """Look at everything once. `scratch` is our own folder, `users` the identities that nobody else has."""
    ours = users | {FIRST_UID}

    def is_ours(uid: str) -> bool:
        return uid.rstrip(":").isdecimal() and (int(uid.rstrip(":")) in ours or int(uid.rstrip(":")) >= FIRST_UID)

    return {
        "mounts of ours": frozenset(read(Path("/proc/self/mountinfo")).splitlines()),
        "mounts of pid 1": frozenset(read(Path("/proc/1/mountinfo")).splitlines()),
        "descriptors": frozenset(_descriptors()),
        "names in shared folders": frozenset(_shared_names(users)),
        "names in our folder": frozenset(tree(scratch)),
        "control groups": frozenset(_control_groups()),
        "System V shm, sem, msg": frozenset(
            f"{kind}: {line}"
            for kind in ("shm", "sem", "msg")
            for line in _lines(f"/proc/sysvipc/{kind}", lambda parts: any(is_ours(part) for part in parts[3:]))
        ),
        "local sockets with a name": frozenset(_sockets(str(scratch))),
        "ports": frozenset(str(port) for port in ports if not free(port)),
        "loop devices": frozenset(_loops()),
        "keys": frozenset(
            line
            for name in ("keys", "key-users")
            for line in read(Path("/proc", name)).splitlines()
            if any(is_ours(part) for part in line.split()[:6])
        ),
    }


def _descriptors() -> Iterator[str]:
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            target = path.readlink()
            if f"/proc/{os.getpid()}/fd" != str(target):
                yield f"{path.name} {target}"


def free(port: int) -> bool:
    """Tell whether nobody listens on a port of the loopback any more."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def slabs() -> dict[str, int]:
    """Count objects of the whole kernel that a namespace or a mount costs; empty where we may not."""
    found = dict[str, int]()
    for line in read(Path("/proc/slabinfo")).splitlines():
        name, *numbers = line.split()
        if name in SLABS:
            found[name] = int(numbers[0])
    return found


def compare(before: Traces, after: Traces, *, allowed: Callable[[str], bool]) -> dict[str, list[str]]:
    """Give by kind what is there that was not."""
    return {
        kind: sorted(entry for entry in found - before[kind] if not (kind == "names in our folder" and allowed(entry)))
        for kind, found in after.items()
    }


def settled(check: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; tell whether it is."""
    until = time.monotonic() + seconds
    while not (done := check()) and time.monotonic() < until:
        time.sleep(0.01)
    return done

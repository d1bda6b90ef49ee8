"""What the world inside looks like besides the grants: files that describe it, devices, private directories."""

import os
from _collections_abc import Iterator

from casemate.model.capability import Capability
from casemate.model.policy import MIB, Policy
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.mounts import TABLE, mounts
from casemate.sandbox.native.steps import Device, Folder, Link, Private, Step, Synthetic

UID = 1000  # inside; outside it is the caller, or for root an identity of the run's own that owns nothing
NAME = "casemate"
NO_DOMAIN = "(none)"  # what Linux itself begins with
HOME = "/home/casemate"
SHARED_MEMORY = 64 * MIB
BASE = ("HOME", "PATH", "LANG", "TERM")  # every program may see these
DEFAULTS = {"HOME": HOME, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
KERNEL_KINDS = frozenset(
    {"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "configfs"}
    | {"pstore", "bpf", "mqueue", "efivarfs", "binfmt_misc", "fusectl", "nsfs"}
)
FILES = {
    "/etc/passwd": f"root:x:0:0::/:/nonexistent\n{NAME}:x:{UID}:{UID}::{HOME}:/nonexistent\n",
    "/etc/group": f"root:x:0:\n{NAME}:x:{UID}:\n",
    "/etc/hosts": f"127.0.0.1 localhost {NAME}\n::1 localhost {NAME}\n",
    "/etc/hostname": f"{NAME}\n",
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:5 attempts:1\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/host.conf": "multi on\n",
}
LOCALTIME = "/etc/localtime"


DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd")


def is_there_already(path: str) -> bool:
    """Tell whether every program finds this inside, so that a grant of it adds nothing: its own one, not the host's."""
    return path in (*DEVICES, *STREAMS) or path.startswith("/proc/self/")


def variables(policy: Policy) -> tuple[str, ...]:
    """Name the variables that the program may see, sorted; which of them exist is decided by the values given."""
    passed = (grant.resource for grant in policy.of(Capability.ENV_READ))
    return tuple(
        sorted({*BASE, *passed, *(name for name, _ in policy.settings), *(one.name for one in policy.secrets)})
    )


def steps(policy: Policy) -> Iterator[Step]:
    """Yield what stands inside before any grant."""
    yield Private("/tmp", policy.tmp_bytes)  # noqa: S108 -- its own /tmp
    yield Private(HOME, policy.tmp_bytes)
    yield Private("/dev/shm", max(min(SHARED_MEMORY, policy.tmp_bytes), policy.tmp_bytes // 4))  # noqa: S108 -- its own
    yield from map(Device, DEVICES)
    yield Link("/dev/fd", "/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        yield Link(f"/dev/{name}", f"/proc/self/fd/{number}")
    yield Folder("/proc")
    granted = {grant.resource for grant in policy.grants}
    for path, content in FILES.items():
        if not {path, "/etc"} & granted:
            yield Synthetic(path, content)


def kernel_mounts() -> Iterator[str]:
    """Yield where this host has mounted file systems that speak for the kernel. Raises OSError: it must be known."""
    for mount in mounts(os.fsdecode(k.read_whole(TABLE)), KERNEL_KINDS):
        yield mount.place

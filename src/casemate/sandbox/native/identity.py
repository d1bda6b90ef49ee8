"""Who the target is: an identity that owns nothing of the host's, without any Linux capability, for good.

The names of the bits are those of capabilities(7); each step that fails ends the run before the target exists.
"""

import os
import resource

from casemate.model.policy import Limits
from casemate.model.small import suppress
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.world import UID

FIRST = 1_900_000_000  # host ids from here on are used by nobody: systemd's containers end at 1_879_048_191
LAST_CAPABILITY = 63
SECUREBITS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80  # NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off; all locked
SIGNALS = 1024  # queued at once; they are counted for the caller's other programs as well
FIRST_OUT = "1000"  # oom_score_adj, its highest: proc_pid_oom_score_adj(5)
COUNTED = {"max_inotify_instances": "32", "max_inotify_watches": "16384"}  # the caller's other programs need them too
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")


def map_self(inside: int, uid: int, gid: int, proc: str = "/proc") -> None:
    """Map one identity into the user namespace just made: user_namespaces(7)."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {uid} 1"), ("gid_map", f"{inside} {gid} 1")):
        write(f"{proc}/self/{name}", text)


def write(path: str, text: str) -> None:
    """Write a kernel file in one call."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def become(uid: int) -> None:
    """Leave root's identity for one that owns nothing; supplementary groups go first."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    k.prctl(k.PR_SET_DUMPABLE, 1)  # or /proc/self belongs to root, and the next map could not be written


def last_namespace(proc: int) -> None:
    """Enter a user namespace that may hold no further namespace of any kind. `proc` is a procfs with sysctls."""
    own_namespace(proc)
    no_further_namespace(proc)


def own_namespace(proc: int, others: int = 0) -> None:
    """Enter a user namespace, and with it others (CLONE_NEW*). `proc` is a procfs."""
    uid, gid = os.geteuid(), os.getegid()
    k.unshare(k.CLONE_NEWUSER | others)
    map_self(UID, uid, gid, f"/proc/self/fd/{proc}")


def no_further_namespace(proc: int) -> None:
    """Let the user namespace that we are in hold no further namespace of any kind. `proc` is a procfs with sysctls."""
    here = f"/proc/self/fd/{proc}"
    for kind in NAMESPACES:
        path = f"{here}/sys/user/max_{kind}_namespaces"
        if kind != "time" or os.path.exists(path):  # noqa: PTH110 -- start-up path; Linux 5.6
            write(path, "0")
    for name, most in COUNTED.items():
        if os.path.exists(f"{here}/sys/user/{name}"):  # noqa: PTH110 -- start-up path; a kernel without inotify
            write(f"{here}/sys/user/{name}", most)


def lock_privileges() -> None:
    """Lock the securebits, and empty the bounding and the ambient set, so that no execve and no id brings any back."""
    k.prctl(k.PR_CAP_AMBIENT, 4)
    k.prctl(k.PR_SET_SECUREBITS, SECUREBITS)
    for capability in range(LAST_CAPABILITY + 1):
        try:
            k.prctl(k.PR_CAPBSET_DROP, capability)
        except OSError:
            break  # EINVAL: the kernel knows no further one


def drop_privileges() -> None:
    """Give up every Linux capability, for good."""
    lock_privileges()
    have_none()


def have_none() -> None:
    """Empty the effective, the permitted and the inheritable set."""
    k.keep_capabilities(())


def new_keyring() -> None:
    """Leave the caller's session keyring for an empty one without a name: keyctl(2), KEYCTL_JOIN_SESSION_KEYRING."""
    k.call("keyctl", k.number("keyctl"), 1, None)


def gain_nothing() -> None:
    """Let no execve give anything that was not there before: prctl(2), PR_SET_NO_NEW_PRIVS."""
    k.prctl(k.PR_SET_NO_NEW_PRIVS, 1)


def allow_no_core_helper() -> None:
    """Raise the hard limit of core dumps from 0 to 1 where we may: core(5), a pipe is served unless it is exactly 1."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        with suppress(ValueError, OSError):  # not CAP_SYS_RESOURCE: then it is a gap, where it matters (layers.py)
            resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def limit(limits: Limits) -> None:
    """Set the resource limits, soft and hard; 0 leaves what the caller has; man 2 setrlimit."""
    wanted = (
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_FSIZE, limits.disk_bytes),
    )
    for which, value in wanted:
        if value:
            _lower(which, value)
    if limits.cpu_seconds:  # the first one sends SIGXCPU, so that we know what it was; the second one ends for certain
        _lower(resource.RLIMIT_CPU, limits.cpu_seconds, 1)
    for which in (resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE):
        _lower(which, 0)
    _lower(resource.RLIMIT_SIGPENDING, SIGNALS)


def limit_last(limits: Limits) -> None:
    """Set the limits that our own last steps could not stand: how many descriptors, and at the end how much memory."""
    for which, value in ((resource.RLIMIT_NOFILE, limits.fds), (resource.RLIMIT_AS, limits.memory_bytes)):
        if value:
            _lower(which, value)


def dump_nothing() -> None:
    """Hand a crash to nobody: not 0, since a pipe in core_pattern is served unless it is exactly 1 (core(5))."""
    _lower(resource.RLIMIT_CORE, 1)


def go_first(proc: int) -> None:
    """Let the target go before any other process of the host where memory runs out. `proc` is a procfs."""
    write(f"/proc/self/fd/{proc}/self/oom_score_adj", FIRST_OUT)


def _lower(which: int, value: int, above: int = 0) -> None:
    """Set both limits, the hard one higher by `above`; never higher than it was."""
    hard = resource.getrlimit(which)[1]
    soft, most = (least if hard == resource.RLIM_INFINITY else min(least, hard) for least in (value, value + above))
    resource.setrlimit(which, (soft, most))

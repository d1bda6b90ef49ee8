"""What this host has. `tried` does it all for real in a child; `missing` is the quick look before each run.

A run tries every layer again by using it, and ends with 125 and the layer's name when it fails: nothing here decides
that something may be left out.
"""

import os
import resource
from _collections_abc import Mapping

from casemate.model.sandbox import Layer
from casemate.model.small import once
from casemate.sandbox.native import cgroups, landlock, names, seccomp
from casemate.sandbox.native import kernel as k

NEEDED = (0, 6, 7, 8, 12, 21)  # CAP_CHOWN, SETGID, SETUID, SETPCAP, NET_ADMIN, SYS_ADMIN
RESOURCE = 24  # CAP_SYS_RESOURCE
CORE_PATTERN = "/proc/sys/kernel/core_pattern"
SWITCHES = (  # a value that forbids user namespaces to ordinary users, by file
    ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,` for this Python",
    ),
)
KINDS = {  # layer: its file in /proc/PID/ns
    names.USER: "user",
    names.MOUNT: "mnt",
    names.NET: "net",
    names.PID: "pid",
    names.IPC: "ipc",
    names.UTS: "uts",
    names.CGROUP: "cgroup",
}
DOORS = {  # the switch of a door, and the values that close it to a process without capabilities
    names.URING: ("kernel/io_uring_disabled", ("2",)),
    names.BPF: ("kernel/unprivileged_bpf_disabled", ("1", "2")),
    names.UFFD: ("vm/unprivileged_userfaultfd", ("0",)),
}
ON_USERS = (*KINDS, names.IDENTITY, names.CAPABILITIES)  # an ordinary user has them in a user namespace only
SHOWN = (names.USER, names.MOUNT, names.NET, names.PID, names.IPC, names.UTS, names.CGROUP, "overlayfs")


@once
def privileged() -> bool:
    """Tell whether we hold the real Linux capabilities that make a user namespace unnecessary."""
    return os.geteuid() == 0 and all(_held() >> bit & 1 for bit in NEEDED)


def _held() -> int:
    """Give the bits of the Linux capabilities that we have in force."""
    return int(k.status(b"CapEff"), 16)


def userns_hint() -> str:
    """Say which switch of this host forbids user namespaces, and how to turn it; "" when none does."""
    for name, value, remedy in SWITCHES:
        if _value(name) == value:
            return f"{name.replace('/', '.')} is {value}; an administrator can set: {remedy}"
    return ""


@once
def has_mdwe() -> bool:
    """Tell whether this kernel can refuse to make memory executable: PR_GET_MDWE, Linux 6.3."""
    try:
        k.prctl(66)
    except OSError:
        return False
    return True


def core_helper() -> str:
    """Say by what a crash of any process is handed to somebody on the host, whatever we do; "" where by nothing.

    core(5): a limit of exactly 1 keeps the kernel from starting a program, and nothing keeps it from calling a socket
    (Linux 6.16).
    """
    pattern = k.text(CORE_PATTERN)  # a kernel without it dumps nothing
    socket = pattern.startswith("@")
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if not socket and not (pattern.startswith("|") and limit == 0 and not _held() >> RESOURCE & 1):
        return ""
    how = "no limit holds that back" if socket else "a hard limit of 0 does not hold that back, one of 1 does"
    return f"kernel.core_pattern is {pattern}: {how}; an administrator can set: sysctl kernel.core_pattern=core"


def missing(without: frozenset[str] = frozenset()) -> Mapping[str, str]:
    """Name the layers that are not to be had, with the reason: what this host lacks, and what a test switches off."""
    found = {**of_this_host(), **dict.fromkeys(sorted(without), "switched off by a test")}
    if names.USER in found and not privileged():
        found = dict.fromkeys(ON_USERS, f"{names.USER}s: {found[names.USER]}") | found
    for layer, others in names.STANDS_ON.items():
        if layer in found:
            found = dict.fromkeys(others, f"nothing without {layer}") | found
    return found


@once
def of_this_host() -> Mapping[str, str]:
    """Name what this host lacks: a quick look without forking, unless somebody has put a filter around us."""
    found = {**_locks(), **_sysctls(), **_namespaces(), **cgroups.lacking()}
    if reason := core_helper():
        found[names.CORES] = reason
    if filtered():
        from casemate.sandbox.native import trial  # noqa: PLC0415 -- in a container only

        for layer, error in trial.tried(privileged=privileged()).items():
            if error and layer in names.NAMES:
                found.setdefault(layer, error)
    return found


def filtered() -> bool:
    """Tell whether a filter that is not ours answers our system calls: then nothing is known before it was tried."""
    return k.status(b"Seccomp") == b"2"


def _locks() -> Mapping[str, str]:
    """Name what a process of this host cannot put on itself."""
    found = dict[str, str]()
    version = landlock.abi()
    if version == 0:
        found[names.LANDLOCK] = "this kernel has no Landlock (Linux 5.13, lsm=landlock)"
    if version < 3:
        found[names.TRUNCATE] = f"Landlock ABI {version}; truncate needs 3"
    if version < 4:
        found[names.LANDLOCK_NET] = f"Landlock ABI {version}; TCP needs 4"
    if version < 5:
        found[names.IOCTL] = f"Landlock ABI {version}; devices need 5"
    if version < 6:
        found[names.SCOPES] = f"Landlock ABI {version}; scopes need 6"
    if reason := seccomp.available():
        found[names.SECCOMP] = reason
    if not has_mdwe():
        found[names.MDWE] = "this kernel has no PR_SET_MDWE (Linux 6.3)"
    if not os.path.exists("/proc/keys"):  # noqa: PTH110 -- start-up path
        found[names.KEYRING] = "this kernel has no keyrings (CONFIG_KEYS)"
    return found


def _sysctls() -> Mapping[str, str]:
    """Name the doors that the host itself leaves open to programs without privilege."""
    found = dict[str, str]()
    for layer, (file, closed) in DOORS.items():
        value = _value(file)
        if value not in closed:
            found[layer] = f"{file.replace('/', '.')} is {value or 'not there'}; closed by {closed[-1]}"
    return found


def _namespaces() -> Mapping[str, str]:
    """Name the namespaces that this kernel does not have, or that a switch forbids: namespaces(7)."""
    found = dict[str, str]()
    for layer, file in KINDS.items():
        if not os.path.lexists(f"/proc/self/ns/{file}"):
            found[layer] = "this kernel has none"
    for layer, file in KINDS.items():
        if _value(f"user/max_{file}_namespaces") == "0":
            found[layer] = f"user.max_{file}_namespaces is 0; an administrator can set: sysctl {_more(file)}"
    if not privileged() and (hint := userns_hint()):
        found[names.USER] = hint
    return found


def _value(name: str) -> str:
    return k.text(f"/proc/sys/{name}")


def _more(file: str) -> str:
    return f"user.max_{file}_namespaces=10000"


def tried(without: frozenset[str] = frozenset()) -> tuple[Layer, ...]:
    """Try every layer in a child of its own; say what happened."""
    from casemate.sandbox.native import trial  # noqa: PLC0415 -- a run does not try

    made, lacking = trial.tried(privileged=privileged()), missing(without)
    version = landlock.abi()
    details = {
        names.LANDLOCK: f"ABI {version}",
        names.LANDLOCK_NET: f"ABI {version}",
        names.TRUNCATE: f"ABI {version}",
        names.IOCTL: f"ABI {version}",
        names.SCOPES: f"ABI {version}",
        names.SECCOMP: "filter mode",
        names.MDWE: "PR_SET_MDWE",
        names.CORES: "a crash is handed to nobody",
        names.LIMITS: "setrlimit, for each process",
        names.KEYRING: "a new one for each run",
        **{layer: f"{file.replace('/', '.')} is {_value(file)}" for layer, (file, _) in DOORS.items()},
    }

    def look(name: str) -> Layer:
        tried_here = name in (*trial.NAMESPACES, *trial.LAST)
        wrong = lacking.get(name) or (made.get(name, "not reached") if tried_here else "")
        return Layer(name, not wrong, wrong or details.get(name, "tried"))

    return (*map(look, (*SHOWN, *details)), trial.counted(cgroups.used(lacking)))

"""What this host has. `tried` does it all for real in a child; `missing` is the quick look before each run.

A run tries every layer again by using it, and ends with 125 and the layer's name when it fails: nothing here decides
that something may be left out.
"""

import os
import resource
from _collections_abc import Callable, Mapping

from casemate.model.sandbox import Layer
from casemate.model.small import once
from casemate.sandbox.native import gaps, identity, landlock, seccomp
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.world import UID

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


@once
def privileged() -> bool:
    """Tell whether we hold the real Linux capabilities that make a user namespace unnecessary."""
    return os.geteuid() == 0 and all(_held() >> bit & 1 for bit in NEEDED)


def _held() -> int:
    """Give the bits of the Linux capabilities that we have in force."""
    return int(k.read("/proc/self/status").partition(b"\nCapEff:")[2].split(None, 1)[0], 16)


def userns_hint() -> str:
    """Say which switch of this host forbids user namespaces, and how to turn it; "" when none does."""
    for name, value, remedy in SWITCHES:
        try:
            found = k.read(f"/proc/sys/{name}").decode().strip()
        except OSError:
            continue
        if found == value:
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
    try:
        pattern = k.read(CORE_PATTERN).decode(errors="replace").strip()
    except OSError:
        return ""  # this kernel dumps nothing
    socket = pattern.startswith("@")
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if not socket and not (pattern.startswith("|") and limit == 0 and not _held() >> RESOURCE & 1):
        return ""
    how = "no limit holds that back" if socket else "a hard limit of 0 does not hold that back, one of 1 does"
    return f"kernel.core_pattern is {pattern}: {how}; an administrator can set: sysctl kernel.core_pattern=core"


@once
def missing() -> Mapping[str, str]:
    """Name the layers that this host lacks, with the reason; a quick look without forking."""
    found = dict[str, str]()
    version = landlock.abi()
    if version == 0:
        found[gaps.LANDLOCK] = "this kernel has no Landlock (Linux 5.13, lsm=landlock)"
    if version < 4:
        found[gaps.LANDLOCK_NET] = f"Landlock ABI {version}; TCP needs 4"
    if version < 6:
        found[gaps.SCOPES] = f"Landlock ABI {version}; scopes need 6"
    if reason := seccomp.available():
        found[gaps.SECCOMP] = reason
    if not has_mdwe():
        found[gaps.MDWE] = "this kernel has no PR_SET_MDWE (Linux 6.3)"
    if reason := core_helper():
        found[gaps.CORES] = reason
    if not privileged() and (hint := userns_hint()):
        found |= dict.fromkeys((gaps.MOUNT, gaps.NET, gaps.PID, gaps.IPC, gaps.IDENTITY), f"user namespaces: {hint}")
    return found


@once
def tried() -> tuple[Layer, ...]:
    """Try every layer in a child of its own; say what happened."""
    quick = missing()
    version = landlock.abi()
    details = {
        gaps.LANDLOCK: f"ABI {version}",
        gaps.LANDLOCK_NET: f"ABI {version}",
        gaps.SCOPES: f"ABI {version}",
        gaps.SECCOMP: "filter mode",
        gaps.MDWE: "PR_SET_MDWE",
        gaps.CORES: "a crash is handed to nobody",
    }
    named = (Layer(name, name not in quick, quick.get(name, detail)) for name, detail in details.items())
    return (*_namespaces(), *named, Layer(gaps.LIMITS, available=True, detail="setrlimit, for each process"))


def _namespaces() -> tuple[Layer, ...]:
    made = dict[str, str](_in_child(_try_namespaces))
    names = (
        "user namespace",
        gaps.MOUNT,
        gaps.NET,
        gaps.PID,
        gaps.IPC,
        "uts namespace",
        "cgroup namespace",
        "overlayfs",
    )
    hint = "" if privileged() else userns_hint()
    return tuple(
        Layer(name, made.get(name) == "", made.get(name) or hint or ("tried" if name in made else "not reached"))
        for name in names
    )


def _in_child(act: Callable[[Callable[[str, str], None]], None]) -> Mapping[str, str]:
    """Fork, let `act` report name and error ("" for none), and collect what it said."""
    from json import dumps, loads  # noqa: PLC0415 -- a run does not try; and before the child covers directories

    reader, writer = os.pipe2(os.O_CLOEXEC)

    def say(name: str, error: str) -> None:
        os.write(writer, dumps([name, error]).encode() + b"\n")

    child = os.fork()
    if child == 0:
        try:
            act(say)
        except BaseException as error:  # noqa: BLE001 -- a forked child must not unwind into its parent's stack
            say("child", str(error))
        finally:
            os._exit(0)
    os.close(writer)
    said = b""
    while part := os.read(reader, 65536):
        said += part
    os.close(reader)
    os.waitpid(child, 0)
    return dict(loads(line) for line in said.splitlines())


def _try_namespaces(report: Callable[[str, str], None]) -> None:
    uid, gid = os.geteuid(), os.getegid()

    def attempt(name: str, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            report(name, str(error))
        else:
            report(name, "")

    def user() -> None:
        k.unshare(k.CLONE_NEWUSER)
        identity.map_self(UID, uid, gid)

    attempt("user namespace", user)
    attempt(gaps.MOUNT, _try_mounts)
    attempt(gaps.NET, lambda: k.unshare(k.CLONE_NEWNET))
    attempt(gaps.IPC, lambda: k.unshare(k.CLONE_NEWIPC))
    attempt("uts namespace", lambda: k.unshare(k.CLONE_NEWUTS))
    attempt("cgroup namespace", lambda: k.unshare(k.CLONE_NEWCGROUP))
    attempt("overlayfs", _try_overlay)
    attempt(gaps.PID, _try_pid)


def _try_mounts() -> None:
    k.unshare(k.CLONE_NEWNS)
    k.mount("none", "/", None, k.MS_REC | k.MS_PRIVATE)
    top = os.open("/", k.O_PATH | os.O_CLOEXEC)
    k.set_attributes(k.clone_tree(top), k.ATTR_RDONLY | k.ATTR_NOSUID)
    k.mount("casemate", "/tmp", "tmpfs", k.MS_NOSUID | k.MS_NODEV)  # noqa: S108 -- covered in a private namespace


def _try_overlay() -> None:
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"/tmp/{name}")  # noqa: PTH102, S108 -- start-up path; the private tmpfs
    options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr"
    k.mount("casemate", "/tmp/merged", "overlay", 0, options)  # noqa: S108 -- the private tmpfs


def _try_pid() -> None:
    k.unshare(k.CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        try:
            k.mount("proc", "/proc", "proc", k.MS_NOSUID | k.MS_NODEV | k.MS_NOEXEC, "subset=pid,hidepid=2")
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, f"a fresh /proc: {os.strerror(code)}")

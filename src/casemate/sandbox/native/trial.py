"""Every layer tried for real, in children of their own: what a quick look at the kernel's files cannot tell.

A filter that somebody else put around casemate (a container's) refuses single calls; only making them shows which.
"""

import errno
import os
from collections.abc import Callable, Mapping

from casemate.model.errors import Refused
from casemate.model.policy import MIB, Limits
from casemate.model.sandbox import Layer
from casemate.sandbox.native import cgroups, identity, landlock, names, seccomp
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.cgroups import Place
from casemate.sandbox.native.entering import TASKS, born_in, enter, opened
from casemate.sandbox.native.group import Group
from casemate.sandbox.native.world import UID

OVERLAY = "overlayfs"
NAMESPACES = (names.USER, names.MOUNT, names.NET, names.IPC, names.UTS, names.CGROUP, OVERLAY, names.PID)
LAST = (names.KEYRING, names.LANDLOCK, names.MDWE, names.SECCOMP)

Report = Callable[[str, str], None]


def tried(*, privileged: bool) -> Mapping[str, str]:
    """Give what went wrong with each layer, "" where nothing did; one that was not reached is not there."""
    return {**_in_child(lambda report: _try_namespaces(report, privileged=privileged)), **_in_child(_try_locks)}


def counted(places: tuple[Place, ...]) -> Layer:
    """Make a group in every place, let a child enter all of them, and remove them."""
    if not places:
        return Layer("cgroups", available=False, detail=cgroups.NOWHERE)
    try:
        made = Group(places, Limits(memory_bytes=64 * MIB, processes=8))
    except Refused as refused:
        return Layer("cgroups", available=False, detail=str(refused))
    try:
        said = _in_child(lambda report: _try_groups(report, made))
    finally:
        made.remove()
    failed = "; ".join(filter(None, said.values()))
    names = ", ".join(cgroups.name(place, resource) for place in places for resource in place.counts)
    return Layer("cgroups", available=not failed, detail=failed or names.replace("cgroup ", ""))


def _try_groups(report: Report, made: Group) -> None:
    """Let a child enter, as the target does, and look whether it is there."""
    _attempt(report, "cgroups", lambda: _try_entering(made.entrances))


def _try_entering(paths: tuple[str, ...]) -> None:
    entrances = opened(paths)
    child, late = born_in(entrances.group)
    if child == 0:
        try:
            enter(entrances, late)
            own = k.text("/proc/self/cgroup")
            os._exit(0 if all(path.removesuffix(TASKS).rpartition("/")[2] in own for path in paths) else errno.ENODEV)
        except OSError as error:
            os._exit(error.errno or 1)
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError(code, f"they could be made, and not entered: {os.strerror(code)}")


def _in_child(act: Callable[[Report], None]) -> Mapping[str, str]:
    """Fork, let `act` report name and error ("" for none), and collect what it said."""
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def say(name: str, error: str) -> None:
        os.write(writer, f"{name}\t{' '.join(error.split())}\n".encode())

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
    pairs = (line.partition("\t") for line in said.decode(errors="replace").splitlines())
    return {name: error for name, _, error in pairs}


def _attempt(report: Report, name: str, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        report(name, str(error) or type(error).__name__)
    else:
        report(name, "")


def _try_namespaces(report: Report, *, privileged: bool) -> None:
    uid, gid = os.geteuid(), os.getegid()

    def user() -> None:
        k.unshare(k.CLONE_NEWUSER)
        identity.map_self(UID, uid, gid)

    if privileged:  # the others do not stand on it
        report(names.USER, _in_child(lambda tell: _attempt(tell, names.USER, user)).get(names.USER, "not reached"))
    else:
        _attempt(report, names.USER, user)
    _attempt(report, names.MOUNT, _try_mounts)
    _attempt(report, names.NET, lambda: k.unshare(k.CLONE_NEWNET))
    _attempt(report, names.IPC, lambda: k.unshare(k.CLONE_NEWIPC))
    _attempt(report, names.UTS, lambda: k.unshare(k.CLONE_NEWUTS))
    _attempt(report, names.CGROUP, lambda: k.unshare(k.CLONE_NEWCGROUP))
    _attempt(report, OVERLAY, _try_overlay)
    _attempt(report, names.PID, _try_pid)


def _try_mounts() -> None:
    k.unshare(k.CLONE_NEWNS)
    m.mount("none", "/", None, m.MS_REC | m.MS_PRIVATE)
    top = os.open("/", k.O_PATH | os.O_CLOEXEC)
    m.set_attributes(m.clone_tree(top), m.ATTR_RDONLY | m.ATTR_NOSUID)
    m.mount("casemate", "/tmp", "tmpfs", m.MS_NOSUID | m.MS_NODEV)  # noqa: S108 -- covered in a private namespace


def _try_overlay() -> None:
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"/tmp/{name}")  # noqa: PTH102, S108 -- start-up path; the private tmpfs
    options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr"
    m.mount("casemate", "/tmp/merged", "overlay", 0, options)  # noqa: S108 -- the private tmpfs


def _try_pid() -> None:
    k.unshare(k.CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        try:
            m.mount("proc", "/proc", "proc", m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC, "subset=pid,hidepid=2")
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, f"a fresh /proc: {os.strerror(code)}")


def _try_locks(report: Report) -> None:
    """Put on what a process puts on itself, in the order in which the target does."""
    _attempt(report, names.NO_NEW, lambda: k.prctl(k.PR_SET_NO_NEW_PRIVS, 1))
    _attempt(report, names.KEYRING, identity.new_keyring)
    _attempt(report, names.MDWE, lambda: k.prctl(k.PR_SET_MDWE, 1))
    version = landlock.abi()
    if version:
        _attempt(report, names.LANDLOCK, lambda: landlock.restrict(landlock.made(landlock.KNOWN[1], 0, 0)))
    _attempt(report, names.SECCOMP, lambda: seccomp.install(seccomp.compiled(wx=False)))

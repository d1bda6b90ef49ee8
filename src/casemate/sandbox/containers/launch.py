"""Pid 1 of the steward's own namespaces: it starts the external program there, and everything ends with it.

Whatever that program starts and leaves lies in this pid namespace, whose end the kernel makes complete; its files lie
in memory that ends with the mount namespace. So neither kill -9 nor a program that forgets to clean up leaves anything.
"""

import fcntl
import os
import resource
import select
from _collections_abc import Callable, Mapping, Sequence

from casemate.model.csignal import signal
from casemate.model.dataclass import dataclass, field
from casemate.model.small import suppress
from casemate.sandbox.containers import inside
from casemate.sandbox.containers.packing import packed
from casemate.sandbox.containers.scaffold import Scaffold
from casemate.sandbox.native import identity
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.mounts import TABLE, mounts
from casemate.sandbox.native.root import BASE, NEW, SMALL, Root
from casemate.sandbox.native.steps import Step
from casemate.sandbox.native.steward import Target, World, let_go
from casemate.sandbox.native.target import must
from casemate.sandbox.native.world import DEVICES

OUTER, STATE = f"{BASE}/outer", f"{BASE}/state"
CGROUPS = "/sys/fs/cgroup"
HIGH = 32  # descriptors are moved out of the way of those that they become
LAST_WORDS = 4096
PATIENCE = 2000  # milliseconds for last words


@dataclass(frozen=True, slots=True)
class Place:
    """Where the external program finds things: its root, a folder of its own, and how many descriptors it passes on."""

    root: str
    state: str
    descriptors: int
    uid: int
    core: int  # bytes: the hard limit of core dumps, 1 where it may be that (core(5))


@dataclass(frozen=True, slots=True)
class Launcher:
    """How an external program is started."""

    name: str
    program: str
    argv: Callable[[Place], tuple[str, ...]]
    scaffold: Scaffold
    files: Callable[[Place], Mapping[str, str]] = lambda _: {}
    mounts: bool = False  # the helper is to finish the view itself
    monitored: bool = False  # it starts somebody who watches the helper in its place, and is a child of pid 1
    grouping: bool = False  # it insists on making groups
    enter: Callable[[], None] = lambda: None  # what is still to be done before it is executed
    needs: tuple[Step, ...] = ()  # of the helper's root, besides what the helper stands on
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    untried: frozenset[str] = frozenset()  # classes whose acts tell nothing in the world that it makes


def launch(world: World, launcher: Launcher) -> None:
    """Be pid 1 around the external program: start it, wait for its end."""
    ends, target = world.ends, world.target
    prepare(
        (*launcher.scaffold.steps, *launcher.needs), target, groups=_no_groups if launcher.grouping else _one_hierarchy
    )
    entrances = ways_in(target)
    job = packed(world, mounts=launcher.mounts, entrances=len(entrances), untried=launcher.untried)
    core = min(1, resource.getrlimit(resource.RLIMIT_CORE)[1] % (1 << 63))  # -1 is infinity
    place = Place(OUTER, STATE, inside.FIRST_ENTRANCE - 3 + len(entrances), target.uid, core)
    must("root", write, launcher.files(place), target.uid)
    log = in_memory("log", b"")
    began, begin = os.pipe2(os.O_CLOEXEC)
    handed = (ends.lifeline, ends.status, ends.witness, in_memory("job", job), begin, *ends.inner, *entrances)
    child = os.fork()
    if child == 0:
        _execute(launcher, place, log, handed)
    k.close_all_but((ends.status, log, began))
    k.keep_capabilities(())
    _wait(child, monitored=launcher.monitored)
    if not _has_begun(began):
        raise Failed(launcher.name, last_words(log) or "it ended and said nothing")


def _has_begun(began: int) -> bool:
    """Tell whether the helper has said so; who was left behind may hold the other end for ever."""
    os.set_blocking(began, False)
    try:
        return bool(os.read(began, 1))
    except BlockingIOError:
        return False


def prepare(scaffold: Sequence[Step], target: Target, groups: Callable[[int], None] = lambda _: None) -> None:
    """Make what the external program needs around the root of the plan: /proc, devices, a folder, the helper's root.

    `groups` makes what it sees of cgroups, for the identity that it gets.
    """
    must("proc", m.mount, "proc", "/proc", "proc", m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC)
    must("root", _outer, scaffold, target)
    must("root", groups, target.uid)


def _outer(scaffold: Sequence[Step], target: Target) -> None:
    """Build the root of the helper, with the one of the plan in it, and what the external program itself needs."""
    os.umask(0)
    root = Root(target.uid, target.users)
    os.mkdir(OUTER, 0o755)  # noqa: PTH102 -- start-up path
    m.mount("casemate", OUTER, "tmpfs", m.MS_NOSUID | m.MS_NODEV, SMALL)
    root.new = os.open(OUTER, k.O_PATH | os.O_CLOEXEC)
    for step in scaffold:
        source = root.open_source(step)
        root.carry_out(step, source)
        let_go(source)
    for path in ("/proc", "/dev", inside.VIEW):
        root.folder(path)
    view = os.open(NEW, k.O_PATH | os.O_CLOEXEC)
    there = m.open_within(root.new, inside.VIEW)
    m.attach(m.clone_tree(view), there)
    for descriptor in (view, there, root.new):
        os.close(descriptor)
    let_go(target.users)
    _devices()
    os.mkdir(STATE, 0o711)  # noqa: PTH102 -- likewise
    os.chown(STATE, target.uid, target.uid)
    os.umask(0o077)


def _devices() -> None:
    """Let the external program find the harmless devices: /dev is covered.

    A runtime of OCI containers wants /dev/tty as well, and mounts it in the helper's root: an empty file will do.
    """
    base = Root(0)
    base.new = os.open(BASE, k.O_PATH | os.O_CLOEXEC)
    for path in DEVICES:
        name = path.removeprefix(BASE)
        source = os.open(f"{NEW}{path}", k.O_PATH | os.O_CLOEXEC)
        base.file(name, b"", 0o444)
        base.place(source, name, m.ATTR_NOSUID | m.ATTR_NOEXEC)
        os.close(source)
    base.file("/tty", b"", 0o444)
    os.close(base.new)


def _one_hierarchy(_owner: int) -> None:
    """Show cgroups of version 2 alone: crun refuses a host that has both."""
    found = list(mounts(os.fsdecode(k.read_whole(TABLE)), ("cgroup", "cgroup2")))
    second = next((mount.place for mount in found if mount.kind == "cgroup2"), "")
    if second and second != CGROUPS and any(mount.kind == "cgroup" for mount in found):
        here, there = (os.open(path, k.O_PATH | os.O_CLOEXEC) for path in (second, CGROUPS))
        m.attach(m.clone_tree(here), there)
        os.close(here)
        os.close(there)


def _no_groups(owner: int) -> None:
    """Show a folder in memory in the place of cgroups: what is made there does nothing, and ends with the run."""
    with suppress(OSError):  # its own table of mounts names those of version 1; an ordinary user cannot hide them
        m.umount(CGROUPS)
    m.mount("casemate", CGROUPS, "tmpfs", m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC, SMALL)
    os.chown(CGROUPS, owner, owner)


def ways_in(target: Target) -> tuple[int, ...]:
    """Open the ways into the groups while we may: the kernel asks who opened them (Linux 5.17)."""
    if target.entrances.group < 0:
        return target.entrances.tasks
    flags = os.O_WRONLY | os.O_CLOEXEC
    return (*target.entrances.tasks, os.open("cgroup.procs", flags, dir_fd=target.entrances.group))


def become(uid: int) -> None:
    """Take the run's own identity, which owns nothing on the host, and die with pid 1 whatever happens to it.

    The kernel forgets the second with each change of identity: prctl(2), PR_SET_PDEATHSIG. The caller's directory is
    let go of as well: from a runtime that holds one of the host, a program may get there (CVE-2024-21626).
    """
    if uid != os.geteuid():
        identity.become(uid)
    os.chdir(STATE)
    k.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)


def write(files: Mapping[str, str], owner: int) -> None:
    """Write files into the folder of the external program, in memory."""
    for name, content in files.items():
        descriptor = os.open(f"{STATE}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        os.write(descriptor, content.encode())
        os.fchown(descriptor, owner, owner)
        os.close(descriptor)


def in_memory(name: str, content: bytes) -> int:
    """Give a descriptor of a file that is nowhere."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    while content:
        content = content[os.write(descriptor, content) :]
    return descriptor


def _execute(launcher: Launcher, place: Place, log: int, handed: tuple[int, ...]) -> None:
    """Become the external program; its streams are ours, and those of the target are handed through it."""
    words = log
    try:
        become(place.uid)
        launcher.enter()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        out = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH) for fd in (null, log, log, *handed)]
        for number, descriptor in enumerate(out):
            os.dup2(descriptor, number, inheritable=True)
        words = 2
        k.close_all_but(range(len(out)))
        nowhere = {"PATH": place.state, "HOME": place.state}  # no setuid helper (newuidmap) is found
        environment = {**launcher.environment, **nowhere}
        os.execve(launcher.program, launcher.argv(place), environment)  # noqa: S606 -- that is what this module is for
    except OSError as error:
        os.write(words, f"{launcher.program}: {error.strerror}\n".encode())
    finally:
        os._exit(125)


def _wait(child: int, *, monitored: bool) -> None:
    """Wait for the external program, and reap what it leaves.

    Where another one stands between it and the helper, it does not hear that somebody has killed that one.
    """
    while True:
        try:
            ended, _ = os.wait()
        except ChildProcessError:
            return
        if ended == child:
            return
        if monitored:
            over = select.poll()
            over.register(os.pidfd_open(child), select.POLLIN)
            over.poll(PATIENCE)
            return


def last_words(log: int) -> str:
    """Give the last line of what the external program said."""
    size = os.fstat(log).st_size
    lines = os.pread(log, LAST_WORDS, max(size - LAST_WORDS, 0)).decode(errors="backslashreplace").strip().split("\n")
    return lines[-1]

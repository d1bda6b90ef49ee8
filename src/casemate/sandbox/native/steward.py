"""S, the steward: makes the namespaces, the root and the sockets, forks pid 1, and then only connects on request.

It stays outside the pid namespace, so the target can neither see nor signal it; it is not dumpable, holds none of the
caller's environment, descriptors or directories, no Linux capability once pid 1 is started, and dies with P.
"""

import errno
import fcntl
import gc
import os
from _collections_abc import Callable, Mapping

from casemate.model.csignal import signal
from casemate.model.dataclass import dataclass, replace
from casemate.model.policy import Limits
from casemate.sandbox.native import caller, control, identity, init, landlock, names
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.cgroups import PROCESSES, Place
from casemate.sandbox.native.contract import EVERYBODY_IS_DEAD, NativePlan
from casemate.sandbox.native.entering import Entrances, opened
from casemate.sandbox.native.fork import load_nothing_more
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.loopback import loopback_up
from casemate.sandbox.native.root import Root, enter, show_processes
from casemate.sandbox.native.selftest import SelfTest
from casemate.sandbox.native.target import Locks, become_target, must
from casemate.sandbox.native.world import NAME, NO_DOMAIN, UID

NAMESPACES = {
    names.MOUNT: k.CLONE_NEWNS,
    names.PID: k.CLONE_NEWPID,
    names.NET: k.CLONE_NEWNET,
    names.IPC: k.CLONE_NEWIPC,
    names.UTS: k.CLONE_NEWUTS,
    names.CGROUP: k.CLONE_NEWCGROUP,
}
FIRST_FREE = 3


@dataclass(frozen=True, slots=True)
class Ends:
    """The steward's ends of everything, and who its parent is."""

    parent: int
    lifeline: int
    status: int
    control: int
    inner: tuple[int, int, int]
    witness: int
    entrances: tuple[str, ...] = ()  # of the run's cgroups: paths that end with the mount namespace
    alive: int = -1  # a pidfd of P where somebody stands between us, or -1


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is decided once for a host and a plan, before the first fork."""

    privileged: bool  # real capabilities: no user namespace needed for the tree, and the identity is changed
    landlock: int  # ABI, 0 where it is missing and that was accepted
    filter: bytes  # compiled list of system calls, b"" likewise
    mdwe: bool
    without: frozenset[str] = frozenset()  # the layers of names.py that are missing, and accepted so
    places: tuple[Place, ...] = ()  # where the run gets cgroups of its own
    test: SelfTest | None = None
    entered: bool = False  # somebody has made our user namespace, and mapped us into it

    @property
    def other_id(self) -> bool:
        """Tell whether the target gets an identity of the run's own: only root has one to leave."""
        return self.privileged and names.IDENTITY not in self.without


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of the target before it is there: its identity outside, and how it gets into its groups."""

    uid: int
    entrances: Entrances
    users: int = -1  # maps the caller's root to that identity (idmapped mounts), or -1


@dataclass(frozen=True, slots=True)
class World:
    """All that pid 1 is given. The root of the plan stands at root.NEW, the sockets are made."""

    plan: NativePlan
    environment: Mapping[str, str]
    prepared: Prepared
    ends: Ends
    target: Target


First = Callable[[World], None]  # what pid 1 does until all is over
Stand = Callable[[NativePlan, Mapping[str, str], Prepared, Ends, First], None]  # what the steward does; never returns


def stand(plan: NativePlan, environment: Mapping[str, str], prepared: Prepared, ends: Ends, first: First) -> None:
    """Be the steward, with a pid 1 that does what `first` says. Never returns; every failure is a status line."""
    status = ends.status
    try:
        k.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)  # before all else: whatever happens to us now, we die with P
        load_nothing_more()
        gc.disable()  # what the caller left in memory must not be finalised here, with its descriptor numbers
        ends = _leave_caller(ends, prepared)
        status = ends.status
        make_world(plan, environment, prepared, ends, first)
    except Failed as failed:
        init.refuse(status, failed)
    except BaseException as error:  # noqa: BLE001 -- a forked child must not unwind into the stack of its parent
        init.refuse(status, Failed("steward", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def _leave_caller(ends: Ends, prepared: Prepared) -> Ends:
    """Cut every tie to the caller but the channels: session, signals, descriptors, environment."""
    os.setsid()
    init.plain_signals()
    if os.getppid() != ends.parent:
        os._exit(0)
    if names.CORES not in prepared.without:
        identity.allow_no_core_helper()
    inner = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for fd in ends.inner]
    outer = (ends.lifeline, ends.status, ends.control, ends.witness)
    kept = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for fd in outer]
    for number, descriptor in enumerate(inner):
        os.dup2(descriptor, number, inheritable=True)
    if names.DESCRIPTORS not in prepared.without:
        k.close_all_but((0, 1, 2, *kept))
    init.forget_environment()
    return Ends(ends.parent, kept[0], kept[1], kept[2], (0, 1, 2), kept[3], ends.entrances)


def make_world(plan: NativePlan, environment: Mapping[str, str], prepared: Prepared, ends: Ends, first: First) -> None:
    """Make the namespaces, the root and the sockets, fork pid 1, and serve until the run is over. Never returns."""
    uid, gid = os.geteuid(), os.getegid()
    entrances = _entrances(ends)
    owner = identity.FIRST + os.getpid() if prepared.other_id else uid if prepared.privileged else UID
    mapped = prepared.other_id and names.USER not in prepared.without
    users, helper = _users(owner) if mapped else (-1, 0)  # before the pid namespace: its first child is pid 1
    _leave_namespaces(prepared)
    if not prepared.privileged and not prepared.entered:
        must("user namespace", identity.map_self, UID, uid, gid)
    k.prctl(k.PR_SET_DUMPABLE, 0)
    if names.NET not in prepared.without:
        _open_sockets(plan, ends.control)
    made = Root(owner, users)
    must("root", made.build, plan.steps)
    for number, upper in enumerate(made.uppers):
        control.hand(ends.control, f"layer {number}", upper)
    os.close(made.new)
    target = Target(owner, entrances, users)
    child = _fork_first(lambda: first(World(plan, environment, prepared, ends, target)), ends, target)
    try:
        if helper:
            os.waitpid(helper, 0)
        os.chdir("/")  # the caller's directory would be the last thing of the host that is still held
        identity.drop_privileges()
        identity.gain_nothing()
        _serve(ends, forwards=bool(plan.outside.forwards))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)  # pid 1 is gone when everybody inside is
        os._exit(EVERYBODY_IS_DEAD)  # only then does P copy files out


def _entrances(ends: Ends) -> Entrances:
    try:
        return opened(ends.entrances)
    except OSError as error:
        raise Failed("cgroups", str(error)) from None


def _leave_namespaces(prepared: Prepared) -> None:
    """Make namespaces of our own. Where the target has groups, it makes the one of cgroups when it is in them.

    A group that lies outside of our own cgroup namespace could not be entered (cgroup2, nsdelegate).
    """
    later = (names.CGROUP,) if prepared.places else ()
    flags = sum(flag for layer, flag in NAMESPACES.items() if layer not in prepared.without and layer not in later)
    try:
        k.unshare(flags | (0 if prepared.privileged or prepared.entered else k.CLONE_NEWUSER))
    except OSError as error:
        hint = "forbidden here: in a container, by its seccomp profile; else see `casemate backends`"
        raise Failed("namespaces", f"{error} ({hint})") from None


def _open_sockets(plan: NativePlan, channel: int) -> None:
    """Make the net namespace usable and hand its sockets out."""
    must("network", loopback_up)
    connect = plan.outside.connect
    if not connect:
        return
    from casemate.sandbox.native import net  # noqa: PLC0415 -- loaded before the fork where something is granted

    def make() -> None:
        six = net.set_up(connect)
        for listener in net.listeners(connect, six=six):
            control.hand(channel, f"listener {connect.index(listener.endpoint)}", listener.fd)
        for resolver in net.resolvers() if any(not endpoint.literal for endpoint in connect) else ():
            control.hand(channel, f"resolver {resolver.transport}", resolver.fd)

    must("network", make)


def _users(owner: int) -> tuple[int, int]:
    """Make a user namespace that maps the caller's root to the target's identity, for idmapped mounts.

    Give its descriptor and the child that stood for it until we had that: it has ended, and is to be reaped.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        child = k.fork_apart(k.CLONE_NEWUSER)
    except OSError as error:
        raise Failed("user namespace", str(error)) from None
    if child == 0:
        try:
            k.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(writer)
            os.read(reader, 1)  # until we are killed, or nobody is left who could
        finally:
            os._exit(0)
    try:
        for name in ("uid_map", "gid_map"):
            must("user namespace", identity.write, f"/proc/{child}/{name}", f"0 {owner} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC), child
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(reader)
        os.close(writer)


def _fork_first(act: Callable[[], None], ends: Ends, target: Target) -> int:
    """Fork pid 1 and give its number outside; all of it ends when `act` comes back."""
    child = os.fork()
    if child:
        for descriptor in (ends.lifeline, ends.status, ends.witness, 0, 1, 2, *target.entrances.descriptors):
            os.close(descriptor)
        let_go(target.users)
        return child
    try:
        k.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.close(ends.control)
        act()
    except Failed as failed:
        init.refuse(ends.status, failed)
    except BaseException as error:  # noqa: BLE001 -- as above
        init.refuse(ends.status, Failed("init", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def start_target(world: World) -> None:
    """Be pid 1 of the target's own world: finish its root, start it, watch it."""
    plan, ends, target = world.plan, world.ends, world.target
    let_go(target.users)
    locks = _inside(plan, world.prepared, target, ends.witness)
    init.run(
        ends.lifeline,
        ends.status,
        lambda late: become_target(plan, world.environment, locks, late),
        locks.entrances,
    )


def let_go(descriptor: int) -> None:
    """Close a descriptor, if it is one."""
    if descriptor >= 0:
        os.close(descriptor)


def _inside(plan: NativePlan, prepared: Prepared, target: Target, witness: int) -> Locks:
    """Finish the root from within the pid namespace, and prepare what the target will lock itself with."""
    if names.UTS not in prepared.without:  # or it would be the host's name
        must("namespaces", k.sethostname, NAME)
        must("namespaces", k.setdomainname, NO_DOMAIN)
    must("proc", show_processes)
    proc = -1
    ruleset = -1
    try:
        proc = m.new_filesystem("proc", (), 0xE)
        enter(image=plan.image)
        if prepared.landlock:
            ruleset = landlock.ruleset(plan, prepared.landlock, without=prepared.without)
    except OSError as error:
        layer = "proc" if proc < 0 else "root" if prepared.landlock == 0 else "landlock"
        raise Failed(layer, str(error)) from None
    return Locks(
        proc=proc,
        ruleset=ruleset,
        filter=prepared.filter,
        uid=target.uid if prepared.other_id else -1,
        mdwe=prepared.mdwe,
        limits=for_each(plan.outside.limits, prepared),
        without=prepared.without,
        witness=witness,
        entrances=target.entrances,
        test=prepared.test,
    )


def for_each(limits: Limits, prepared: Prepared) -> Limits:
    """Give the limits of each process. Where a cgroup counts processes it refuses first, because it tells how often."""
    counted = limits.processes and any(PROCESSES in place.counts for place in prepared.places)
    return replace(limits, processes=limits.processes + 1) if counted else limits


def _serve(ends: Ends, *, forwards: bool) -> None:
    """Connect to ports inside as P asks; end when P lets go or is gone. It reads elsewhere that pid 1 has ended."""
    channel, alive = ends.control, ends.alive if ends.alive >= 0 else caller.watched(ends.parent)
    control.say(channel, "stands")
    if not forwards:
        caller.speaks(alive, channel)
        return
    from casemate.sandbox.native import net  # noqa: PLC0415 -- loaded before the fork

    while caller.speaks(alive, channel) and (request := control.receive(channel)[0]):
        try:
            _, family, port = request.split()
            made = net.connect(int(family), int(port))
        except (OSError, ValueError) as error:
            control.say(channel, f"error {getattr(error, 'errno', None) or errno.EINVAL}")
            continue
        control.hand(channel, "ok", made)

"""Starts the program in the guest, in namespaces of its own, under the locks that the native backend puts in force.

The tree is A (the init of the guest) → S → I (pid 1 of the program) → T (the program). What holds T is the guest's
kernel; what holds the guest is QEMU.
"""

import os
import select
from collections.abc import Sequence

from casemate.model.dataclass import dataclass, replace
from casemate.sandbox import waiting  # noqa: F401 # pyright: ignore[reportUnusedImport] -- become_target looks for it when no file of ours is left
from casemate.sandbox.native import init, landlock, layers, seccomp
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.entering import Entrances
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.loopback import loopback_up
from casemate.sandbox.native.root import enter, show_processes
from casemate.sandbox.native.steps import Bind, Layered, Step
from casemate.sandbox.native.target import Locks, become_target, must
from casemate.sandbox.native.world import NAME, NO_DOMAIN, UID
from casemate.sandbox.vm.guest import machine
from casemate.sandbox.vm.guest.world import GuestRoot
from casemate.sandbox.vm.job import Job

LONGEST_BEFORE = 30  # seconds: nothing of it is needed
SPACES = k.CLONE_NEWNS | k.CLONE_NEWPID | k.CLONE_NEWIPC | k.CLONE_NEWUTS


@dataclass(frozen=True, slots=True)
class Ends:
    """The descriptors that the program's tree is given: its three streams, and the two of contract.py."""

    streams: Sequence[int]
    lifeline: int
    status: int
    group: str  # the directory of its cgroup


def start(job: Job, ends: Ends) -> int:
    """Fork S; give its pid. What becomes of it is said on the status pipe."""
    child = os.fork()
    if child:
        return child
    try:
        _be(job, ends)
    except Failed as failed:
        init.refuse(ends.status, failed)
    except BaseException as error:  # noqa: BLE001 -- a forked child must not unwind into the stack of its parent
        init.refuse(ends.status, Failed("guest", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def warm_up(job: Job, port: int) -> None:
    """Run what is to be at hand, in a world of its own that is gone before the program's is made.

    Nothing that outlives it may be written there, and no variable of the run is seen. It is ended in the midst of it
    where the port has something to read: the arguments are there.
    """
    plan = replace(job.plan, command=job.warm, steps=tuple(map(_only_read, job.plan.steps)), waits=False)
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    alive, lifeline = os.pipe2(os.O_CLOEXEC)
    heard, status = os.pipe2(os.O_CLOEXEC)
    group = machine.make_group(machine.BEFORE, plan.outside.limits)
    alone = replace(job, plan=plan, environment={}, connect=(), listen=())
    child = start(alone, Ends((nothing,) * 3, alive, status, group))
    _until_ended_or_told(child, port)
    for descriptor in (nothing, alive, lifeline, heard, status):  # without the lifeline nothing of it lives on
        os.close(descriptor)
    os.waitpid(child, 0)


def _only_read(step: Step) -> Step:
    """Give a step without the right to write to the host."""
    if isinstance(step, Layered):
        return Bind(step.seen, at=step.at)
    return replace(step, write=False) if isinstance(step, Bind) else step


def _until_ended_or_told(child: int, port: int) -> None:
    """Wait until a child has ended, something comes, or it takes too long."""
    ended = os.pidfd_open(child)
    both = select.poll()
    for descriptor in (ended, port):
        both.register(descriptor, select.POLLIN)
    both.poll(LONGEST_BEFORE * 1000)
    os.close(ended)


def _be(job: Job, ends: Ends) -> None:
    os.setsid()
    init.plain_signals()
    entrances = Entrances(group=os.open(ends.group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    kept = (ends.lifeline, ends.status, entrances.group)
    for number, descriptor in enumerate(ends.streams):
        os.dup2(descriptor, number, inheritable=True)
    k.close_all_but((0, 1, 2, *kept))
    must("namespaces", k.unshare, SPACES | (0 if job.networked else k.CLONE_NEWNET))
    if not job.networked:
        must("network", loopback_up)
    made = GuestRoot(UID)
    must("root", made.build, job.plan.steps)
    os.close(made.new)
    child = os.fork()
    if child:
        for descriptor in (*kept, 0, 1, 2):
            os.close(descriptor)
        os.waitpid(child, 0)
        return
    try:
        _inside(job, ends, entrances)
    except Failed as failed:
        init.refuse(ends.status, failed)
    except BaseException as error:  # noqa: BLE001 -- as above
        init.refuse(ends.status, Failed("guest", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def _inside(job: Job, ends: Ends, entrances: Entrances) -> None:
    """Finish the root from within the pid namespace, and be its pid 1 until the program has ended."""
    must("namespaces", k.sethostname, NAME)
    must("namespaces", k.setdomainname, NO_DOMAIN)
    must("proc", show_processes)
    try:
        proc = m.new_filesystem("proc", (), 0xE)
        enter()
        version = landlock.abi()
        ruleset = landlock.ruleset(job.plan, version) if version else -1
    except OSError as error:
        raise Failed("guest", str(error)) from None
    locks = Locks(
        proc=proc,
        ruleset=ruleset,
        filter=seccomp.compiled(wx=job.plan.filter.wx),
        uid=UID,
        mdwe=layers.has_mdwe(),
        limits=job.plan.outside.limits,
        entrances=entrances,
    )
    init.run(ends.lifeline, ends.status, lambda late: become_target(job.plan, job.environment, locks, late), entrances)

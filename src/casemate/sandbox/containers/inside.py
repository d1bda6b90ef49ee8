"""The helper: the first process of the world that the external program made. It is pid 1 there, and starts the target.

It does what pid 1 of the native backend does, in a root of its own (scaffold.py). The target, forked from it, first
leaves that root for the one of the plan: a user namespace and a mount namespace of its own, pivot_root(2), and the old
root is gone for it, as it is in the native backend. Then everything else is put on, tried, and the program executed.
"""

import gc
import os
import sys

from casemate.model.csignal import signal
from casemate.model.dataclass import replace
from casemate.sandbox.containers.job import Job, unpacked
from casemate.sandbox.native import identity, init, landlock, names
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.entering import Entrances, enter
from casemate.sandbox.native.fork import load_nothing_more
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.root import enter as take_root
from casemate.sandbox.native.root import show_processes
from casemate.sandbox.native.target import Locks, lock_and_execute, must, take_terminal
from casemate.sandbox.native.world import NAME, NO_DOMAIN

LIFELINE, STATUS, WITNESS, JOB, BEGAN, STREAMS = 3, 4, 5, 6, 7, (8, 9, 10)
FIRST_ENTRANCE = 11
VIEW = "/view"  # where the root of the plan lies in the helper's own


def main() -> None:
    """Be the helper. Never returns; every failure is a line on the status pipe."""
    try:
        k.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)
        k.prctl(k.PR_SET_DUMPABLE, 0)
        gc.disable()
        os.write(BEGAN, b"!")
        _begin(unpacked(_read(JOB)))
    except Failed as failed:
        init.refuse(STATUS, failed)
    except BaseException as error:  # noqa: BLE001 -- one line, whatever it is
        init.refuse(STATUS, Failed("helper", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def _read(descriptor: int) -> str:
    parts = list[bytes]()
    while part := os.pread(descriptor, 1 << 20, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts).decode("ascii")


def _begin(job: Job) -> None:
    """Take what was handed in, finish the view, and be pid 1 until all is over."""
    if job.plan.waits:
        from casemate.sandbox import waiting  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] -- before it cannot
    sys.stdout = sys.stderr = sys.stdin = None
    for number, descriptor in enumerate(STREAMS):
        os.dup2(descriptor, number, inheritable=True)
    entrances = tuple(range(FIRST_ENTRANCE, FIRST_ENTRANCE + job.entrances))
    k.close_all_but((0, 1, 2, LIFELINE, STATUS, WITNESS, *entrances))
    k.close_on_exec(3)
    init.plain_signals()
    os.umask(0o077)
    if job.mounts:
        _finish(job)
    must("new privileges", identity.gain_nothing)
    proc = os.open("/proc", k.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    load_nothing_more()
    locks = Locks(
        proc=proc,
        ruleset=-1,  # made when the target stands in its root: rules name paths
        filter=job.filter,
        uid=-1,
        mdwe=job.mdwe,
        limits=job.limits,
        without=job.without,
        witness=WITNESS,
        entrances=Entrances(entrances),
        test=job.test,
    )
    init.run(LIFELINE, STATUS, lambda late: _become(job, locks, late), locks.entrances, keeps=())


def _finish(job: Job) -> None:
    """Do what bubblewrap has no options for: /proc with nothing but processes, and a domain that is not the host's."""
    if names.UTS not in job.without:
        must("namespaces", k.sethostname, NAME)
        must("namespaces", k.setdomainname, NO_DOMAIN)
    must("proc", show_processes, VIEW)


def _become(job: Job, locks: Locks, late: int) -> None:
    """Become the target. It returns by Failed only."""
    os.setsid()
    must("cgroups", enter, locks.entrances, late)
    take_terminal()
    must("identity", k.prctl, k.PR_SET_DUMPABLE, 1)
    own = k.CLONE_NEWNS
    if locks.entrances.descriptors and names.CGROUP not in locks.without:
        own |= k.CLONE_NEWCGROUP
    must("user namespace", identity.own_namespace, locks.proc, own)
    must("root", _enter_view, job.plan)
    must("user namespace", identity.no_further_namespace, locks.proc)
    ruleset = _ruleset(job)
    if names.CAPABILITIES not in locks.without:
        must("capabilities", identity.drop_privileges)
    must("new privileges", identity.gain_nothing)
    if names.KEYRING not in locks.without:
        must("session keyring", identity.new_keyring)
    lock_and_execute(job.plan, job.environment, replace(locks, ruleset=ruleset))


def _ruleset(job: Job) -> int:
    """Make the rules of Landlock, which name paths of the root that we stand in; -1 where this kernel has none."""
    if not job.version:
        return -1
    try:
        return landlock.ruleset_of(job.rules, job.version, inet=job.plan.filter.inet, without=job.without)
    except OSError as error:
        raise Failed("landlock", str(error)) from None


def _enter_view(plan: NativePlan) -> None:
    """Make the root of the plan ours; what lay around it is gone.

    pivot_root(2) takes no mount that came with a copy of somebody else's namespace, so it is mounted once more.
    """
    view = os.open(VIEW, k.O_PATH | os.O_CLOEXEC)
    tree = m.clone_tree(view)
    m.attach(tree, view)
    os.close(view)
    os.close(tree)
    take_root(top=VIEW, image=plan.image)

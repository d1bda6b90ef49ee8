"""What the native backend withholds, as one table, and which layers a plan cannot do without."""

from _collections_abc import Iterator, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.dataclass import replace
from casemate.model.policy import Policy, WriteMode
from casemate.model.sandbox import Coverage, Gap
from casemate.sandbox import coverage as of_any
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.names import (
    ALWAYS,
    BROKER,
    CGROUPS,
    COMMIT,
    ENVIRONMENT,
    LIMITS,
    LOOP,
    MOUNT,
    OF_CPU,
    OF_MEMORY,
    OF_PROCESSES,
    PID,
)
from casemate.sandbox.native.withheld import GIVEN, WHEN_GRANTED
from casemate.sandbox.native.withheld import WITHHELD as CLASS_WITHHELD

WITHHELD: Mapping[C, tuple[str, ...]] = {  # what is a budget or has no finer parts; the rest is in withheld.py
    C.PROC_FORK: (*OF_PROCESSES, LIMITS),
    C.PROC_THREAD: (*OF_PROCESSES, LIMITS),
    C.ENV_WRITE: (ENVIRONMENT, PID),
    C.RES_CPU: (*OF_CPU, LIMITS),
    C.RES_WALL: (LOOP,),
    C.RES_MEMORY: (*OF_MEMORY, LIMITS),
    C.RES_FDS: (LIMITS,),
    C.RES_PROCS: (*OF_PROCESSES, LIMITS),
    C.RES_DISK: (LIMITS,),  # the largest file; how many there may be is a matter of the mount alone
    C.RES_OUTPUT: (LOOP,),
}
PARTLY: Mapping[C, str] = {
    C.PROC_FORK: "not withheld, only counted: limits.processes",
    C.PROC_THREAD: "not withheld, only counted: limits.processes",
    C.ENV_WRITE: "a program may always change its own variables",
    C.RES_CPU: "each process has the budget, not the run",
    C.RES_MEMORY: "each process has the budget (address space), not the run",
    C.RES_FDS: "each process has the budget, not the run",
}
WHOLE: Mapping[C, str] = {  # where a cgroup counts: the note in the place of the one above
    C.RES_CPU: "the cgroup counts the run, rlimits each process",
    C.RES_MEMORY: "the cgroup counts the run and its private files, rlimits the address space of each process",
    C.RES_PROCS: "processes and threads of the run",
}
TABLE = of_any.Table(CLASS_WITHHELD, WITHHELD, WHEN_GRANTED, GIVEN, PARTLY, WHOLE, CGROUPS)

IN_AN_IMAGE = ("fs.exec.file", "proc.spawn.other", "proc.shell.sh")
MAPPED = "of the host's files; any file of the image can be mapped"


def of_policy(policy: Policy, table: of_any.Table = TABLE) -> of_any.Table:
    """Give the table that holds under a policy: the mount of an image withholds nothing of what is executed in it."""
    if not policy.image:
        return table
    classes, granted = dict(table.classes), dict(table.when_granted)
    for name in IN_AN_IMAGE:
        classes[name] = tuple(layer for layer in classes[name] if layer != MOUNT)
        by, layers, note = granted[name]
        granted[name] = by, tuple(layer for layer in layers if layer != MOUNT), note
    granted["native.ext.readable"] = (C.NATIVE_EXT,), classes["native.ext.readable"], MAPPED
    return replace(table, classes=classes, when_granted=granted)


def coverage(policy: Policy, missing: Mapping[str, str]) -> tuple[Coverage, ...]:
    """Say for every capability which layers withhold it. `missing` names the layers that this host lacks, and why."""
    return of_any.coverage(policy, of_policy(policy), missing)


def gaps(policy: Policy, missing: Mapping[str, str], covered: tuple[Coverage, ...] = ()) -> Iterator[Gap]:
    """Yield what is denied and not withheld by as many layers as the policy asks for; `covered` is what is known."""
    return of_any.gaps(policy, of_policy(policy), missing, covered)


def needed(plan: NativePlan) -> tuple[str, ...]:
    """Name the layers that a plan cannot do without: they carry what it grants, or everything."""
    commits = any(write.mode is WriteMode.COMMIT for write in plan.outside.writes)
    dials = plan.outside.connect or plan.outside.forwards
    return (*ALWAYS, *((COMMIT,) if commits else ()), *((BROKER,) if dials else ()))

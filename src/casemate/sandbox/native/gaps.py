"""How far each capability is withheld on this host under a policy, and what cannot be withheld though it is denied.

One row for each capability: the layers that withhold it. A layer that this host lacks does not count; a capability that
no layer withholds, or fewer than the policy asks for, is a gap.
"""

import os
from _collections_abc import Iterator, Mapping, Sequence
from _collections_abc import Set as AbstractSet

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.classes import classes_of
from casemate.model.persist import persists
from casemate.model.policy import Policy, WriteMode
from casemate.model.sandbox import ClassCoverage, Coverage, Enforcement, Gap
from casemate.model.tree import below
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.names import (
    ALWAYS,
    BROKER,
    CGROUPS,
    COMMIT,
    ENVIRONMENT,
    LIMITS,
    LOOP,
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
LIMIT_OF: Mapping[C, str] = {
    C.RES_CPU: "cpu_seconds",
    C.RES_WALL: "wall_seconds",
    C.RES_MEMORY: "memory_bytes",
    C.RES_FDS: "fds",
    C.RES_PROCS: "processes",
    C.RES_DISK: "disk_bytes",
    C.RES_OUTPUT: "output_bytes",
    C.PROC_FORK: "processes",
    C.PROC_THREAD: "processes",
}


def coverage(policy: Policy, missing: Mapping[str, str]) -> tuple[Coverage, ...]:
    """Say for every capability which layers withhold it. `missing` names the layers that this host lacks, and why."""
    granted = {grant.capability for grant in policy.grants}
    return tuple(_cover(capability, policy, granted, missing) for capability in C)


def gaps(policy: Policy, missing: Mapping[str, str], covered: tuple[Coverage, ...] = ()) -> Iterator[Gap]:
    """Yield what is denied and not withheld by as many layers as the policy asks for; `covered` is what is known."""
    granted = {grant.capability for grant in policy.grants}
    for row in covered or coverage(policy, missing):
        if row.enforcement is not Enforcement.DESCRIBED and (reason := _why(row, policy, granted, missing)):
            yield Gap(row.capability, reason)


def needed(plan: NativePlan) -> tuple[str, ...]:
    """Name the layers that a plan cannot do without: they carry what it grants, or everything."""
    commits = any(write.mode is WriteMode.COMMIT for write in plan.outside.writes)
    dials = plan.outside.connect or plan.outside.forwards
    return (*ALWAYS, *((COMMIT,) if commits else ()), *((BROKER,) if dials else ()))


def _cover(capability: C, policy: Policy, granted: AbstractSet[C], missing: Mapping[str, str]) -> Coverage:
    names = classes_of(capability)
    if not names and capability not in WITHHELD:
        return Coverage(capability, Enforcement.DESCRIBED, ())
    parts = tuple(_part(name, granted, missing) for name in names)
    if reason := _given(capability, policy) or _direct(capability, policy):
        return Coverage(capability, Enforcement.NOT, (), reason, parts)
    if capability in WITHHELD:
        held = tuple(layer for layer in WITHHELD[capability] if layer not in missing)
        partly = _partly(capability, held)
        how = Enforcement.PARTLY if held and partly else _strength(held)
        return Coverage(capability, how, held, partly or _whole(capability, held), parts)
    return _together(capability, parts, granted)


def _part(name: str, granted: AbstractSet[C], missing: Mapping[str, str]) -> ClassCoverage:
    """Say which layers withhold one class."""
    if is_given(name, granted):
        return ClassCoverage(name, Enforcement.NOT, (), f"granted with {GIVEN[name]}")
    wanted, note = _layers(name, granted)
    held = wanted if missing.keys().isdisjoint(wanted) else tuple(layer for layer in wanted if layer not in missing)
    return ClassCoverage(name, _strength(held), held, note)


def _layers(name: str, granted: AbstractSet[C]) -> tuple[tuple[str, ...], str]:
    if name in WHEN_GRANTED:
        by, layers, note = WHEN_GRANTED[name]
        if not granted.isdisjoint(by):
            return layers, note
    return CLASS_WITHHELD[name], ""


def _together(capability: C, parts: tuple[ClassCoverage, ...], granted: AbstractSet[C]) -> Coverage:
    """Make one row of the classes: a capability is withheld as far as the weakest of them."""
    denied = [part for part in parts if not is_given(part.name, granted)]
    weakest = min(len(part.layers) for part in denied)
    every = tuple(dict.fromkeys(layer for part in denied for layer in part.layers))
    notes = dict.fromkeys(part.note for part in denied if part.note)
    if weakest > 1 or len(denied) == 1:
        return Coverage(capability, _strength(denied[0].layers), every, "; ".join(notes), parts)
    weak = [part for part in denied if len(part.layers) == weakest]
    if len(weak) < len(denied):
        notes = {f"{'not ' if weakest == 0 else ''}{', '.join(part.name for part in weak)}": None} | notes
    held = every if weakest == 0 else tuple(dict.fromkeys(layer for part in weak for layer in part.layers))
    how = Enforcement.SINGLE if weakest else Enforcement.PARTLY if every else Enforcement.NOT
    return Coverage(capability, how, held, "; ".join(notes), parts)


def _strength(held: tuple[str, ...]) -> Enforcement:
    return Enforcement.ENFORCED if len(held) > 1 else Enforcement.SINGLE if held else Enforcement.NOT


def _partly(capability: C, held: tuple[str, ...]) -> str:
    """Say what is left open although something withholds; "" where nothing is."""
    return "" if _whole(capability, held) else PARTLY.get(capability, "")


def _whole(capability: C, held: tuple[str, ...]) -> str:
    """Say what is counted where a cgroup counts the whole run."""
    return WHOLE.get(capability, "") if any(layer in CGROUPS for layer in held) else ""


def is_given(name: str, granted: AbstractSet[C]) -> bool:
    """Tell whether a grant gives all of a class."""
    return name in GIVEN and GIVEN[name] in granted


def _given(capability: C, policy: Policy) -> str:
    """Say that the policy itself gives all of a capability."""
    if capability in LIMIT_OF and getattr(policy.limits, LIMIT_OF[capability]) == 0:
        return "the policy sets no limit"
    if capability is C.NATIVE_WX and policy.grants_any(C.NATIVE_WX):
        return "granted"
    return ""


def _direct(capability: C, policy: Policy) -> str:
    """Say what a write grant in mode direct takes away: it reaches the host at once, past every check."""
    direct = [grant.resource for grant in policy.of(C.FS_WRITE) if grant.mode is WriteMode.DIRECT]
    if not direct or capability not in (C.FS_PERSIST, C.RES_DISK):
        return ""
    if capability is C.RES_DISK:
        what = ["with no quota"]
    else:
        denied = [path for path in policy.deny if any(_is_in(path, tree) for tree in direct)]
        persist = "@persist" in policy.deny or any(map(persists, direct))
        what = ["also names that something later executes"] if persist else []
        what += [f"also what is denied and not there yet ({', '.join(denied)})"] if denied else []
    return f"mode direct writes to {', '.join(direct)} at once, {' and '.join(what)}" if what else ""


def _is_in(path: str, tree: str) -> bool:
    """Tell whether a path lies in a tree, by its name or by where that leads."""
    return below(path, tree) or below(os.path.realpath(path), os.path.realpath(tree))


def _why(covered: Coverage, policy: Policy, granted: AbstractSet[C], missing: Mapping[str, str]) -> str:
    """Say what of a denied capability is withheld by too few layers, and what this host lacks for it; "" for nothing.

    What every class of it lacks is said once.
    """
    found, lost = dict[tuple[str, ...], list[str]](), dict[str, None]()
    if covered.capability in WITHHELD or covered.enforcement is Enforcement.NOT:
        if direct := _direct(covered.capability, policy):
            return direct
        few = covered.capability in WITHHELD and len(covered.layers) < policy.layers
        if few and not _given(covered.capability, policy):
            found[covered.layers] = [str(covered.capability)]
            lost |= dict.fromkeys(WITHHELD[covered.capability])
    for part in covered.classes:
        if len(part.layers) < policy.layers and not is_given(part.name, granted):
            found.setdefault(part.layers, []).append(part.name)
            lost |= dict.fromkeys(_layers(part.name, granted)[0])
    return "; ".join((*_too_few(found, policy), *(f"{layer}: {missing[layer]}" for layer in lost if layer in missing)))


def _too_few(found: Mapping[tuple[str, ...], Sequence[str]], policy: Policy) -> Iterator[str]:
    for layers, names in found.items():
        if layers:
            yield f"{', '.join(names)} withheld by {', '.join(layers)}; {policy.layers} asked for"
        else:
            yield f"no layer withholds {', '.join(names)}"

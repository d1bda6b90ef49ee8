"""How far each capability is withheld under a policy, and what cannot be withheld though it is denied: any backend's.

A backend brings a table: the layers that withhold each class of acts. A layer that the host lacks does not count; a
capability that no layer withholds, or fewer than the policy asks for, is a gap.
"""

import os
from _collections_abc import Iterator, Mapping, Sequence
from _collections_abc import Set as AbstractSet

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.classes import classes_of
from casemate.model.dataclass import dataclass, field
from casemate.model.persist import persists
from casemate.model.policy import Policy, WriteMode
from casemate.model.sandbox import ClassCoverage, Coverage, Enforcement, Gap
from casemate.model.tree import below

GUEST_KERNEL, MACHINE = "user-space kernel", "virtual machine"  # layers that are a kernel of the program's own
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


@dataclass(frozen=True, slots=True)
class Table:
    """Which layers of a backend withhold what, each of them alone.

    `when_granted`: where one of these capabilities is granted, only these layers are left, with this note. `given`: a
    grant of this capability gives all of a class. `partly`: what a budget leaves open, unless one of the layers in
    `whole_run` counts; then `whole` is said. `ajar`: what of a class is left open although its layers withhold it.
    """

    classes: Mapping[str, tuple[str, ...]]
    budgets: Mapping[C, tuple[str, ...]]
    when_granted: Mapping[str, tuple[tuple[C, ...], tuple[str, ...], str]]
    given: Mapping[str, C]
    partly: Mapping[C, str]
    whole: Mapping[C, str]
    whole_run: tuple[str, ...]
    ajar: Mapping[str, str] = field(default_factory=dict[str, str])


def coverage(policy: Policy, table: Table, missing: Mapping[str, str]) -> tuple[Coverage, ...]:
    """Say for every capability which layers withhold it. `missing` names the layers that this host lacks, and why."""
    granted = {grant.capability for grant in policy.grants}
    return tuple(_cover(capability, policy, granted, table, missing) for capability in C)


def gaps(policy: Policy, table: Table, missing: Mapping[str, str], covered: tuple[Coverage, ...] = ()) -> Iterator[Gap]:
    """Yield what is denied and not withheld by as many layers as the policy asks for; `covered` is what is known."""
    granted = {grant.capability for grant in policy.grants}
    for row in covered or coverage(policy, table, missing):
        if row.enforcement is not Enforcement.DESCRIBED and (reason := _why(row, policy, granted, table, missing)):
            yield Gap(row.capability, reason)


def is_given(name: str, granted: AbstractSet[C], given: Mapping[str, C]) -> bool:
    """Tell whether a grant gives all of a class."""
    return name in given and given[name] in granted


def _cover(
    capability: C, policy: Policy, granted: AbstractSet[C], table: Table, missing: Mapping[str, str]
) -> Coverage:
    names = classes_of(capability)
    if not names and capability not in table.budgets:
        return Coverage(capability, Enforcement.DESCRIBED, ())
    parts = tuple(_part(name, granted, table, missing) for name in names)
    if reason := _given(capability, policy) or _direct(capability, policy):
        return Coverage(capability, Enforcement.NOT, (), reason, parts)
    if capability in table.budgets:
        held = tuple(layer for layer in table.budgets[capability] if layer not in missing)
        whole = table.whole.get(capability, "") if any(layer in table.whole_run for layer in held) else ""
        partly = "" if whole else table.partly.get(capability, "")
        how = Enforcement.PARTLY if held and partly else _strength(held)
        return Coverage(capability, how, held, partly or whole, parts)
    return _together(capability, parts, [part for part in parts if not is_given(part.name, granted, table.given)])


def _part(name: str, granted: AbstractSet[C], table: Table, missing: Mapping[str, str]) -> ClassCoverage:
    """Say which layers withhold one class."""
    if is_given(name, granted, table.given):
        return ClassCoverage(name, Enforcement.NOT, (), f"granted with {table.given[name]}")
    wanted, note = _layers(name, granted, table)
    held = wanted if missing.keys().isdisjoint(wanted) else tuple(layer for layer in wanted if layer not in missing)
    how = Enforcement.PARTLY if held and name in table.ajar else _strength(held)
    return ClassCoverage(name, how, held, table.ajar.get(name, note) if held else note)


def _layers(name: str, granted: AbstractSet[C], table: Table) -> tuple[tuple[str, ...], str]:
    if name in table.when_granted:
        by, layers, note = table.when_granted[name]
        if not granted.isdisjoint(by):
            return layers, note
    return table.classes[name], ""


def _together(capability: C, parts: tuple[ClassCoverage, ...], denied: Sequence[ClassCoverage]) -> Coverage:
    """Make one row of the classes: a capability is withheld as far as the weakest of them."""
    if ajar := [part for part in denied if part.enforcement is Enforcement.PARTLY]:
        return Coverage(capability, Enforcement.PARTLY, ajar[0].layers, "; ".join(part.note for part in ajar), parts)
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


def _why(covered: Coverage, policy: Policy, granted: AbstractSet[C], table: Table, missing: Mapping[str, str]) -> str:
    """Say what of a denied capability is withheld by too few layers, and what this host lacks for it; "" for nothing.

    What every class of it lacks is said once.
    """
    found, lost = dict[tuple[str, ...], list[str]](), dict[str, None]()
    if covered.capability in table.budgets or covered.enforcement is Enforcement.NOT:
        if direct := _direct(covered.capability, policy):
            return direct
        few = covered.capability in table.budgets and len(covered.layers) < policy.layers
        if few and not _given(covered.capability, policy):
            found[covered.layers] = [str(covered.capability)]
            lost |= dict.fromkeys(table.budgets[covered.capability])
    for part in covered.classes:
        if len(part.layers) < policy.layers and not is_given(part.name, granted, table.given):
            found.setdefault(part.layers, []).append(part.name)
            lost |= dict.fromkeys(_layers(part.name, granted, table)[0])
    return "; ".join((*_too_few(found, policy), *(f"{layer}: {missing[layer]}" for layer in lost if layer in missing)))


def _too_few(found: Mapping[tuple[str, ...], Sequence[str]], policy: Policy) -> Iterator[str]:
    for layers, names in found.items():
        if layers:
            yield f"{', '.join(names)} withheld by {', '.join(layers)}; {policy.layers} asked for"
        else:
            yield f"no layer withholds {', '.join(names)}"

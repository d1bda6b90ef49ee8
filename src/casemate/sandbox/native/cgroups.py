"""Where a whole run can be counted on this host: cgroups(7), of version 2 or 1, for each resource one of them.

The kernel says which groups we are in (/proc/self/cgroup) and where they are mounted (/proc/self/mountinfo). A run gets
groups of its own below ours, where we may make one and the controller is there. Elsewhere rlimits are all there is, and
that is no error: most containers show cgroups read-only or not at all.

Version 2 hands no controllers down from a group that holds processes, except from the root ("no internal process",
Documentation/admin-guide/cgroup-v2.rst). So a run becomes the neighbour of our group, in the nearest one above it that
hands controllers down: in a user's session that is a slice of systemd's that belongs to the user. It never leaves a
group that limits what is in it.
"""

import os
from _collections_abc import Iterator, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.small import once
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import names
from casemate.sandbox.native.mounts import TABLE, mounts

MEMORY, PROCESSES, CPU = "memory", "pids", "cpu"
FIRST = {"memory": MEMORY, "pids": PROCESSES, "cpuacct": CPU}  # the controllers of version 1 that count
NAMES = {MEMORY: names.OF_MEMORY, PROCESSES: names.OF_PROCESSES, CPU: names.OF_CPU}  # as layers: version 2, version 1
PLENTY = 256  # tasks: systemd limits every unit to a part of the host's (DefaultTasksMax); that binds no run
NOWHERE = "no group can be made here that counts it: cgroups are not shown here, not ours, or without it"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A tree of groups that is mounted here, and the directory of the group in it that we are in."""

    version: int
    controllers: tuple[str, ...]  # version 1 only; in version 2 each group has its own
    mount: str
    own: str


@dataclass(frozen=True, slots=True)
class Place:
    """A directory in which a run gets a group of its own, and what is counted there."""

    version: int
    directory: str
    counts: tuple[str, ...]


def hierarchies(groups: str, table: str) -> Iterator[Hierarchy]:
    """Read /proc/self/cgroup and the table of mounts: cgroups(7)."""
    ours = dict[str, str]()
    for line in filter(None, groups.split("\n")):
        _, controllers, path = line.split(":", 2)
        ours |= dict.fromkeys(controllers.split(","), path)  # version 2 has no names: ""
    for mount in mounts(table, ("cgroup", "cgroup2")):
        names = tuple(name for name in mount.options if name in ours) if mount.kind == "cgroup" else ()
        path = ours.get(names[0] if names else "", "") if names or mount.kind == "cgroup2" else ""
        below = _below(path, mount.root)
        if below is not None:
            yield Hierarchy(1 if names else 2, names, mount.place, (mount.place + below).rstrip("/"))


def _below(path: str, root: str) -> str | None:
    """Give what leads from the group that is mounted to ours; None where ours is not to be seen."""
    root = root.rstrip("/")
    if not path.startswith("/") or path.startswith("/..") or not f"{path}/".startswith(f"{root}/"):
        return None  # "/../x": a cgroup namespace begins below it
    return path[len(root) :].rstrip("/")


def found() -> tuple[Place, ...]:
    """Look where a run can be counted; each resource is counted in one place, of version 2 where there is a choice."""
    return chosen(tuple(hierarchies(k.text("/proc/self/cgroup"), k.text(TABLE))))


def chosen(seen: tuple[Hierarchy, ...]) -> tuple[Place, ...]:
    """Choose among these, by what may be made in them now."""
    left, places = {MEMORY, PROCESSES, CPU}, list[Place]()
    for find in (_second, _first, _own):
        for hierarchy in seen if left else ():
            place = find(hierarchy)
            if place and (counts := tuple(sorted(left.intersection(place.counts)))):
                places.append(Place(place.version, place.directory, counts))
                left.difference_update(counts)
    return tuple(places)


def _second(hierarchy: Hierarchy) -> Place | None:
    """Version 2: the nearest group from ours upwards that hands down what counts."""
    group = hierarchy.own
    while hierarchy.version == 2:
        handed = _handed_down(group)
        if handed and _may_enter(group):
            return Place(2, group, (*handed, CPU))
        if group == hierarchy.mount or _limited(group):
            return None
        group = group.rpartition("/")[0]
    return None


def _first(hierarchy: Hierarchy) -> Place | None:
    """Version 1: any group may hold processes and groups."""
    counts = tuple(FIRST[name] for name in hierarchy.controllers if name in FIRST)
    return Place(1, hierarchy.own, counts) if counts and _may_make(hierarchy.own) else None


def _own(hierarchy: Hierarchy) -> Place | None:
    """Version 2 counts the processor time of every group, without any controller."""
    return Place(2, hierarchy.own, (CPU,)) if hierarchy.version == 2 and _may_enter(hierarchy.own) else None


def _handed_down(group: str) -> tuple[str, ...]:
    names = k.text(f"{group}/cgroup.subtree_control").split()
    return tuple(name for name in (MEMORY, PROCESSES) if name in names)


def _may_make(group: str) -> bool:
    """Tell whether we may make a group below this one; false also where it is mounted read-only."""
    return os.access(group, os.W_OK | os.X_OK)


def _may_enter(group: str) -> bool:
    """Tell whether we may make a group below this one, and move a process into it: both need the right to this one."""
    ordinary = k.text(f"{group}/cgroup.type") in ("", "domain")  # the root has no such file
    return ordinary and _may_make(group) and os.access(f"{group}/cgroup.procs", os.W_OK)


def _limited(group: str) -> bool:
    """Tell whether this group limits what is in it: a run must not get out of that."""
    tasks = k.text(f"{group}/pids.max")
    if tasks.isdecimal() and int(tasks) < PLENTY:
        return True
    found = (k.text(f"{group}/{name}") for name in ("memory.max", "memory.high", "memory.swap.max", "cpu.max"))
    return any(value and value.split()[0] != "max" for value in found)


@once
def places() -> tuple[Place, ...]:
    """Give what `found` finds, looked at once: our own group does not change while we live."""
    return found()


def lacking() -> Mapping[str, str]:
    """Name the layers that no place here stands for, and why."""
    used = {resource: place for place in places() for resource in place.counts}
    reasons = dict[str, str]()
    for resource, (second, first) in NAMES.items():
        place = used.get(resource)
        if place is None or place.version == 1:
            reasons[second] = f"{first} is used" if place else NOWHERE
        if place is None or place.version == 2:
            reasons[first] = f"{second} is used" if place else NOWHERE
    return reasons


def name(place: Place, resource: str) -> str:
    """Give the layer that counts a resource in a place."""
    return NAMES[resource][2 - place.version]


def used(missing: Mapping[str, str]) -> tuple[Place, ...]:
    """Give the places for a run, without what is counted by a layer that is missing."""
    kept = list[Place]()
    for place in places():
        counts = tuple(resource for resource in place.counts if name(place, resource) not in missing)
        if counts:
            kept.append(Place(place.version, place.directory, counts))
    return tuple(kept)

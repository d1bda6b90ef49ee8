"""A policy as written → a policy of absolute paths only, and what has to be said about how it came to be.

Deny beats allow, in any order: a grant that lies in a denied path is dropped, by its name and by what it links to.
"""
# ruff: noqa: PTH116 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from _collections_abc import Collection, Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, replace
from casemate.model.errors import PolicyError
from casemate.model.persist import persists
from casemate.model.policy import OWN_PYTHON, PRIVATE, Grant, Missing, Policy
from casemate.policy.sets import READ_SETS, Places, around, read_set, secrets
from casemate.readers.host.real import real

PATHS = frozenset(
    {
        Capability.FS_READ,
        Capability.FS_WRITE,
        Capability.FS_EXEC,
        Capability.NET_UNIX,
        Capability.PROC_SPAWN,
        Capability.NATIVE_EXT,
    }
)
IN_IMAGE = frozenset(READ_SETS) - {"@cwd"}  # what an image brings along
BROUGHT = frozenset({Capability.PROC_SPAWN, Capability.FS_EXEC, Capability.NATIVE_EXT})  # likewise: it is of the image
ABSENT = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A policy of absolute paths only, and sentences about grants that were not given.

    `notes` name those that were denied, `absent` those whose path does not exist.
    """

    policy: Policy
    notes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def expand(policy: Policy, places: Places) -> Expanded:
    """Resolve every @set and check every path of a policy on this host.

    Raises PolicyError for a granted path that is missing (unless `missing = "skip-read"` and it is only read), that
    cannot be reached, or that is a link to itself.
    """
    notes, absent = list[str](), list[str]()
    grants = [g for grant in policy.grants for g in _members(grant, places)]
    names = {grant.resource: _names(grant.resource) for grant in grants if is_path(grant)}
    denied = dict.fromkeys(denied_paths(policy, places, {name for both in names.values() for name in both}))
    kept = [
        grant
        for grant in grants
        if _given(grant, policy, denied, names, notes) and _there(grant, policy.missing, absent)
    ]
    trees = {tree for grant in kept if is_path(grant) for tree in names[grant.resource]}
    if policy.image:
        trees.update(_names(policy.image))
        if any(tree in denied for name in _names(policy.image) for tree in around(name)):
            raise PolicyError(f"fs.image {policy.image}: it is denied, and deny beats allow")
    shown = {folder: not trees.isdisjoint(around(folder)) for folder in set(map(_folder, denied))}
    hidden = [path for path in denied if path in trees or shown[_folder(path)]]
    persist = ["@persist"] if "@persist" in policy.deny else []
    expanded = replace(policy, grants=tuple(dict.fromkeys(kept)), deny=(*hidden, *persist))
    return Expanded(expanded, tuple(notes), tuple(absent))


def of_the_host(policy: Policy) -> Policy:
    """Give what of a policy is about this host where the program, its Python and what it starts are of an image."""
    ours = (grant for grant in policy.grants if grant.resource not in IN_IMAGE and grant.capability not in BROUGHT)
    return replace(policy, grants=tuple(ours))


def _folder(path: str) -> str:
    """Give the folder of an absolute path; many denied paths share one."""
    return path.rpartition("/")[0] or "/"


def denied_paths(policy: Policy, places: Places, granted: Collection[str]) -> Iterator[str]:
    """Yield the absolute paths that a policy denies, whether they exist or not; @persist is about names, not paths.

    In a home that nothing granted lies in, or around, nothing has to be denied but what links lead to.
    """
    passed = {folder for path in granted for folder in around(path)}
    for entry in policy.deny:
        if entry == "@secrets":
            yield from secrets(
                places.homes, lambda home: home in passed or any(folder in granted for folder in around(home))
            )
        elif entry != "@persist":
            yield from _names(entry)


def _names(path: str) -> tuple[str, ...]:
    """Give a path as written and as the kernel would resolve it."""
    led = real(path)
    return (path,) if led == path else (path, led)


def is_path(grant: Grant) -> bool:
    """Tell whether a grant names a path."""
    return grant.capability in PATHS and grant.resource != PRIVATE


def _members(grant: Grant, places: Places) -> Iterator[Grant]:
    """Yield one grant for each path of an @set, the grant itself where it names none."""
    if not grant.resource.startswith("@") or grant.resource == PRIVATE:
        yield grant
        return
    if grant.capability is Capability.PROC_SPAWN:
        if not places.interpreter:
            raise PolicyError(f"{OWN_PYTHON} is granted (proc.spawn), and what is started is no Python program")
        yield replace(grant, resource=places.interpreter)
        return
    for path in read_set(grant.resource, places):
        yield replace(grant, resource=path)
        if grant.resource == "@system":
            yield Grant(Capability.FS_EXEC, path)
            yield Grant(Capability.NATIVE_EXT, path)
    if grant.resource == "@python":
        yield from (Grant(Capability.NATIVE_EXT, path) for path in places.libraries)


def _given(
    grant: Grant, policy: Policy, denied: Collection[str], names: Mapping[str, tuple[str, ...]], notes: list[str]
) -> bool:
    """Decide whether a grant is given; say in `notes` why not."""
    if not is_path(grant):
        return True
    path = grant.resource
    if any(tree in denied for name in names[path] for tree in around(name)):
        notes.append(f"{path} is not granted ({grant.capability}): it is denied, and deny beats allow")
        return False
    writes = grant.capability is Capability.FS_WRITE
    if writes and "@persist" in policy.deny and any(persists(name) for name in names[path]):
        notes.append(f"{path} is not granted (fs.write): something later executes what is written there (@persist)")
        return False
    return True


def _there(grant: Grant, missing: Missing, absent: list[str]) -> bool:
    """Tell whether the path of a grant is there; raise where that is an error."""
    if not is_path(grant):
        return True
    try:
        os.stat(grant.resource)
    except ABSENT:
        if missing is Missing.SKIP_READ and grant.capability is Capability.FS_READ:
            absent.append(f"{grant.resource} is not granted (fs.read): it does not exist")
            return False
        hint = "create it first" if grant.capability is Capability.FS_WRITE else "create it or take the grant out"
        raise PolicyError(f"{grant.resource!r} is granted ({grant.capability}) and does not exist: {hint}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PolicyError(f"{grant.resource!r} is granted ({grant.capability}) and cannot be used: {reason}") from None
    return True

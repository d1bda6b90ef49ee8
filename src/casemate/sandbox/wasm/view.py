"""What of the root that the native backend builds is shown to the guest: the folders and files that the policy grants.

WASI shows whole folders only. A single file is put into a folder of its own inside, next to the others of its folder
that are granted, and the guest sees that one in its place: so it reaches nothing that merely lies beside.
"""
# ruff: noqa: PTH110, PTH112 -- a path stays the string that was written

import os
from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, field
from casemate.model.errors import Refused
from casemate.model.policy import Policy
from casemate.model.tree import below
from casemate.sandbox.native.paths import look
from casemate.sandbox.native.steps import Bind, Device, Folder, Layered, Step
from casemate.sandbox.native.world import DEVICES, HOME, is_there_already

STAGE = "/casemate-guest"  # where the runtime and single files are put inside; no policy can grant it
PREFIX = "/casemate-python"  # of the guest's Python, by the name that it is started with: likewise
EMPTY, RUNTIME = f"{STAGE}/empty", f"{STAGE}/runtime"
SHOWN = (Capability.FS_READ, Capability.FS_LIST, Capability.FS_WRITE)
CODE = (Capability.FS_EXEC, Capability.NATIVE_EXT)
PRIVATE = ("/tmp", HOME)  # noqa: S108 -- its own


@dataclass(frozen=True, slots=True)
class Shown:
    """A folder of the guest: where it is in the native root, how the guest calls it, whether it may be changed."""

    host: str
    guest: str
    write: bool


@dataclass(slots=True)
class View:
    """The guest's folders by their names, and what else stands in the native root for them.

    `files` are single files: real path, whether it may be written, and the path inside. `mixed`: in some folder files
    are writable among others that are not, and the guest's boundary does not tell them apart; the native layers do.
    """

    folders: dict[str, Shown] = field(default_factory=dict[str, Shown])
    files: dict[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])
    stages: dict[str, str] = field(default_factory=dict[str, str])  # a folder of single files: its place in the stage
    mixed: bool = False

    def steps(self, made: tuple[Step, ...], runtime: str) -> Iterator[Step]:
        """Give the steps of a native plan, and those that put the runtime and single files into their places.

        So the folder of the runtime stays denied under its own name. Raises OSError.
        """
        layers = {real: at for at, (real, write) in self.files.items() if write}
        for step in made:
            if isinstance(step, Layered) and step.seen.path in layers:
                yield Layered(step.seen, step.size, layers.pop(step.seen.path))
            else:
                yield step
        for at, (real, write) in self.files.items():
            if not write or real in layers:  # what is left of the layers is written directly
                yield Bind(look(real), write=write, at=at)
        yield Bind(look(os.path.realpath(runtime)), execute=True, at=RUNTIME)
        yield from (Device(path, f"{STAGE}{path}") for path in DEVICES)
        yield from (Folder(path, listed=True) for path in (EMPTY, f"{STAGE}/dev", *self.stages.values()))

    def show(self, shown: Shown) -> None:
        """Show a folder; it may be changed if any of its grants says so."""
        known = self.folders.get(shown.guest)
        write = shown.write or (known is not None and known.write)
        self.folders[shown.guest] = Shown(shown.host, shown.guest, write)


def view(policy: Policy, directory: str) -> View:
    """Work out what the guest of a policy sees, which starts in a directory. Raises Refused."""
    seen = View()
    seen.show(Shown(EMPTY, "/", write=False))
    seen.show(Shown(f"{STAGE}/dev", "/dev", write=True))
    for path in PRIVATE:
        seen.show(Shown(path, path, write=True))
    trees, files = dict[str, bool](), dict[str, bool]()
    for path, write in _granted(policy):
        group = trees if os.path.isdir(path) else files
        group[path] = group.get(path, False) or write
    for path, write in trees.items():
        for name in dict.fromkeys((path, os.path.realpath(path))):
            seen.show(Shown(path, name, write))
    for path, write in files.items():
        _add_file(seen, path, trees, write=write)
    around = max((name for name in seen.folders if below(directory, name)), key=len)
    if around != directory and seen.folders[around].host in (EMPTY, *PRIVATE, *seen.stages.values()):
        seen.show(
            Shown(EMPTY, directory, write=False)
        )  # it is there, as an empty one: what is granted in it has a name
    return seen


def _granted(policy: Policy) -> Iterator[tuple[str, bool]]:
    """Yield each path that is shown, and whether it may be written. Machine code is of no use to the guest."""
    code = {grant.resource for name in CODE for grant in policy.of(name)}
    for capability in SHOWN:
        for grant in policy.of(capability):
            path, real = grant.resource, os.path.realpath(grant.resource)
            if below(path, STAGE) or below(path, PREFIX):
                raise Refused(f"{path}: the wasm backend keeps this path for itself")
            denied = any(below(name, deny) for name in (path, real) for deny in policy.deny)
            executed = not os.path.isdir(path) and (path in code or real in code)
            if not denied and not executed and not is_there_already(path) and os.path.exists(path):
                yield path, capability is Capability.FS_WRITE


def _add_file(seen: View, path: str, trees: dict[str, bool], *, write: bool) -> None:
    """Show one file: in the tree that shows it anyway, or in a folder of its own."""
    folder, _, name = path.rpartition("/")
    around = [tree for tree in trees if below(path, tree)]
    if around:
        if write and not any(trees[tree] for tree in around):  # its folder must be open to changes for this one file
            seen.show(Shown(folder, folder, write=True))
            seen.mixed = True
        return
    real = os.path.realpath(path)
    if write and (real, True) in seen.files.values():
        raise Refused(f"{path}: the wasm backend shows a file that may be written by one name only, and {real} has two")
    stage = seen.stages.setdefault(folder, f"{STAGE}/{len(seen.stages)}")
    known = seen.folders.get(folder)
    seen.mixed = seen.mixed or (known is not None and known.host == stage and known.write != write)
    seen.files[f"{stage}/{name}"] = (real, write)
    seen.show(Shown(stage, folder or "/", write))

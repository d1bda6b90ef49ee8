"""What a program can do to the world, by the library models, from its entry files through its own imports.

`needs(entries)` is the one function. Nothing is dropped: what could not be followed is a Use of
Capability.UNRESOLVED with its place.
"""
# ruff: noqa: PTH118, PTH120, PTH208 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from casemate.libraries import Ability, Library, load
from casemate.model.capability import Capability
from casemate.model.errors import InputError
from casemate.model.finding import Skipped
from casemate.model.location import Location
from casemate.readers import files
from casemate.readers.code.analysis import Analysis
from casemate.readers.code.facts import FileView
from casemate.readers.code.flow.base import Seen
from casemate.readers.code.flow.program import Module
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import UNKNOWN_VALUE, Value, constant
from casemate.readers.code.parse import Source, read_source

NONE = constant(None)
DEEP = 8000  # frames, as in an audit
NATIVE = (".so", ".pyd", ".abi3.so")
DYNAMIC = {
    "eval": "evaluates text that is not constant",
    "exec": "executes text that is not constant",
    "__import__": "imports a module whose name is not constant",
    "importlib.import_module": "imports a module whose name is not constant",
    "runpy.run_path": "runs a file whose name is not constant",
    "runpy.run_module": "runs a module whose name is not constant",
}


class Precision(StrEnum):
    """How much of the resource is known."""

    CONSTANT = "constant"  # `resource` is the whole text
    PARTLY = "partly"  # `resource` is its known beginning, perhaps ""
    UNKNOWN = "unknown"
    NONE = "none"  # the operation has no resource


@dataclass(frozen=True, slots=True)
class Use:
    """One call (or use) of a callable that has a capability.

    `callable` is its qualified name, or for UNRESOLVED what could not be followed, in words; `argument` the model's
    name of the resource argument. `resource` is the constant text, its known beginning, or "".
    """

    capability: Capability
    callable: str
    location: Location
    precision: Precision = Precision.NONE
    resource: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """One import of the program.

    `path` is the first-party file it leads to, "" for the standard library and third parties; `native` tells that it is
    an extension module found beside the program or on `search`.
    """

    module: str
    location: Location
    path: str = ""
    native: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything seen from the entries: the files read, in order, what they use and import, and what was not read."""

    files: tuple[Path, ...]
    uses: tuple[Use, ...]
    imports: tuple[Imported, ...]
    skipped: tuple[Skipped, ...]


def needs(
    entries: Sequence[Path], *, search: Sequence[Path] = (), models: Sequence[Path] = (), limit_bytes: int = 10_000_000
) -> Facts:
    """Read the entry files, and every first-party file they import, and give what they use.

    An entry may be a script, a package directory (its `__main__` and all its files) or a directory (all files below).
    `search` are site-packages directories in which third-party names are looked up to tell native extensions; those
    files are not followed. Raises InputError where an entry does not exist.
    """
    for entry in entries:
        if not entry.exists():
            raise InputError(f"{entry}: no such file or directory")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEP))
    try:
        return Reading(entries, search, load(tuple(models)), limit_bytes).facts()
    finally:
        sys.setrecursionlimit(before)


class Reading:
    """One reading of a program from its entries."""

    def __init__(self, entries: Sequence[Path], search: Sequence[Path], library: Library, limit: int) -> None:
        """Look which files there are; none is read yet."""
        self.library, self.limit, self.search = library, limit, search
        self.skipped: list[Skipped] = []
        folders = [entry if entry.is_dir() else entry.parent for entry in entries]
        around = files.choose(folders)
        self.entries = files.choose(entries, largest=limit)
        self.skipped += self.entries.skipped
        known = dict.fromkeys((*self.entries.paths, *around.paths))
        roots = tuple(dict.fromkeys((*self.entries.roots, *around.roots)))
        self.analysis = Analysis(library, known, roots, self.source)
        self.analysis.machine.every_context = True
        self.imports: list[Imported] = []

    def source(self, path: str) -> Source:
        """Read and parse one file; what is wrong with it is listed."""
        return read_source(path, self.skipped, self.limit)

    def facts(self) -> Facts:
        """Follow the imports, run everything that was reached, and collect."""
        modules = list(self.reached())
        for module in modules:
            self.analysis.open(module.path)
        self.run(modules)
        uses = tuple(dict.fromkeys(use for module in modules for use in self.uses(module)))
        self.skipped += [*self.analysis.skipped, *self.analysis.cut()]
        paths = tuple(Path(module.path) for module in modules)
        return Facts(paths, uses, tuple(dict.fromkeys(self.imports)), tuple(sorted(set(self.skipped))))

    def reached(self) -> Iterator[Module]:
        """Yield the modules of the entries, and those of the program that they import, in order."""
        waiting = list(self.entries.paths)
        seen: set[str] = set()
        while waiting:
            path = waiting.pop(0)
            if path in seen:
                continue
            seen.add(path)
            module = self.analysis.program.module(path)
            yield module
            waiting += [found for found in self.imported(module) if found not in seen]

    def imported(self, module: Module) -> Iterator[str]:
        """Note the imports of a module, and yield the files of the program they lead to."""
        for item in FileView(self.analysis, module.path).imports():
            found = ""
            name = item.name
            while name and not found:
                target = self.analysis.program.resolve(name, module.path)
                if target is not None:
                    found = target.path
                    yield from self.packages(name, module.path)
                    yield found
                name = name.rpartition(".")[0]
            native = not found and self.native(item.name, module.path)
            self.imports.append(Imported(item.name, item.location, found, native))

    def packages(self, name: str, origin: str) -> Iterator[str]:
        """Yield the `__init__` files that an import runs on its way."""
        while name := name.rpartition(".")[0]:
            target = self.analysis.program.resolve(name, origin)
            if target is not None:
                yield target.path

    def native(self, name: str, origin: str) -> bool:
        """Tell whether a module is an extension found beside the program or on the search path."""
        top = name.partition(".")[0]
        folders = [os.path.dirname(origin), *self.analysis.program.roots, *map(os.fspath, self.search)]
        return any(has_native(folder, top) for folder in dict.fromkeys(folders))

    def run(self, modules: Sequence[Module]) -> None:
        """Run every function that nothing that was run has called: those that are called were seen with arguments."""
        machine = self.analysis.machine
        paths = {module.path for module in modules}
        done: set[tuple[str, int]] = set()
        while waiting := sorted(key for key in machine.closures if key not in done and key[0] in paths):
            for key in waiting:
                done.add(key)
                if key not in machine.called:
                    self.analysis.start(machine.closures[key])

    def uses(self, module: Module) -> Iterator[Use]:
        """Yield what the calls of one module use, in order of place."""
        machine = self.analysis.machine
        calls = machine.seen.get(module.path, {})
        unfollowed = {at: text for (path, at), text in machine.unfollowed.items() if path == module.path}
        for at in sorted({*calls, *unfollowed}):
            location = module.source.location(at)
            for seen in calls.get(at, ()):
                yield from self.of_call(seen, module, location)
            if at in unfollowed:
                yield Use(Capability.UNRESOLVED, unfollowed[at], location)

    def of_call(self, seen: Seen, module: Module, location: Location) -> Iterator[Use]:
        """Yield what one call uses."""
        words = DYNAMIC.get(seen.name)
        if words is not None:
            first = seen.arguments.positional[0] if seen.arguments.positional else UNKNOWN_VALUE
            if first.constant is None:
                yield Use(Capability.UNRESOLVED, f"{seen.name} {words}", location)
        model = self.library.find(seen.name)
        if model is None or not model.capabilities:
            return
        frame = Frame(module, None, None, 0)
        frame.state = seen.state
        passed = self.analysis.machine.bind(model, seen.receiver, seen.arguments, frame)
        for ability in model.capabilities:
            if self.analysis.machine.holds(ability.when, passed, sure=False):
                yield from self.of_ability(ability, seen.name, passed, frame, location)

    def of_ability(
        self, ability: Ability, name: str, passed: dict[str, Value], frame: Frame, location: Location
    ) -> Iterator[Use]:
        """Yield the uses of one capability: one for each text its resource may be."""
        if not ability.argument and ability.default is None:
            yield Use(ability.capability, name, location)
            return
        value = passed.get(ability.argument, UNKNOWN_VALUE if ability.default is None else NONE)
        if value.constant == NONE.constant and ability.default is not None:
            value = constant(ability.default)
        if ability.item is not None and value.objects:
            value = self.analysis.machine.item(value, constant(ability.item), frame)
        texts = [text(item[1]) for item in value.constants or ()]
        known = [one for one in texts if one is not None]
        if texts and len(known) == len(texts):
            for one in sorted(known):
                yield Use(ability.capability, name, location, Precision.CONSTANT, one, ability.argument)
            if value.taints:  # the default, or what somebody else says
                yield Use(ability.capability, name, location, Precision.UNKNOWN, "", ability.argument)
        elif value.prefix:
            yield Use(ability.capability, name, location, Precision.PARTLY, value.prefix, ability.argument)
        else:
            yield Use(ability.capability, name, location, Precision.UNKNOWN, "", ability.argument)


def text(value: object) -> str | None:
    """Give a resource as text; what is no text or number has none."""
    if isinstance(value, bytes):
        return os.fsdecode(value)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def has_native(folder: str, top: str) -> bool:
    """Tell whether a folder holds an extension module of this name, or a package with one in it."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    if any(name.startswith(f"{top}.") and name.endswith(NATIVE) for name in names):
        return True
    if top not in names:
        return False
    return any(name.endswith(NATIVE) for _, _, below in os.walk(os.path.join(folder, top)) for name in below)

"""What library calls do and must not receive: models as data, one library a file.

The one invariant: every name has one model, and lookups follow aliases and base classes the same way for everybody.
"""

import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from casemate.libraries.model import (
    KINDS,
    Ability,
    Condition,
    Convention,
    Entry,
    Guard,
    Habit,
    Model,
    Origin,
    Sink,
    When,
)
from casemate.libraries.reader import Toml, content, read

__all__ = [
    "KINDS",
    "Ability",
    "Condition",
    "Convention",
    "Entry",
    "Guard",
    "Habit",
    "Library",
    "Model",
    "Origin",
    "Sink",
    "When",
    "load",
]

HERE = Path(__file__).parent


class Library:
    """All models by qualified name."""

    def __init__(self, said: Iterable[Model | Convention | Habit]) -> None:
        """Index the models; a later one replaces an earlier one of the same name."""
        every = list(said)
        self.models: Mapping[str, Model] = {model.name: model for model in every if isinstance(model, Model)}
        self.habits = {habit.attribute: habit.type for habit in every if isinstance(habit, Habit)}
        self.conventions = tuple(item for item in every if isinstance(item, Convention))
        self.tops = frozenset(name.partition(".")[0] for name in self.models if "." in name)
        entries = {name.partition(".")[0] for name, m in self.models.items() if m.entry is not None}
        self.frameworks = frozenset(entries.union(*(convention.tops for convention in self.conventions)))
        self._prefixes = frozenset(
            name[:place] for name in self.models for place, letter in enumerate(name) if letter == "."
        )
        self._lineages: dict[str, frozenset[str]] = {}
        self._members: dict[tuple[str, str], Model | None] = {}
        self._starred = [model for name, model in self.models.items() if name.endswith("*")]
        self._families: dict[str, tuple[Model, ...]] = {}

    def known(self, name: str) -> bool:
        """Tell whether the name, or something below it, has a model."""
        return name in self.models or name in self._prefixes

    def is_class(self, name: str) -> bool:
        """Tell whether calling a name makes an instance: it has members, or a capital letter."""
        return name in self._prefixes or name.rpartition(".")[2][:1].isupper()

    def below(self, name: str) -> list[str]:
        """Give the names directly below a module, for `import *`."""
        start = f"{name}."
        return [known for known in self.models if known.startswith(start) and "." not in known[len(start) :]]

    def canonical(self, name: str) -> str:
        """Follow aliases of the name and of the modules it is in: "os.path.join" may be "posixpath.join"."""
        for _ in range(8):  # a chain of aliases that is longer is a mistake in the models
            model = self.models.get(name)
            if model is not None and model.alias:
                name = model.alias
                continue
            head, dot, tail = name.rpartition(".")
            if not dot:
                return name
            renamed = self.canonical(head)
            if renamed == head:
                return name
            name = f"{renamed}.{tail}"
        return name

    def find(self, name: str) -> Model | None:
        """Give the model of a name: its own, or that of the base class which has this member."""
        name = self.canonical(name)
        model = self.models.get(name)
        if model is not None:
            return model
        owner, _, member = name.rpartition(".")
        return self.member(owner, member) if owner in self.models else None

    def member(self, owner: str, name: str) -> Model | None:
        """Give the model of a member of a type, looked up through its bases in order."""
        key = (owner, name)
        if key not in self._members:
            self._members[key] = None  # a cycle of bases ends here
            self._members[key] = self._look_up(owner, name)
        return self._members[key]

    def _look_up(self, owner: str, name: str) -> Model | None:
        owner = self.canonical(owner)
        found = self.models.get(f"{owner}.{name}")
        if found is not None:
            return self.models.get(self.canonical(found.alias), found) if found.alias else found
        for base in self.models[owner].bases if owner in self.models else ():
            found = self.member(base, name)
            if found is not None:
                return found
        return None

    def family(self, owner: str, name: str) -> Model | None:
        """Give the model of all members of a type that begin like this one: `clean_*` for `clean_title`."""
        models = self._families.get(owner)
        if models is None:
            found = (model for model in self._starred if self.is_a(owner, model.name.rpartition(".")[0]))
            models = self._families[owner] = tuple(found)
        return next((model for model in models if name.startswith(model.name.rpartition(".")[2][:-1])), None)

    def is_a(self, owner: str, ancestor: str) -> bool:
        """Tell whether a type is another one or extends it."""
        return ancestor in self.lineage(owner)

    def lineage(self, owner: str) -> frozenset[str]:
        """Give a type and all that it extends."""
        found = self._lineages.get(owner)
        if found is None:
            seen: set[str] = set()
            waiting = [owner]
            while waiting:
                name = self.canonical(waiting.pop())
                if name not in seen:
                    seen.add(name)
                    waiting += self.models[name].bases if name in self.models else ()
            found = self._lineages[owner] = frozenset(seen)
        return found


class Keeper(Protocol):
    """Keeps bytes for later runs."""

    def __hash__(self) -> int:
        """Be one of its kind."""
        ...

    def get(self, name: str) -> bytes | None:
        """Give what was kept under a name."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Keep something under a name."""
        ...


def load(paths: tuple[Path, ...] = (), keeper: Keeper | None = None) -> Library:
    """Load the models that come with casemate, then those of the files. Raises InputError on the first mistake.

    `keeper` saves reading our own files as TOML in every run, which takes longer than small audits do.
    """
    return library(own_contents(keeper), paths) if paths else ours(keeper)


@lru_cache(maxsize=1)
def ours(keeper: Keeper | None) -> Library:
    """Load the models that come with casemate: one process reads them once, while a user may change the others."""
    return library(own_contents(keeper))


def library(own: Mapping[Path, Mapping[str, Toml]], paths: Iterable[Path] = ()) -> Library:
    """Make the library of these tables and of those in files."""
    every = {**own, **{path: content(path) for path in paths}}
    return Library(said for path, tables in every.items() for said in read(path, tables))


def state(path: Path | str) -> str:
    """Say which file this is, as the file system has it.

    The time of the last change of an inode is what a reproducible installation cannot set.
    """
    found = os.stat(path)  # noqa: PTH116 -- a name that was just listed
    return f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def own_contents(keeper: Keeper | None) -> dict[Path, Mapping[str, Toml]]:
    """Give the tables of our own files, by path."""
    files = sorted(HERE.glob("*.toml"))
    name = sha256("\n".join(map(state, files)).encode("utf-8", "surrogateescape")).hexdigest()
    kept = keeper.get(name) if keeper is not None else None
    if kept is not None:
        return dict(zip(files, json.loads(kept), strict=True))
    found = {path: content(path) for path in files}
    if keeper is not None:
        keeper.put(name, json.dumps(list(found.values())).encode())
    return found

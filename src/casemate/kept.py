"""What is kept of a part between runs, and when it still holds: when every byte it was made from is still the same."""

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ahocorasick_rs
import tree_sitter
import tree_sitter_python

from casemate.libraries import state
from casemate.model import checked
from casemate.part import Result, packed, unpacked

KINDS = (".py", ".toml", ".so")


@dataclass(frozen=True, slots=True)
class Kept:
    """The result of a part, with all that it rests on but the files: `tops` are the modules that its files import."""

    tops: frozenset[str]
    around: str
    result: Result

    def packed(self) -> bytes:
        """Give it as bytes."""
        return packed({"tops": sorted(self.tops), "around": self.around, "result": self.result.plain()})

    @classmethod
    def of(cls, data: bytes) -> "Kept":
        """Give what bytes say. Raises ValueError where they say something else."""
        fields = checked.table(unpacked(data))
        tops = (checked.one(top, str) for top in checked.items(fields.get("tops")))
        return cls(frozenset(tops), checked.one(fields.get("around"), str), Result.of(fields.get("result")))

    def holds(self, own: Sequence[str], digests: Mapping[str, str]) -> bool:
        """Tell whether the files are still those that were read; the own ones count also where they were not parsed."""
        read = self.result.read
        return all(path in read for path in own) and all(digests.get(path) == read[path] for path in read)


def named(*parts: Iterable[str] | str) -> str:
    """Name a sequence of texts, so that two that differ have different names."""
    whole = hashlib.sha256()
    for part in parts:
        texts = [part] if isinstance(part, str) else list(part)
        whole.update(f"{len(texts)}\n".encode())
        for text in texts:
            data = text.encode("utf-8", "surrogateescape")
            whole.update(b"%d\n" % len(data) + data)
    return whole.hexdigest()


def tool() -> str:
    """Name this version of casemate and of what it parses with: every file of it, as the file system has it."""
    states = [str(sys.version_info)]
    for package in (__file__, *(module.__file__ for module in (ahocorasick_rs, tree_sitter, tree_sitter_python))):
        for folder, _, names in sorted(os.walk(Path(package or "").parent)):
            states += [state(f"{folder}/{name}") for name in sorted(names) if name.endswith(KINDS)]
    return named(states)

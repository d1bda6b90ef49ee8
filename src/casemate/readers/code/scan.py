"""The first look at a file: which words stand in it, found in its bytes at once. What has none of them is not parsed."""

from collections.abc import Iterator, Sequence

from ahocorasick_rs import BytesAhoCorasick

from casemate.libraries import Library
from casemate.model.rule import Rule
from casemate.readers.code.view import Code


class Scan:
    """Needles from models and rules, and what each file has of them."""

    def __init__(self, library: Library, rules: Sequence[Rule[Code]]) -> None:
        """Build the automaton."""
        self.sources = sources(library)
        self.frameworks = {name.partition(".")[0] for name, model in library.models.items() if model.entry is not None}
        words = {word for rule in rules for word in rule.needles} | self.frameworks | library.tops
        words |= set(self.sources) | {top for names in self.sources.values() for top in map(top_of, names) if top}
        self.words = sorted(words)
        self.automaton = BytesAhoCorasick([word.encode() for word in self.words])
        self.found: dict[str, frozenset[str]] = {}

    def look(self, path: str, data: bytes) -> None:
        """Remember which words stand in a file."""
        matches = self.automaton.find_matches_as_indexes(data, overlapping=True)
        found = {match[0] for match in matches}
        if found:
            self.found[path] = frozenset(self.words[place] for place in found)

    def present(self) -> frozenset[str]:
        """Give every word that stands in some file."""
        return frozenset(word for found in self.found.values() for word in found)

    def has(self, path: str, rule: Rule[Code]) -> bool:
        """Tell whether a pattern rule can be met in a file."""
        found = self.found.get(path, frozenset())
        return any(word in found for word in rule.needles)

    def starts(self) -> Iterator[tuple[str, dict[str, set[str]]]]:
        """Yield the files in which a source may stand, with the words it stands under."""
        for path, found in self.found.items():
            wanted = {
                word: names
                for word, names in self.sources.items()
                if word in found and any(not top or top in found for top in map(top_of, names))
            }
            if wanted or not self.frameworks.isdisjoint(found):
                yield path, wanted


def top_of(name: str) -> str:
    """Give the top module of a name, "" for a builtin."""
    top, dot, _ = name.partition(".")
    return top if dot else ""


def sources(library: Library) -> dict[str, set[str]]:
    """Give, by the word under which it stands in a file, every name through which a source is reached.

    A method of a type is reached through what gives objects of the type.
    """
    givers: dict[str, set[str]] = {}
    for name, model in library.models.items():
        for kind in (model.type, model.returns, model.items):
            if "." in kind:
                givers.setdefault(library.canonical(kind), set()).add(name)
    found: dict[str, set[str]] = {}
    for name, model in library.models.items():
        if model.source is None:
            continue
        owner = name.rpartition(".")[0]
        reached = {name}
        if owner in library.models:
            reached = {owner, *givers.get(owner, ())}
            reached |= {giver for kind, names in givers.items() if library.is_a(kind, owner) for giver in names}
        for one in reached:
            found.setdefault(one.rpartition(".")[2], set()).add(one)
    return found

"""The first look at a file: what stands in its bytes. A file in which nothing can matter is not parsed."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

from ahocorasick_rs import BytesAhoCorasick

from casemate.libraries import Library
from casemate.model.rule import Needle, Rule
from casemate.readers.code.imports import imported_words
from casemate.readers.code.view import Code

WORD = frozenset(b"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") | frozenset(range(0x80, 0x100))
BLANK = rb"(?:[ \t\f]|\\\r?\n)*"
CALLED = re.compile(BLANK + rb"\(")
# An assignment in a class, and no argument with a comma behind it: `get = show`, `get, post = show, show`.
FUNCTION = rb"(?:lambda\b|(?![\[{\"'\d])[^\n,#(\[{;]*(?:[\n#(\[{;]|\Z))"
GIVEN = re.compile(BLANK + rb"(?:[:,][^()=\n]{0,200})?=(?!=)" + BLANK + FUNCTION)
TARGETS = re.compile(rb"[ \t\f]+(?:[\w\x80-\xff]+[ \t\f]*[,=][ \t\f]*)*|.*[;:][ \t\f]*", re.DOTALL)
RENAMED = re.compile(BLANK + rb"\bas\b")
# What a call gives is called at once, or it is told what to call: `app.get("/")(view)`, `get("/", callback=view)`.
CALLS_ON = re.compile(BLANK + rb"\((?:[^()]|\([^()]{0,200}\)){0,200}?(?:\)" + BLANK + rb"\(|\bcallback\b)")
OPEN_DECORATOR = re.compile(rb"^[ \t\f]*@[^\n]*[(,][ \t\f]*(?:#[^\n]*)?\r?\n", re.MULTILINE)
ODD_DECORATOR = re.compile(rb"^[ \t\f]*@(?![ \t]*[^\W\d][\w.]*[ \t]*(?:\(|#|\r?$))", re.MULTILINE)
ENDLESS = re.compile(rb"\s*(?:(?:\\\r?\n|#[^\n]{0,200}\n)\s*){5}|\s*#[^\n]{200}")

LONG = 2000  # bytes of a line before a word
NEAR = 300  # bytes before a word in which a decorator may begin that it belongs to
FAR = 80  # bytes of blanks between two words
ODD = "a decorator of another form than @name or @name(…)"
COMMON = 4  # functions of libraries that have a parameter of one name
TEST_FILE = r"(?:^|/)(?:test_[^/]*|conftest|[^/]*_test)\.py$"
TESTS = re.compile(TEST_FILE)

EVERYWHERE = frozenset(name for kind in (dict, list, str, set) for name in dir(kind))

RUNS = frozenset({"code", "command", "deserialization"})

Mark: TypeAlias = str | Needle  # what is found: "word", "import top", "function name", or a needle
Check: TypeAlias = Callable[[bytes, int, int], bool]
Checks: TypeAlias = dict[str, list[tuple[Mark, Check]]]  # by word


class Scan:
    """What models and rules look for, and what each file has of it."""

    def __init__(self, library: Library, rules: Sequence[Rule[Code]], paths: Iterable[str] = ()) -> None:
        """Build the automaton. `paths` are all files of the program: they tell which folders are packages of tests."""
        self.sources = sources(library)
        self.far_sources = sources(library, only_far=True)
        checks: Checks = {}
        for word, names in self.sources.items():
            models = [library.models.get(name) for name in names]
            only_called = all(model is not None and model.parameters is not None for model in models)
            checks.setdefault(word, []).append((word, called if only_called else whole))
        self.worst = worst(library)
        for word in self.worst:
            checks.setdefault(word, []).append((f"call {word}", called))
            if "" in self.worst[word]:
                checks[word].append((f"call builtin {word}", alone))
        beside = {needle.beside for rule in rules for needle in map(as_needle, rule.needles) if needle.beside}
        self.top_words = {top.encode(): f"import {top}" for top in library.tops | library.frameworks | beside}
        self.entrances: dict[str, set[Mark]] = {}
        self.of: dict[Mark, set[Mark]] = {}  # words that are looked for in files with one of these imports alone
        self.ways: dict[Mark, tuple[str, Check, set[str]]] = {}
        self.look_for_entrances(library, checks)
        self.decorating = {f"import {top}" for top, marks in self.entrances.items() if ODD in marks}
        self.needles: dict[Needle, list[str]] = {}  # and the rules that look for them
        for rule in rules:
            for needle in dict.fromkeys(map(as_needle, rule.needles)):
                self.needles.setdefault(needle, []).append(rule.name)
        for needle in self.needles:
            checks.setdefault(needle.text, []).append((needle, followed(needle)))
        texts = sorted(checks)
        self.checks = [checks[text] for text in texts]
        self.automaton = BytesAhoCorasick([text.encode() for text in texts])
        self.found: dict[str, frozenset[Mark]] = {}
        self.test_packages = {path.removesuffix("__init__.py") for path in paths if path.endswith("tests/__init__.py")}

    def look_for_entrances(self, library: Library, checks: Checks) -> None:
        """Add the words at which a framework may be given a function."""
        for word, how, tops, name in entrances(library):
            mark = f"{how.__name__} {word}"
            if (mark, how) not in checks.setdefault(word, []):
                checks[word].append((mark, how))
            if name:
                self.ways.setdefault(mark, (word, how, set()))[2].add(name)
            for top in tops:
                self.entrances.setdefault(top, set()).update((mark, ODD) if how is decorates else (mark,))
                self.of.setdefault(mark, set()).add(f"import {top}" if top else "")
        for top in called_whatever(library):
            self.entrances.setdefault(top, set()).add(f"import {top}")

    def look(self, path: str, data: bytes) -> None:
        """Remember what stands in a file."""
        imports: set[Mark] = {self.top_words[word] for word in self.top_words.keys() & imported_words(data)}
        found = {*imports}
        waiting: dict[int, list[tuple[Mark, Check]]] = {}
        for place, start, end in self.automaton.find_matches_as_indexes(data, overlapping=True):
            checks = waiting.get(place)
            if checks is None:
                checks = waiting[place] = [item for item in self.checks[place] if self.due_beside(item[0], imports)]
            for mark, check in checks:
                if check(data, start, end):
                    found.add(mark)
                    waiting[place] = [item for item in waiting[place] if item[0] != mark]
        if b"@" in data and not self.decorating.isdisjoint(imports) and ODD_DECORATOR.search(data):
            found.add(ODD)
        if found:
            self.found[path] = frozenset(found)

    def due_beside(self, mark: Mark, imports: set[Mark]) -> bool:
        """Tell whether a word can matter in a file with these imports."""
        of = self.of.get(mark)
        return of is None or "" in of or not of.isdisjoint(imports)

    def present(self) -> frozenset[str]:
        """Give every top module that some file imports."""
        return self.tops(self.found)

    def tops(self, paths: Iterable[str]) -> frozenset[str]:
        """Give every top module that one of these files imports."""
        marks = {mark for path in paths for mark in self.found.get(path, ()) if isinstance(mark, str)}
        return frozenset(mark.removeprefix("import ") for mark in marks if mark.startswith("import "))

    def matters(self, path: str) -> bool:
        """Tell whether a file may run something, whoever calls it: such a file must be readable."""
        found = self.found.get(path, frozenset())
        return any(
            f"call {word}" in found
            and any(f"import {top}" in found if top else f"call builtin {word}" in found for top in tops)
            for word, tops in self.worst.items()
        )

    def due(self, path: str) -> frozenset[str]:
        """Give the names of the pattern rules that can be met in a file."""
        found = self.found.get(path, frozenset())
        needles = [mark for mark in found if isinstance(mark, Needle)]
        return frozenset(
            name
            for needle in needles
            if not needle.beside or f"import {needle.beside}" in found
            for name in self.needles[needle]
        )

    def starts(self, path: str) -> dict[str, set[str]]:
        """Give the words of a file under which a source may stand, each with the names that it may mean.

        In tests what the starter chose is no source: whoever runs them has written them.
        """
        found = self.found.get(path, frozenset())
        return {
            word: names
            for word, names in (self.far_sources if self.tests(path) else self.sources).items()
            if word in found and any(not top or f"import {top}" in found for top in map(top_of, names))
        }

    def ways_in(self, path: str) -> Iterator[tuple[str, Check, set[str]]]:
        """Yield the words at which a framework may be given a function: how they stand there, and what they mean."""
        found = self.found.get(path, frozenset())
        for word, how, names in (self.ways[mark] for mark in sorted(self.ways.keys() & found, key=str)):
            wanted = {name for name in names if f"import {top_of(name)}" in found}
            if wanted:
                yield word, how, wanted

    def tests(self, path: str) -> bool:
        """Tell whether a file is a test by its name, or lies in a package of tests."""
        package = f"{path.rpartition('tests/')[0]}tests/"
        return TESTS.search(path) is not None or (package in self.test_packages and path.startswith(package))

    def enters(self, path: str) -> bool:
        """Tell whether a file may hold functions that a framework calls: it imports it and names a way in."""
        found = self.found.get(path, frozenset())
        return any(
            (not top or f"import {top}" in found) and not marks.isdisjoint(found)
            for top, marks in self.entrances.items()
        )


def as_needle(needle: str | Needle) -> Needle:
    """Give a plain text as a needle behind which anything may stand."""
    return needle if isinstance(needle, Needle) else Needle(needle)


def whole(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is a word and no part of one."""
    return (start == 0 or data[start - 1] not in WORD) and (end == len(data) or data[end] not in WORD)


def called(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is a word that is called."""
    return whole(data, start, end) and CALLED.match(data, end) is not None and not before(data, start).endswith(b"def")


def alone(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is a word that is called, and no attribute."""
    return called(data, start, end) and not before(data, start).endswith(b".")


def defined(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is the name of a function where it is defined."""
    return whole(data, start, end) and begun(data, start, end)


def overrides(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is the name of a method where it is defined, or is given one: `get = show`."""
    if not whole(data, start, end):
        return False
    if begun(data, start, end):
        return True
    return GIVEN.match(data, end) is not None and TARGETS.fullmatch(line_before(data, start)) is not None


def begun(data: bytes, start: int, _: int) -> bool:
    """Tell whether a match is the beginning of the name of a function where it is defined."""
    found = before(data, start)
    return found.endswith(b"def") or (not found and start >= FAR)


def decorates(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is a word of a decorator, or of a function that may be called as one under another name."""
    if not whole(data, start, end):
        return False
    if CALLED.match(data, end) is None:
        return RENAMED.match(data, end) is not None or before(data, start).endswith((b".", b"="))
    line = line_before(data, start)
    if line.lstrip().startswith(b"@") or len(line) >= LONG or CALLS_ON.match(data, end) is not None:
        return True
    return OPEN_DECORATOR.search(data, max(start - NEAR, 0), start) is not None


def line_before(data: bytes, start: int) -> bytes:
    """Give what stands on a line before a place, of a line without end the last of it."""
    return data[data.rfind(b"\n", max(start - LONG, 0), start) + 1 : start]


def before(data: bytes, start: int) -> bytes:
    """Give what stands right before a place but for blanks; nothing where there are only blanks for long."""
    found = data[max(start - FAR, 0) : start].rstrip(b" \t\f")
    while found.endswith((b"\\\n", b"\\\r\n")):
        found = found[: found.rindex(b"\\")].rstrip(b" \t\f")
    return found


def followed(needle: Needle) -> Check:
    """Make the check of what stands right behind a needle: among blanks there may be comments and ends of lines.

    A few of them are looked over. Where there are more, what follows may be anything.
    """
    behind = re.compile(needle.behind.encode())
    return lambda data, _, end: (behind.match(data, end) or ENDLESS.match(data, end)) is not None


def entrances(library: Library) -> Iterator[tuple[str, Check, Collection[str], str]]:
    """Yield the words one of which stands where a framework is given a function, how, and the framework ("" for any).

    The last is what a word means where something is called.

    Decorators that are called what a method of every container is called count where they decorate.
    """
    for name, model in library.models.items():
        word = name.rpartition(".")[2]
        top = (top_of(name),)
        if model.entry is None:
            continue
        if model.entry.of != "override":
            yield word, decorates if model.entry.of == "decorated" and word in EVERYWHERE else whole, top, name
        elif word.endswith("*"):
            yield word[:-1], begun, top, ""
        else:
            yield word, overrides, top, ""
    for convention in library.conventions:
        tops = convention.tops or ("",)
        for name in convention.functions:
            yield name, defined, tops, ""
        for word in () if convention.functions else convention.words or convention.parameters[-1:]:
            yield word, whole, tops, ""


def called_whatever(library: Library) -> Iterator[str]:
    """Yield the frameworks that may call any function, whatever it is called."""
    for convention in library.conventions:
        if not (convention.functions or convention.words or convention.parameters):
            yield from convention.tops


def top_of(name: str) -> str:
    """Give the top module of a name, "" for a builtin."""
    top, dot, _ = name.partition(".")
    return top if dot else ""


def worst(library: Library) -> dict[str, set[str]]:
    """Give the words under which something is called that runs what it is given, with the top modules that have it."""
    found: dict[str, set[str]] = {}
    for name, model in library.models.items():
        if any(sink.kind in RUNS for sink in model.sinks):
            parts = name.split(".")
            word = parts[-2] if parts[-1].startswith("__") and len(parts) > 1 else parts[-1]
            found.setdefault(word, set()).add(top_of(name))
    return found


def telling(word: str, passed: Counter[str]) -> bool:
    """Tell whether a name is long enough to say what it is, and no name that many functions have for a parameter."""
    return "_" in word.strip("_") and passed[word] < COMMON


def sources(library: Library, *, only_far: bool = False) -> dict[str, set[str]]:
    """Give, by the word under which it stands in a file, every name through which a source is reached.

    A method of a type is reached through what gives objects of the type, but for methods that every dict has too: they
    say nothing, and whoever calls one has its object from elsewhere. An attribute whose name says what it is may be
    taken from an object of which nobody says what gives it: `self.cleaned_data`.
    """
    passed = Counter(name for model in library.models.values() for name in model.parameters or ())
    givers: dict[str, set[str]] = {}
    for name, model in library.models.items():
        for kind in (model.type, model.returns, model.items):
            if "." in kind and name.rpartition(".")[2] not in EVERYWHERE:
                for ancestor in library.lineage(kind):
                    givers.setdefault(ancestor, set()).add(name)
    found: dict[str, set[str]] = {}
    for name, model in library.models.items():
        if model.source is None or (only_far and not model.source.trust.far):
            continue
        owner = name.rpartition(".")[0]
        reached = {name}
        if owner in library.models:
            reached = {owner, *givers.get(owner, ())}
            if telling(name.rpartition(".")[2], passed):
                reached.add(name)
        for one in reached:
            found.setdefault(one.rpartition(".")[2], set()).add(one)
    return found

"""One TOML file → models. An unknown key, kind or capability is an error that names the file and the table."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

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
    Plain,
    Sink,
    When,
)
from casemate.model.capability import Capability
from casemate.model.errors import InputError
from casemate.model.finding import Trust

Toml: TypeAlias = str | int | float | bool | Sequence["Toml"] | Mapping[str, "Toml"] | None

KEYS = frozenset(
    [
        "parameters", "returns", "is", "items", "bases", "alias", "capabilities", "source", "sinks", "sanitizes",
        "propagates", "guards", "entry", "raises", "gone", "tags", "note",
    ]
)  # fmt: skip
ENTRY_KEYS = frozenset({"of", "trust", "label", "types", "result", "methods", "when", "sanitizes", "page"})


class Table:
    """A TOML table that knows where it stands, gives checked values and complains about what nobody asked for."""

    def __init__(self, where: str, raw: Toml, allowed: frozenset[str]) -> None:
        """Raise InputError where `raw` is not a table or holds a key that is not allowed."""
        if not isinstance(raw, Mapping):
            raise InputError(f"{where}: expected a table")
        if unknown := sorted(set(raw) - allowed):
            raise InputError(f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(sorted(allowed))}")
        self.where, self.raw = where, raw

    def text(self, key: str, default: str | None = "") -> str:
        """Give a text; without a default it must be there."""
        value = self.raw.get(key, default)
        if not isinstance(value, str):
            raise InputError(f"{self.where}: {key} must be a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a list of texts, or ()."""
        value = self.raw.get(key, ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InputError(f"{self.where}: {key} must be a list of texts")
        return tuple(self.only_text(key, item) for item in value)

    def only_text(self, key: str, item: Toml) -> str:
        """Give the item if it is a text."""
        if not isinstance(item, str):
            raise InputError(f"{self.where}: {key} must be a list of texts")
        return item

    def flag(self, key: str) -> bool:
        """Give a truth value, false where absent."""
        value = self.raw.get(key, False)
        if not isinstance(value, bool):
            raise InputError(f"{self.where}: {key} must be true or false")
        return value

    def tables(self, key: str, allowed: str) -> "Iterator[Table]":
        """Yield the tables of a list, each with its own allowed keys (separated by spaces)."""
        value = self.raw.get(key, ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InputError(f"{self.where}: {key} must be a list of tables")
        for item in value:
            yield Table(f"{self.where} {key}", item, frozenset(allowed.split()))

    def kinds(self, key: str) -> frozenset[str]:
        """Give a set of sink kinds, or of "*"."""
        names = frozenset(self.texts(key))
        if unknown := sorted(names - KINDS - {"*"}):
            raise InputError(f"{self.where}: unknown kind {unknown[0]!r}; known are {', '.join(sorted(KINDS))}")
        return names

    def item(self) -> int | str | None:
        """Give the `item` key: a position or a key."""
        value = self.raw.get("item")
        if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
            return value
        raise InputError(f"{self.where}: item must be a number or a text")


def plain(where: str, value: Toml) -> Plain:
    """Give a constant."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise InputError(f"{where}: expected a constant")


def plains(where: str, value: Toml) -> tuple[Plain, ...]:
    """Give one constant or a list of them."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(plain(where, item) for item in value)
    return (plain(where, value),)


def condition(where: str, raw: Toml) -> Condition:
    """Read one condition: a constant, or a table of operators."""
    if not isinstance(raw, Mapping):
        return Condition(among=(plain(where, raw),))
    table = Table(where, raw, frozenset({"is", "not", "contains", "lacks", "missing", "default"}))
    return Condition(
        among=plains(where, raw["is"]) if "is" in raw else None,
        outside=plains(where, raw["not"]) if "not" in raw else None,
        contains=table.texts("contains") if "contains" in raw else None,
        lacks=table.texts("lacks") if "lacks" in raw else None,
        missing=table.flag("missing") if "missing" in raw else None,
        default=plain(where, raw.get("default")),
        has_default="default" in raw,
    )


def when(table: Table) -> When:
    """Read the `when` of a row."""
    raw = table.raw.get("when", {})
    if not isinstance(raw, Mapping):
        raise InputError(f"{table.where}: when must be a table")
    return tuple((name, condition(f"{table.where} when {name}", value)) for name, value in raw.items())


def sink(table: Table) -> Sink:
    """Read one row of `sinks`."""
    kind = table.text("kind", None)
    if kind not in KINDS:
        raise InputError(f"{table.where}: unknown kind {kind!r}; known are {', '.join(sorted(KINDS))}")
    return Sink(kind, table.text("argument", None), table.item(), table.flag("keys"), when(table), table.text("note"))


def ability(table: Table) -> Ability:
    """Read one row of `capabilities`."""
    try:
        capability = Capability(table.text("name", None))
    except ValueError as error:
        raise InputError(f"{table.where}: {error}") from None
    default = plain(f"{table.where} default", table.raw.get("default"))
    return Ability(capability, table.text("argument"), table.item(), default, when(table))


def trust(table: Table) -> Trust:
    """Read `trust`."""
    try:
        return Trust(table.text("trust", "remote"))
    except ValueError as error:
        raise InputError(f"{table.where}: {error}") from None


def entry(table: Table) -> Entry:
    """Read `entry`."""
    types = table.raw.get("types", {})
    if isinstance(types, Mapping):
        pairs = tuple((name, table.only_text("types", value)) for name, value in types.items())
    else:
        pairs = tuple((str(place), value) for place, value in enumerate(table.texts("types")))
    result = table.text("result")
    if result and result not in KINDS:
        raise InputError(f"{table.where}: unknown kind {result!r}")
    methods = table.texts("methods")
    of, label, harmless = table.text("of", None), table.text("label"), table.kinds("sanitizes")
    return Entry(of, trust(table), label, pairs, result, methods, when(table), harmless, table.text("page"))


def convention(tops: tuple[str, ...], table: Table) -> Convention:
    """Read one row of `conventions`."""
    row = Table(table.where, {"of": "", **dict(table.raw)}, ENTRY_KEYS | {"functions", "parameters", "words"})
    words = row.texts("words")
    everywhere = tops == ("builtins",) or bool(words)
    return Convention(() if everywhere else tops, row.texts("functions"), row.texts("parameters"), entry(row), words)


def way(text: str) -> tuple[str, str]:
    """Split `a -> b`; where nothing is said it is the result, written "return"."""
    start, _, end = text.partition("->")
    return start.strip(), end.strip() or "return"


def model(where: str, name: str, raw: Toml) -> Model:
    """Read one table."""
    table = Table(f"{where} [{name!r}]", raw, KEYS)
    origin = Table(f"{table.where} source", table.raw.get("source", {}), frozenset({"trust", "label", "when"}))
    started = Table(f"{table.where} entry", table.raw.get("entry", {}), ENTRY_KEYS)
    return Model(
        name=name,
        parameters=table.texts("parameters") if "parameters" in table.raw else None,
        returns=table.text("returns"),
        type=table.text("is"),
        items=table.text("items"),
        bases=table.texts("bases"),
        alias=table.text("alias"),
        capabilities=tuple(ability(row) for row in table.tables("capabilities", "name argument item default when")),
        source=Origin(trust(origin), origin.text("label") or name, when(origin)) if "source" in table.raw else None,
        sinks=tuple(sink(row) for row in table.tables("sinks", "kind argument item keys when note")),
        sanitizes=table.kinds("sanitizes"),
        propagates=tuple(way(text) for text in table.texts("propagates")),
        guards=tuple(
            Guard(row.text("argument", None), row.kinds("kinds"), row.flag("negated"))
            for row in table.tables("guards", "argument kinds negated")
        ),
        entry=entry(started) if "entry" in table.raw else None,
        raises=table.flag("raises"),
        gone=table.flag("gone"),
        tags=frozenset(table.texts("tags")),
    )


def content(path: Path) -> Mapping[str, Toml]:
    """Give the tables of one file. Raises InputError with the file and the place."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from None


def read(path: Path, content: Mapping[str, Toml]) -> Iterator[Model | Convention | Habit]:
    """Yield what the tables of a file say. Raises InputError with the file, the table and what is allowed there."""
    header = Table(
        f"{path.name} [library]",
        content.get("library"),
        frozenset({"import", "distribution", "note", "conventions", "habits"}),
    )
    if not header.texts("import"):
        raise InputError(f"{header.where}: import must name at least one module")
    for row in header.tables("habits", "attribute type"):
        yield Habit(row.text("attribute", None), row.text("type", None))
    for row in header.tables("conventions", "functions parameters words trust label types result page"):
        yield convention(header.texts("import"), row)
    for name, raw in content.items():
        if name != "library":
            yield model(path.name, name, raw)

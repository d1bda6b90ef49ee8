"""The model of one name of a library: what it is, what it can do, what it gives and what it must not receive."""

from dataclasses import dataclass, field
from typing import TypeAlias

from casemate.model.capability import Capability
from casemate.model.finding import Trust

Plain: TypeAlias = str | int | float | bool | None

KINDS = frozenset(
    [
        "sql", "nosql", "command", "code", "import", "path", "archive", "html", "url", "redirect", "deserialization",
        "yaml", "xml", "xpath", "ldap", "template", "header", "log", "regex", "format", "email", "argument", "session",
        "assignment", "prompt",
    ]
)  # fmt: skip
EVERY = frozenset({"*"})  # all kinds


@dataclass(frozen=True, slots=True)
class Condition:
    """What an argument must be for a row to hold. None means: not asked."""

    among: tuple[Plain, ...] | None = None
    outside: tuple[Plain, ...] | None = None
    contains: tuple[str, ...] | None = None
    lacks: tuple[str, ...] | None = None
    missing: bool | None = None
    default: Plain = None
    has_default: bool = False


When: TypeAlias = tuple[tuple[str, Condition], ...]


@dataclass(frozen=True, slots=True)
class Sink:
    """An argument that somebody else must not choose."""

    kind: str
    argument: str
    item: int | str | None = None
    keys: bool = False
    when: When = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ability:
    """A capability that a call uses, and the argument that names its resource ("" where it has none).

    `default` is the resource where that argument is not passed, or is None.
    """

    capability: Capability
    argument: str = ""
    item: int | str | None = None
    default: Plain = None
    when: When = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Who chose the value, and what it is in words."""

    trust: Trust
    label: str
    when: When = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """An argument that is harmless for some kinds where the result is true (or false, if negated)."""

    argument: str
    kinds: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A function of the program that the library calls: which one, and what it is given."""

    of: str
    trust: Trust
    label: str
    types: tuple[tuple[str, str], ...] = ()  # parameter name, or position as text → type
    result: str = ""
    methods: tuple[str, ...] = ()  # of an object that is passed: what is called is these, `on_get_*` any of these names
    when: When = ()  # for `result` to hold
    sanitizes: frozenset[str] = frozenset()  # kinds for which what is given is harmless by its form
    page: str = ""  # the key of a returned dict under which a page is, where the `headers` beside it say so


@dataclass(frozen=True, slots=True)
class Convention:
    """Functions that a library calls although nothing in their file says so: known by their names.

    They count in files that import one of `tops` (in all, where there is none). `functions` are their names (any, where
    there is none), `parameters` those of their first parameters. Without a label only the types are known.
    """

    tops: tuple[str, ...]
    functions: tuple[str, ...]
    parameters: tuple[str, ...]
    entry: Entry
    words: tuple[str, ...] = ()  # one of them stands in the file, which then need not import anything


@dataclass(frozen=True, slots=True)
class Habit:
    """An attribute that nobody else calls so: of an object of which nothing else tells, it is of this type."""

    attribute: str
    type: str


@dataclass(frozen=True, slots=True)
class Model:
    """One qualified name. `parameters` is None for what is not called.

    `returns` is a type, `self`, `argument NAME`, or `instance of NAME` for an object of the class passed as NAME
    (`owner`: of the class whose attribute the receiver is). Beside a `source`, `sanitizes` are the kinds for which the
    value is harmless by its form. A sink whose argument is `**` takes the names that `**` brings, not the values.
    """

    name: str
    parameters: tuple[str, ...] | None = None
    returns: str = ""
    type: str = ""
    items: str = ""
    bases: tuple[str, ...] = ()
    alias: str = ""
    capabilities: tuple[Ability, ...] = ()
    source: Origin | None = None
    sinks: tuple[Sink, ...] = ()
    sanitizes: frozenset[str] = frozenset()
    propagates: tuple[tuple[str, str], ...] = ()
    guards: tuple[Guard, ...] = ()
    entry: Entry | None = None
    raises: bool = False
    gone: bool = False  # only older releases have it: programs that were written for them are audited too
    tags: frozenset[str] = field(default_factory=frozenset[str])

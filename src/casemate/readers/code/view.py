"""What a rule sees of one file of Python source: calls, names, constants and flows, never syntax.

The one invariant: everything here is a fact about the text. What could not be told is UNKNOWN, "" or absent, and is
never guessed; a rule decides what an unknown means.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

from casemate.model.finding import Trust
from casemate.model.location import Flow, Location
from casemate.model.rule import Hit


class Unknown(Enum):
    """The one value of a constant that could not be told."""

    UNKNOWN = "?"


UNKNOWN: Final = Unknown.UNKNOWN
Constant: TypeAlias = str | bytes | int | float | complex | bool | Unknown | None


@dataclass(frozen=True, slots=True)
class Value:
    """An argument, or the right side of an assignment, as far as it can be told.

    `constant` is UNKNOWN unless the value is one constant (also through names, joins and folded expressions). `name` is
    the qualified name when it is an imported, built-in or modelled object ("yaml.SafeLoader"), else "". `prefix` is the
    known beginning of a text of which only the beginning is known. `items` are the elements of a list, tuple or set,
    from the first on as far as their places are known; `open` tells that more may follow. `entries` are the pairs of a
    dict with constant keys, of which all are known. Both are None for anything else. `text` is the source, at most 200
    characters. `call` is the qualified name of the call that made the value, else "".
    """

    location: Location
    text: str = ""
    constant: Constant = UNKNOWN
    name: str = ""
    prefix: str = ""
    call: str = ""
    type: str = ""
    items: "tuple[Value, ...] | None" = None
    entries: "tuple[tuple[Constant, Value], ...] | None" = None
    open: bool = False

    @property
    def known(self) -> bool:
        """Tell whether the constant is known."""
        return self.constant is not UNKNOWN


@dataclass(frozen=True, slots=True)
class Call:
    """One call whose callable has a name: by import, as a builtin, or as a method of an inferred type.

    `location` is the whole call. `positional` ends at the first `*args`; `starred` tells that there was one, or a
    `**kwargs`: then a missing argument is not known to be missing. `function` is the dotted path of the function the
    call stands in ("View.get", "" at module level). `parameters` are those of the library model, where there is one.
    """

    name: str
    location: Location
    positional: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    starred: bool = False
    function: str = ""
    parameters: tuple[str, ...] = ()
    receiver: Value | None = None

    def argument(self, name: str, position: int | None = None) -> Value | None:
        """Give the argument passed under this name, or at its position (from 0, without self), or None.

        The position is taken from the library model where it is not given.
        """
        for keyword, value in self.keywords:
            if keyword == name:
                return value
        if position is None and name in self.parameters:
            position = self.parameters.index(name)
            if "*" in self.parameters[:position]:
                return None
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None


@dataclass(frozen=True, slots=True)
class Import:
    """A module or a name that is imported: "os.path" as it is meant, relative imports made absolute where possible."""

    name: str
    location: Location
    function: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A name, attribute, key, keyword argument or default that is given a value.

    `target` is the last name: `password` for `self.password = …`, `d["password"] = …`, `{"password": …}`,
    `f(password=…)` and `def f(password=…)`; `kind` says which: name, attribute, key, keyword, default, compare
    (`password == "…"`). `a += b` gives `b` to `a`. `function` is the function it stands in.
    """

    target: str
    kind: str
    value: Value
    location: Location
    function: str = ""


@dataclass(frozen=True, slots=True)
class FlowHit:
    """A value chosen by somebody else that arrives where it must not.

    `sink` is the qualified name of the callable, `argument` the model's name of the argument, `item` the place among
    the words of a command, where that is known; `source` says in words what it is ("the query string"); `sure` is false
    where the way leads through something that is not modelled.
    """

    kind: str
    sink: str
    argument: str
    source: str
    trust: Trust
    location: Location
    flow: Flow
    sure: bool = True
    constants: tuple[tuple[str, Constant], ...] = field(default=())
    item: int | None = None
    at: tuple[int, int] = (0, 0)  # where, in bytes

    def hit(self, message: str) -> Hit:
        """Make the hit of a rule, with `{source}` and `{sink}` of the message filled in."""
        text = message.replace("{source}", self.source).replace("{sink}", self.sink)
        return Hit(self.location, text, flow=self.flow)


class Code(Protocol):
    """One file of Python source.

    A rule that asks for calls or assignments names in `@rule(needles=…)` words one of which must stand in the file for
    the rule to be met: files without any are not even parsed.
    """

    @property
    def path(self) -> str:
        """The file, as it appears in locations."""
        ...

    def calls(self, *names: str, tag: str = "", having: re.Pattern[bytes] | None = None) -> Iterator[Call]:
        """Yield, in order of place, the calls of these qualified names, or of models with this tag.

        "yaml.load" also finds `from yaml import load as l; l(x)`; "sqlite3.Cursor.execute" finds the call by the
        inferred type of its receiver. A local definition that shadows the name is not found. "prefix.*" finds all
        below. `having` saves work: a call in whose text, from its name on, the pattern is not need not be found.
        """
        ...

    def imports(self, *names: str) -> Iterator[Import]:
        """Yield imports of these modules, or of names in or below them; all imports without names."""
        ...

    def functions(self) -> Iterator[str]:
        """Yield the dotted paths of the functions and classes that are defined in the file, in order of place."""
        ...

    def ends(self, flow: FlowHit) -> Iterator[Call]:
        """Yield the calls of the sink in which a flow ends."""
        ...

    def assignments(self, near: re.Pattern[bytes] | None = None) -> Iterator[Assignment]:
        """Yield what is given a value, in order of place; `near`: only where a line has this pattern."""
        ...

    def flows(self, *kinds: str) -> Iterator[FlowHit]:
        """Yield flows that end in this file in a sink of one of these kinds, in order of place."""
        ...

"""Abstract values: what an expression may be, and who chose it.

A value is immutable. Identity counts: two variables that hold the same `Value` object hold the same value, which is how
a guard on one of them reaches the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from casemate.model.finding import Trust
from casemate.readers.code.ir import At, Expr
from casemate.readers.code.view import Constant

if TYPE_CHECKING:
    from casemate.libraries import Entry
    from casemate.readers.code.flow.program import Class, Function, Module
    from casemate.readers.code.flow.state import Cell, Frame

LED = frozenset({"led", "led by a path"})  # links of a text whose beginning decides about the host
ONE_LINE = frozenset({"log", "header"})  # kinds for which a text without line breaks is harmless
MOST_CONSTANTS = 12
MOST_TAINTS = 8
MOST_OBJECTS = 6  # that one value may be
MANY_REFERENCES, MOST_REFERENCES = 8, 64  # from the first on, those to one function are counted
MOST_ALIKE = 2  # references to one function, bound to different things
NO_TYPES: frozenset[str | Class] = frozenset()
NO_REFERENCES: frozenset[Reference] = frozenset()
NO_OBJECTS: frozenset[Place] = frozenset()


class Place:
    """An object: its number orders places in every run alike; `base` is the content that all activations share."""

    __slots__ = ("base", "number")

    def __init__(self, number: int) -> None:
        """Begin as an object of one activation."""
        self.number = number
        self.base: Cell | None = None

    def __lt__(self, other: Place) -> bool:
        """Order by age."""
        return self.number < other.number


class Step:
    """One station of a way. The way is that of `parent`, then that of `inner` (within a callee), then this place."""

    __slots__ = ("at", "inner", "message", "module", "parent")

    def __init__(
        self, module: Module, at: At, message: str, parent: Step | None = None, inner: Step | None = None
    ) -> None:
        """Make a station; one without message is not shown."""
        self.module, self.at, self.message, self.parent, self.inner = module, at, message, parent, inner


class Origin(NamedTuple):
    """A place where a value enters that somebody else chose."""

    path: str
    at: At
    label: str
    trust: Trust


class Token(NamedTuple):
    """What stands for the labels of an argument while a function is summarised."""

    number: int


PASSED = Token(-1)  # of a call that ended before it was known what was passed


class Taint(NamedTuple):
    """One label: where it is from, for which kinds of sink it is harmless, how it came here, whether that is sure."""

    origin: Origin | Token
    cleared: frozenset[str]
    step: Step | None
    sure: bool

    @property
    def key(self) -> tuple[Origin | Token, frozenset[str], bool]:
        """What makes two labels the same: the way does not count."""
        return (self.origin, self.cleared, self.sure)

    def dangerous(self, kind: str) -> bool:
        """Tell whether the label still matters to a sink of this kind."""
        return kind not in self.cleared and "*" not in self.cleared


@dataclass(frozen=True, slots=True)
class Outside:
    """An imported or built-in object that is not of this program."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a library type, with the object it was taken from."""

    owner: str
    name: str
    receiver: Value


@dataclass(frozen=True, slots=True)
class Closure:
    """A function of the program, what it is bound to, and the frame it was defined in."""

    function: Function
    frame: Frame | None
    receiver: Value | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A module of the program, not yet looked into."""

    module: Module


@dataclass(frozen=True, slots=True)
class Member:
    """`from module import name` of a module of the program, not yet looked into."""

    module: Module
    name: str


@dataclass(frozen=True, slots=True)
class Decorating:
    """What `app.route("/")` gives: called with a function it makes it an entry, and an object of a type."""

    entry: Entry
    route: str
    type: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Deferred:
    """What a decorator of the program makes of a function; not `made` before it is called, which most are never.

    It stands beside the function, at which frameworks look, and is called in its place.
    """

    decorator: Expr
    function: Value
    closure: Closure
    frame: Frame
    receiver: Value | None = None
    made: Value | None = None

    def replaces(self, reference: Reference) -> bool:
        """Tell whether this is made of what a reference refers to, whatever that is bound to."""
        known = self.function.references
        if isinstance(reference, Closure):
            return any(isinstance(one, Closure) and one.function is reference.function for one in known)
        return isinstance(reference, Deferred) and any(
            isinstance(one, Deferred) and one.decorator is reference.decorator for one in known
        )


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()` in a method of a class."""

    owner: Class
    receiver: Value


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """`functools.partial(function, *positional, **keywords)`: a call of which some arguments are there already."""

    function: Value
    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    at: At


Reference: TypeAlias = "Outside | Partial | Method | Closure | Deferred | Package | Member | Decorating | Super | Class"
Typed: TypeAlias = "tuple[str, Constant]"


class Value:
    """What is known of a value.

    `constants` is None where it is not one of a few constants; `objects` are places of the heap; `prefix` is the known
    beginning of a text; `link` leads to the value this one was taken from.
    """

    __slots__ = ("constants", "link", "objects", "prefix", "references", "taints", "types")

    def __init__(  # noqa: PLR0913 -- one for each slot
        self,
        *,
        constants: frozenset[Typed] | None = None,
        taints: tuple[Taint, ...] = (),
        types: frozenset[str | Class] = NO_TYPES,
        references: frozenset[Reference] = NO_REFERENCES,
        objects: frozenset[Place] = NO_OBJECTS,
        prefix: str | None = None,
        link: tuple[str, Value] | None = None,
    ) -> None:
        """Build a value; without arguments it is unknown."""
        self.constants, self.taints, self.types = constants, taints, types
        self.references, self.objects, self.prefix, self.link = references, objects, prefix, link

    def but(
        self,
        *,
        taints: tuple[Taint, ...] | None = None,
        types: frozenset[str | Class] | None = None,
        link: tuple[str, Value] | None = None,
    ) -> Value:
        """Give the same value with other labels, types or link."""
        return Value(
            constants=self.constants,
            taints=self.taints if taints is None else taints,
            types=self.types if types is None else types,
            references=self.references,
            objects=self.objects,
            prefix=self.prefix,
            link=link or self.link,
        )

    @property
    def constant(self) -> Typed | None:
        """Give the one constant this value is, or None."""
        if self.constants is not None and len(self.constants) == 1:
            return next(iter(self.constants))
        return None

    @property
    def text(self) -> str | None:
        """Give the one text this value is, or None."""
        only = self.constant
        return only[1] if only is not None and isinstance(only[1], str) else None

    def same(self, other: Value, youngest: int | None = None) -> bool:
        """Tell whether two values are equal as far as a fixpoint goes: the ways of labels do not count.

        Nor do objects that were made after `youngest`: every round of a loop makes its own.
        """
        return (
            self.constants == other.constants
            and self.types == other.types
            and (self.objects == other.objects or (youngest is not None and alike(self, other, youngest)))
            and self.prefix == other.prefix
            and self.references == other.references
            and (
                self.taints is other.taints
                or {taint.key for taint in self.taints} == {taint.key for taint in other.taints}
            )
        )

    def equal_but_for_labels(self, other: Value) -> bool:
        """Tell whether two values may differ in their labels, but in nothing else."""
        return (
            self.constants == other.constants
            and self.types == other.types
            and self.objects == other.objects
            and self.prefix == other.prefix
            and self.references == other.references
        )

    @property
    def shape(self) -> tuple[object, ...]:
        """What counts for a fixpoint."""
        return (
            self.constants,
            frozenset(taint.key for taint in self.taints),
            self.types,
            self.references,
            self.objects,
            self.prefix,
        )


def alike(one: Value, other: Value, youngest: int) -> bool:
    """Tell whether two values may be the same objects, apart from those that are younger."""
    return all(place.number > youngest for place in one.objects ^ other.objects)


UNKNOWN_VALUE = Value()
BOOL = Value(types=frozenset({"bool"}))
NUMBER = Value(types=frozenset({"int"}))
TEXT = Value(types=frozenset({"str"}))


def constant(value: Constant) -> Value:
    """Make the value of a literal."""
    name = type(value).__name__
    prefix = value if isinstance(value, str) else None
    return Value(constants=frozenset({(name, value)}), types=frozenset({name}), prefix=prefix)


def typed(name: str | Class) -> Value:
    """Make an unknown value of a type."""
    return Value(types=frozenset({name}))


def outside(name: str) -> Value:
    """Make a reference to an object of a library."""
    return Value(references=frozenset({Outside(name)}))


def holder(value: Value) -> Value:
    """Give a value as what a method is bound to: without references that are bound to something themselves.

    Else chains would grow with every round of a loop that stores a method in its own object.
    """
    bound = [
        reference
        for reference in value.references
        if isinstance(reference, Method | Super | Closure | Deferred) and reference.receiver is not None
    ]
    if not bound:
        return value
    return Value(
        constants=value.constants,
        taints=value.taints,
        types=value.types,
        references=value.references.difference(bound),
        objects=value.objects,
        prefix=value.prefix,
        link=value.link,
    )


def merge_taints(groups: Iterable[Iterable[Taint]]) -> tuple[Taint, ...]:
    """Unite labels; of those that are the same the first way is kept."""
    found: dict[object, Taint] = {}
    for group in groups:
        for taint in group:
            if taint.key not in found and len(found) < MOST_TAINTS:
                found[taint.key] = taint
    return tuple(found.values())


def covers(some: tuple[Taint, ...], others: tuple[Taint, ...]) -> bool:
    """Tell whether every label is among some others, where it is at least as dangerous and as sure."""
    return some is others or all(
        any(one.origin == other.origin and one.cleared <= other.cleared and one.sure >= other.sure for one in some)
        for other in others
    )


def join(left: Value, right: Value) -> Value:
    """Give the value that may be either."""
    if left is right:
        return left
    if left.equal_but_for_labels(right):
        if covers(left.taints, right.taints):
            return left
        if covers(right.taints, left.taints):
            return right
    constants = left.constants | right.constants if left.constants is not None and right.constants is not None else None
    if constants is not None and len(constants) > MOST_CONSTANTS:
        constants = None
    return Value(
        constants=constants,
        taints=merge_taints((left.taints, right.taints)),
        types=left.types | right.types,
        references=few(left.references | right.references),
        objects=fewest(left.objects | right.objects),
        prefix=left.prefix if left.prefix == right.prefix else common_prefix(left.prefix, right.prefix),
        link=led_by(left, right),
    )


def led_by(left: Value, right: Value) -> tuple[str, Value] | None:
    """Give the link of a text that begins as the program says, whichever of two it is."""
    found = [value.link for value in (left, right) if value.taints]
    links = [link for link in found if link is not None and link[0] in LED]
    return min(links, key=lambda link: link[0]) if links and len(links) == len(found) else None


def ordered(references: frozenset[Reference]) -> list[Reference]:
    """Give references in an order that is the same in every run."""
    return sorted(references, key=rank) if len(references) > 1 else list(references)


def kinds_in_order(types: frozenset[str | Class]) -> list[str | Class]:
    """Give types in an order that is the same in every run."""
    return sorted(types, key=str) if len(types) > 1 else list(types)


def rank(reference: Reference) -> tuple[int, str, int, int]:  # noqa: PLR0911 -- one line for each kind
    """Give what references are ordered by: kind, name or file, place, and when it was made."""
    match reference:
        case Outside():
            return (0, reference.name, 0, 0)
        case Method():
            return (1, f"{reference.owner}.{reference.name}", 0, 0)
        case Closure():
            made = reference.frame.number if reference.frame is not None else 0
            return (2, reference.function.module.path, reference.function.definition.node, made)
        case Package():
            return (3, reference.module.path, 0, 0)
        case Member():
            return (4, f"{reference.module.path} {reference.name}", 0, 0)
        case Decorating():
            return (5, reference.entry.label + reference.route, 0, 0)
        case Super():
            return (6, reference.owner.module.path, reference.owner.at[0], 0)
        case Deferred():
            place = f"{reference.closure.function.module.path} {reference.decorator.at[0]}"
            return (8, place, reference.closure.function.definition.node, reference.frame.number)
        case Partial():
            return (9, "", reference.at[0], reference.at[1])
        case _:  # a class of the program
            return (7, reference.module.path, reference.at[0], 0)


def few(references: frozenset[Reference]) -> frozenset[Reference]:
    """Keep of each function the oldest few that differ only in what they are bound to, where there are many."""
    if len(references) <= MANY_REFERENCES:
        return references
    kept: list[Reference] = []
    alike: dict[object, int] = {}
    for reference in ordered(references):
        name = rank(reference)[:3]
        alike[name] = alike.get(name, 0) + 1
        if alike[name] <= MOST_ALIKE:
            kept.append(reference)
    return frozenset(kept[:MOST_REFERENCES])


def fewest(objects: frozenset[Place]) -> frozenset[Place]:
    """Keep the oldest objects where a value may be too many."""
    return frozenset(sorted(objects)[:MOST_OBJECTS]) if len(objects) > MOST_OBJECTS else objects


def common_prefix(left: str | None, right: str | None) -> str | None:
    """Give the beginning that both have."""
    if left is None or right is None:
        return None
    for place, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return left[:place]
    return left if len(left) <= len(right) else right


def join_all(values: Iterable[Value]) -> Value:
    """Give the value that may be any of these; of none, an unknown."""
    result: Value | None = None
    for value in values:
        result = value if result is None else join(result, value)
    return UNKNOWN_VALUE if result is None else result


def cleared(taints: tuple[Taint, ...], kinds: frozenset[str]) -> tuple[Taint, ...]:
    """Give the labels after they were made harmless for these kinds; for all, none are left."""
    if "*" in kinds or not taints:
        return ()
    return merge_taints([tuple(taint._replace(cleared=taint.cleared | kinds) for taint in taints)])

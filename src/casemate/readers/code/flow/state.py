"""Where values are: variables and the heap of one activation, and how two ways of reaching a place are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from casemate.readers.code.flow.values import (
    ONE_LINE,
    UNKNOWN_VALUE,
    Place,
    Taint,
    Typed,
    Value,
    cleared,
    join,
    merge_taints,
)
from casemate.readers.code.ir import At, Expr

if TYPE_CHECKING:
    from casemate.readers.code.flow.program import Class, Function, Module

NUMBERS = count(1)  # of frames, in the order in which they were made
Facts: TypeAlias = "dict[str, tuple[frozenset[str], Value | None]]"
NO_FACTS: Facts = {}
MOST_ITEMS = 64
DEEPEST_OBJECT = 6
SHOWN = frozenset({"list", "tuple", "dict", "set"})
MOST_OBJECTS = 64  # that are looked into for labels


class Cell(NamedTuple):
    """The content of one object: values by constant key or position, the rest, and attributes.

    `exact` tells that `items` is all there is (then `rest` is None).
    """

    kind: str
    items: dict[Typed, Value]
    rest: Value | None
    attributes: dict[str, Value]
    exact: bool

    def members(self) -> list[Value]:
        """Give all values in a container."""
        return [*self.items.values(), *((self.rest,) if self.rest is not None else ())]

    def everything(self) -> list[Value]:
        """Give all that the object holds, attributes included."""
        return [*self.items.values(), *self.attributes.values(), *((self.rest,) if self.rest is not None else ())]

    def mapped(self, change: Callable[[Value], Value]) -> Cell:
        """Give the same content with something made of each value."""
        items = {key: change(item) for key, item in self.items.items()}
        attributes = {name: change(item) for name, item in self.attributes.items()}
        rest = change(self.rest) if self.rest is not None else None
        return Cell(self.kind, items, rest, attributes, self.exact)


look_up, has = dict[Place, Cell].get, dict[Place, Cell].__contains__  # typed, where `dict.get` is not


class Heap(dict[Place, Cell]):
    """What this activation knows of objects; of all others, what is shared. Iteration gives only its own."""

    def get(self, key: Place, default: None = None) -> Cell | None:  # type: ignore[override]  # -- there is no other default
        """Give the content of an object, None where it is not known."""
        return look_up(self, key) or key.base or default

    def __missing__(self, key: Place) -> Cell:
        """Give the shared content."""
        if key.base is None:
            raise KeyError(key.number)
        return key.base

    def __contains__(self, key: object) -> bool:
        """Tell whether anything is known of an object."""
        return has(self, key) or (isinstance(key, Place) and key.base is not None)

    def owns(self, key: Place) -> bool:
        """Tell whether the content is this activation's own."""
        return has(self, key)


class State:
    """Variables and objects at one place of a body."""

    __slots__ = ("facts", "heap", "variables")

    def __init__(self, variables: dict[str, Value], heap: Heap | None = None, facts: Facts | None = None) -> None:
        """Take all as they are."""
        self.variables, self.heap = variables, Heap() if heap is None else heap
        self.facts = NO_FACTS if facts is None else facts  # of expressions that are written again; never changed

    def copy(self) -> State:
        """Give a state that changes on its own."""
        return State(dict(self.variables), Heap(self.heap), self.facts)

    def same(self, other: State, youngest: int) -> bool:
        """Tell whether a fixpoint is reached; objects that were made after `youngest` do not count."""
        return (
            self.variables.keys() == other.variables.keys()
            and all(key.number > youngest for key in self.heap.keys() ^ other.heap.keys())
            and all(v is other.variables[k] or v.same(other.variables[k], youngest) for k, v in self.variables.items())
            and all(
                key.number > youngest or cell is other.heap[key] or same_cell(cell, other.heap[key], youngest)
                for key, cell in self.heap.items()
            )
        )


def same_cell(left: Cell, right: Cell, youngest: int) -> bool:
    """Tell whether two contents are equal as far as a fixpoint goes."""
    return (
        left.exact == right.exact
        and left.items.keys() == right.items.keys()
        and left.attributes.keys() == right.attributes.keys()
        and (
            left.rest is right.rest
            or (left.rest is not None and right.rest is not None and left.rest.same(right.rest, youngest))
        )
        and all(v is right.items[k] or v.same(right.items[k], youngest) for k, v in left.items.items())
        and all(v is right.attributes[k] or v.same(right.attributes[k], youngest) for k, v in left.attributes.items())
    )


def join_states(left: State | None, right: State | None) -> State | None:
    """Give the state after either; None stands for a way that does not come here."""
    if left is None or right is None:
        return left or right
    variables = dict(left.variables)
    for name, value in right.variables.items():
        old = variables.get(name)
        if old is not value:
            variables[name] = value if old is None else join(old, value)
    heap = Heap(left.heap)
    own = dict[Place, Cell].get
    for key, cell in right.heap.items():
        other = own(heap, key)
        if other is cell:
            continue
        if other is not None:
            heap[key] = join_cells(other, cell)
        else:
            heap[key] = cell if key.base is None else join_cells(cell, key.base)
    for key, cell in left.heap.items():
        if key.base is not None and key.base is not cell and own(right.heap, key) is None:
            heap[key] = join_cells(cell, key.base)
    return State(variables, heap, left.facts if left.facts is right.facts else join_facts(left.facts, right.facts))


def join_facts(left: Facts, right: Facts) -> Facts:
    """Give what was learnt of expressions on both ways."""
    found: Facts = {}
    for key, (kinds, base) in left.items():
        other = right.get(key)
        if other is not None and other[1] is base:
            found[key] = (other[0] if "*" in kinds else kinds if "*" in other[0] else kinds & other[0], base)
    return found


def join_cells(left: Cell, right: Cell) -> Cell:
    """Give the content that may be either."""
    if left is right:
        return left
    items: dict[Typed, Value] = {}
    for key in (*left.items, *(key for key in right.items if key not in left.items)):
        one, other = left.items.get(key, left.rest), right.items.get(key, right.rest)
        items[key] = join(one, other) if one is not None and other is not None else one or other or UNKNOWN_VALUE
    rest = join(left.rest, right.rest) if left.rest and right.rest else left.rest or right.rest
    attributes = dict(left.attributes)
    for name, value in right.attributes.items():
        attributes[name] = join(attributes[name], value) if name in attributes else value
    exact = left.exact and right.exact and left.items.keys() == right.items.keys()
    return Cell(left.kind, items, rest, attributes, exact)


class SinkHit(NamedTuple):
    """A label that arrives in a sink; `item` is the place in a list, where that is known."""

    kind: str
    sink: str
    argument: str
    module: Module
    at: At
    taint: Taint
    item: int | None = None


class Condition(NamedTuple):
    """What a variable was computed from that says whether something holds: `ok = check(x)`."""

    node: Expr
    result: Value
    parts: tuple[tuple[str, Value | None], ...]  # the variables in it, as they were


class Frame:
    """One activation of a function or of a module body: its state now, and what is collected for its summary."""

    __slots__ = (
        "conditions", "depth", "ended", "function", "hits", "jumps", "keeps", "module", "number", "outer",
        "outer_names", "owner", "receiver", "refusals", "results", "root", "started", "state", "verdicts", "yields",
    )  # fmt: skip

    def __init__(self, module: Module, function: Function | None, outer: Frame | None, depth: int) -> None:
        """Begin with nothing known."""
        self.module, self.function, self.outer, self.depth = module, function, outer, depth
        self.number = next(NUMBERS)
        self.state: State | None = State({})
        self.results: list[tuple[Value, State, At]] = []
        self.yields: list[Value] = []
        self.hits: dict[object, SinkHit] = {}
        self.jumps: list[tuple[str, State]] = []
        self.outer_names: dict[str, bool] = {}
        self.owner: Class | None = function.owner if function is not None else None
        self.receiver: Value | None = None
        self.root = False
        self.keeps = False  # attributes of instances of which only the class is known
        self.ended = False  # then `state` is what held wherever it returned, for functions that outlive it
        self.started: dict[str, Value] = {}
        self.verdicts: list[dict[str, frozenset[str]]] = []
        self.refusals: list[dict[str, frozenset[str]]] = []
        self.conditions: dict[str, Condition] = {}

    @property
    def now(self) -> State:
        """The state, where the place can be reached; a fresh one to go on with where it cannot."""
        if self.state is None:
            return State({})
        return self.state


def shown(value: Value, state: State) -> tuple[Taint, ...]:
    """Give the labels of a value that becomes part of a text: a container shows what it holds as representations."""
    if not value.objects:
        return value.taints
    if not SHOWN.issuperset(cell.kind for cell in cells(value, state)):
        return value.taints
    return cleared(reach(value, state), ONE_LINE)


def cells(value: Value, state: State) -> list[Cell]:
    """Give the contents of the objects that a value may be, in order."""
    return [state.heap[key] for key in sorted(value.objects) if key in state.heap]


def inside(value: Value, state: State, depth: int) -> Iterator[Value]:
    """Yield everything in a value, level by level down to a depth, each object looked at once."""
    seen: set[Place] = set()
    level = [value]
    while level and depth > 0 and len(seen) < MOST_OBJECTS:
        depth -= 1
        below: list[Value] = []
        for item in level:
            for key in sorted(item.objects) if len(item.objects) > 1 else item.objects:
                cell = None if key in seen else state.heap.get(key)
                if cell is None:
                    continue
                seen.add(key)
                below += cell.everything()
        yield from below
        level = [item for item in below if item.objects]


def labelled(value: Value, state: State, depth: int) -> bool:
    """Tell whether a value, or anything in it down to a depth, has a label."""
    if value.taints or not value.objects:
        return bool(value.taints)
    return any(item.taints for item in inside(value, state, depth))


def reach(value: Value, state: State, depth: int = DEEPEST_OBJECT) -> tuple[Taint, ...]:
    """Give the labels of a value and of everything in it."""
    if not value.objects:
        return value.taints
    groups = [value.taints, *(item.taints for item in inside(value, state, depth) if item.taints)]
    return merge_taints(groups) if len(groups) > 1 else value.taints

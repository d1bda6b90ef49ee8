"""Summaries: a function is run once for each shape of its arguments, with tokens in place of their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from casemate.readers.code.flow.links import RESOLVING
from casemate.readers.code.flow.state import Cell, Frame, Heap, SinkHit, State
from casemate.readers.code.flow.values import (
    PASSED,
    Closure,
    Deferred,
    Method,
    Partial,
    Place,
    Reference,
    Step,
    Super,
    Taint,
    Token,
    Value,
    merge_taints,
    ordered,
)
from casemate.readers.code.ir import At

if TYPE_CHECKING:
    from casemate.readers.code.flow.program import Class

BOUND = (Closure, Method, Super, Deferred, Partial)
UNLABELLED = (False, False)
Name = TypeVar("Name")
Simple: TypeAlias = "dict[int, tuple[Cell, object]]"
DEEPEST = 3  # levels of an argument that are followed
MOST_OBJECTS = 40  # of all arguments of one call


@dataclass(slots=True)
class Summary:
    """What one run of a function gave, in terms of its tokens."""

    value: Value | None  # None where it never returns
    state: State
    hits: tuple[SinkHit, ...]
    tokens: tuple[Token, ...]  # in the order in which they were passed
    places: tuple[Place, ...]  # of the argument objects, likewise
    started: dict[Place, Cell]  # what they held when it began
    verdicts: dict[str, frozenset[str]]  # parameter → harmless for these kinds where the result is true
    refusals: dict[str, frozenset[str]]  # likewise where it is false
    checked: dict[str, frozenset[str]]  # parameter → harmless for these kinds wherever it returns
    reads: frozenset[tuple[Class, str]]  # fields of classes that it looks at, and those it calls
    youngest: int  # the number of the last object that was there before
    frames: tuple[int, int]  # the numbers of the first and the last frame that were made meanwhile
    changed: tuple[Place, ...]  # objects of enclosing bodies that it changed


class Abstraction:
    """Arguments on their way into a callee: labels become tokens, objects get places of their own."""

    def __init__(self, source: State, first: int, simple: Simple, *, constants: bool, plain: bool) -> None:
        """Begin with nothing entered.

        `first` is the number of the first token; `simple` are contents that were found to enter as they are, with their
        shapes; without `constants` the callee is not specialised for them; where all is `plain`, nothing is labelled,
        and of an instance only its class is passed.
        """
        self.source, self.next, self.simple, self.keep, self.plain = source, first, simple, constants, plain
        self.tokens: dict[Token, tuple[Taint, ...]] = {}
        self.places: dict[Place, int] = {}
        self.heap: dict[Place, Cell] = {}

    def enter(self, value: Value, depth: int = 0) -> tuple[Value, object]:
        """Give the callee's value, and its shape."""
        if not (value.taints or value.objects or bound(value.references)):
            return self.enter_simple(value)
        taints: tuple[Taint, ...] = ()
        past = bool(value.taints) and all(taint.origin is PASSED for taint in value.taints)
        if past:
            taints = (Taint(PASSED, frozenset(), None, sure=True),)
        elif value.taints:
            token = Token(self.next)
            self.next += 1
            self.tokens[token] = value.taints
            taints = (Taint(token, frozenset(), None, sure=True),)
        objects, shapes = self.enter_objects(value, depth)
        references, reference_shapes = self.enter_references(value, depth)
        constants = value.constants if self.keep else None
        prefix = value.prefix if self.keep else None
        shape = (constants, (bool(taints), past), value.types, reference_shapes, shapes, prefix)
        if not taints and references is value.references and objects == value.objects and self.whole(value):
            return value, shape
        entered = Value(
            constants=constants,
            taints=taints,
            types=value.types,
            references=references,
            objects=objects,
            prefix=prefix,
        )
        return entered, shape

    def whole(self, value: Value) -> bool:
        """Tell whether the callee may see of a value all that the caller knows, labels and objects aside."""
        return value.link is None and (self.keep or (value.constants is None and value.prefix is None))

    def enter_simple(self, value: Value) -> tuple[Value, object]:
        """Give what neither has a label nor leads to an object: most values."""
        if self.whole(value):
            return value, (value.constants, UNLABELLED, value.types, value.references, (), value.prefix)
        constants, prefix = (value.constants, value.prefix) if self.keep else (None, None)
        entered = Value(constants=constants, types=value.types, references=value.references, prefix=prefix)
        return entered, (constants, UNLABELLED, value.types, value.references, (), prefix)

    def enter_objects(self, value: Value, depth: int) -> tuple[frozenset[Place], object]:
        """Copy what the value holds."""
        if not value.objects:
            return frozenset(), ()
        if depth > DEEPEST or len(self.heap) > MOST_OBJECTS:
            return frozenset(key for key in value.objects if not self.source.heap.owns(key)), ()
        shapes: list[object] = []
        places: set[Place] = set()
        for key in sorted(value.objects):
            cell = self.source.heap.get(key)
            if cell is None or (self.plain and (cell.kind == "object" or not self.keep)):
                continue
            places.add(key)
            if not self.source.heap.owns(key):
                shapes.append(("shared", key.number))
                continue
            if key in self.places:
                shapes.append(("again", self.places[key]))
                continue
            self.places[key] = len(self.places)
            shapes.append(self.enter_cell(key, cell, depth))
        return frozenset(places), tuple(shapes)

    def enter_cell(self, key: Place, cell: Cell, depth: int) -> object:
        """Copy one object, where anything in it is not what it was."""
        known = self.simple.get(id(cell)) if self.keep else None
        if known is not None:
            self.heap[key] = cell
            return known[1]
        items, item_shapes = self.enter_each(cell.items, depth)
        attributes, attribute_shapes = self.enter_each(cell.attributes, depth)
        rest, rest_shape = self.enter(cell.rest, depth + 1) if cell.rest is not None else (None, None)
        same = items is cell.items and attributes is cell.attributes and rest is cell.rest
        shape = (cell.kind, cell.exact, item_shapes, rest_shape, attribute_shapes)
        if same and self.keep and not any(value.objects or bound(value.references) for value in cell.everything()):
            self.simple[id(cell)] = (cell, shape)  # which keeps the content, and with it the number
        self.heap[key] = cell if same else Cell(cell.kind, items, rest, attributes, cell.exact)
        return shape

    def enter_each(self, values: dict[Name, Value], depth: int) -> tuple[dict[Name, Value], object]:
        """Copy what stands under each name, where anything is not what it was."""
        found: dict[Name, Value] = {}
        shapes: list[object] = []
        same = True
        for name, value in values.items():
            entered, shape = self.enter(value, depth + 1)
            same = same and entered is value
            found[name] = entered
            shapes.append((name, shape))
        return (values if same else found), tuple(shapes)

    def enter_references(self, value: Value, depth: int) -> tuple[frozenset[Reference], object]:
        """Methods and bound functions hold a value themselves."""
        if not bound(value.references):
            return value.references, value.references
        found: set[Reference] = set()
        shapes: list[object] = []
        for reference in ordered(value.references):
            match reference:
                case Closure() if reference.receiver is not None:
                    receiver, shape = self.enter(reference.receiver, depth + 1)
                    found.add(Closure(reference.function, reference.frame, receiver))
                    shapes.append((id(reference.function), number(reference.frame), shape))
                case Closure():
                    found.add(reference)
                    shapes.append((id(reference.function), number(reference.frame)))
                case Deferred() if reference.receiver is not None:
                    receiver, shape = self.enter(reference.receiver, depth + 1)
                    found.add(replace(reference, receiver=receiver))
                    shapes.append((id(reference.decorator), id(reference.closure.function), shape))
                case Method():
                    receiver, shape = self.enter(reference.receiver, depth + 1)
                    found.add(Method(reference.owner, reference.name, receiver))
                    shapes.append((reference.owner, reference.name, shape))
                case Partial():
                    inner, shape = self.enter_partial(reference, depth + 1)
                    found.add(inner)
                    shapes.append((reference.at, shape))
                case _:
                    found.add(reference)
                    shapes.append(reference)
        return frozenset(found), frozenset(shapes)

    def enter_partial(self, reference: Partial, depth: int) -> tuple[Partial, object]:
        """Copy the arguments that are there already."""
        if depth > DEEPEST:
            return replace(reference, positional=(), keywords=()), ()
        function, shape = self.enter(reference.function, depth)
        positional = [self.enter(value, depth) for value in reference.positional]
        keywords = [(name, self.enter(value, depth)) for name, value in reference.keywords]
        entered = Partial(
            function,
            tuple(value for value, _ in positional),
            tuple((name, value) for name, (value, _) in keywords),
            reference.at,
        )
        shapes = (shape, tuple(inner for _, inner in positional), tuple((name, inner) for name, (_, inner) in keywords))
        return entered, shapes


def bound(references: frozenset[Reference]) -> bool:
    """Tell whether one of these references is to something that holds a value itself."""
    if not references:
        return False
    return any(isinstance(reference, BOUND) for reference in references)


def number(frame: Frame | None) -> int:
    """Give the number of a frame, 0 where there is none: what is at one place of memory may be another one later."""
    return 0 if frame is None else frame.number


class Return:
    """What a summary gives, on its way back into the caller: tokens become the labels that were passed."""

    def __init__(
        self,
        summary: Summary,
        *,
        tokens: dict[Token, tuple[Taint, ...]],
        places: dict[Place, Place],
        caller: Frame,
        at: At,
        allocate: Callable[[], Place],
    ) -> None:
        """`places` leads from the callee's argument objects to those of the caller."""
        self.tokens, self.places, self.caller, self.at, self.name = tokens, places, caller, at, ""
        self.youngest, self.frames = summary.youngest, summary.frames
        self.allocate = allocate
        self._frames: dict[int, Frame] = {}

    def taint(self, taint: Taint, message: str) -> Iterable[Taint]:
        """Replace a token by what was passed for it."""
        if not isinstance(taint.origin, Token) or taint.origin not in self.tokens:
            step = Step(self.caller.module, self.at, message, taint.step) if message else taint.step
            yield taint._replace(step=step)
            return
        for passed in self.tokens[taint.origin]:
            entered = Step(self.caller.module, self.at, f"passed to {self.name}", passed.step)
            step = Step(self.caller.module, self.at, message, entered, taint.step)
            yield Taint(passed.origin, passed.cleared | taint.cleared, step, passed.sure and taint.sure)

    def value(self, value: Value, state: State, message: str = "") -> Value:
        """Give a value of the callee as one of the caller."""
        if not (value.taints or value.objects or bound(value.references)) and value.link is None:
            return value
        taints = merge_taints(self.taint(taint, message) for taint in value.taints)
        references = frozenset(self.reference(reference, state) for reference in ordered(value.references))
        places = frozenset(self.place(key, state) for key in sorted(value.objects) if key in state.heap)
        return Value(
            constants=value.constants,
            taints=taints,
            types=value.types,
            references=references,
            objects=places,
            prefix=value.prefix,
            link=self.link(value, state),
        )

    def link(self, value: Value, state: State) -> tuple[str, Value] | None:
        """Give what the value was taken from, where that says of a path that it was resolved."""
        if value.link is None or value.link[0].rpartition(".")[2] not in RESOLVING:
            return None
        return (value.link[0], self.value(value.link[1], state))

    def reference(self, reference: Reference, state: State) -> Reference:
        """Bound values and the frames of nested functions come along."""
        match reference:
            case Method():
                return Method(reference.owner, reference.name, self.value(reference.receiver, state))
            case Closure():
                receiver = self.value(reference.receiver, state) if reference.receiver is not None else None
                return Closure(reference.function, self.frame(reference.frame), receiver)
            case Partial():
                return Partial(
                    self.value(reference.function, state),
                    tuple(self.value(value, state) for value in reference.positional),
                    tuple((name, self.value(value, state)) for name, value in reference.keywords),
                    reference.at,
                )
            case Deferred() if reference.made is not None and self.tokens:
                return replace(reference, made=self.value(reference.made, state))
            case _:
                return reference

    def frame(self, frame: Frame | None) -> Frame | None:
        """Give the frame of a nested function that leaves its definer, of those that were made in the callee."""
        if frame is None or frame.state is None or not self.frames[0] <= frame.number <= self.frames[1]:
            return frame
        outer = self.frame(frame.outer)
        if frame.number in self._frames:
            return self._frames[frame.number]
        if outer is frame.outer and not self.tokens and not frame.state.heap:
            return frame
        copy = self._frames[frame.number] = Frame(frame.module, frame.function, outer, frame.depth)
        copy.owner, copy.receiver, copy.ended = frame.owner, frame.receiver, True
        state = frame.state
        variables = {name: self.value(value, state) for name, value in state.variables.items()}
        copy.state = State(variables, Heap(self.caller.now.heap))
        return copy

    def place(self, key: Place, state: State) -> Place:
        """Give the caller's place of an object; one that the callee made comes along."""
        if key in self.places:
            return self.places[key]
        heap = self.caller.now.heap
        if key in heap:
            return key  # an object of a module, which both hold
        if key.number <= self.youngest:
            self.places[key] = key  # an object of an enclosing body
        else:
            self._allocate(key)
        heap[self.places[key]] = state.heap[key]  # for one that holds itself
        heap[self.places[key]] = self.cell(state.heap[key], state)
        return self.places[key]

    def _allocate(self, key: Place) -> None:
        self.places[key] = self.allocate()

    def cell(self, cell: Cell, state: State) -> Cell:
        """Give a content of the callee as one of the caller."""
        return cell.mapped(lambda item: self.value(item, state))

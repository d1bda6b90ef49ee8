"""What the parts of the interpreter share: the library, the program, the budget, and one another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from casemate.libraries import Entry, Library
from casemate.model.finding import Skipped
from casemate.readers.code import ir
from casemate.readers.code.flow.program import Class, Module, Program
from casemate.readers.code.flow.state import Cell, Frame, SinkHit, State
from casemate.readers.code.flow.values import Closure, Deferred, Place, Step, Taint, Value

DEEPEST_CALL = 14  # of calls that pass on a label
DEEPEST_PLAIN = 2  # of all others
MOST_WORK = 50_000  # evaluated nodes for one function that analysis starts from, callees included


class OutOfBudget(Exception):  # noqa: N818 -- it reads as what it is
    """One analysis took more work than it may; what was found until then counts."""


class Arguments(NamedTuple):
    """The evaluated arguments of a call. `rest` and `others` are what `*` and `**` bring that cannot be told apart."""

    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    rest: Value | None
    others: Value | None

    def every(self) -> list[Value]:
        """Give all values, in order."""
        found = [*self.positional, *(value for _, value in self.keywords)]
        return [*found, *(value for value in (self.rest, self.others) if value is not None)]


NO_ARGUMENTS = Arguments((), (), None, None)


class Seen(NamedTuple):
    """A call as it was evaluated, for rules and for capabilities."""

    name: str
    node: ir.Call
    arguments: Arguments
    receiver: Value | None
    function: str
    state: State
    root: bool


class EntryPoint(NamedTuple):
    """A function that a framework calls; `home` is the file that says so, "" where a function of the program does."""

    closure: Closure
    entry: Entry
    route: str
    home: str = ""


class Base(ABC):
    """State of one analysis, and the methods that its parts call in each other."""

    def __init__(self, library: Library, program: Program) -> None:
        """Begin with nothing analysed."""
        self.library, self.program = library, program
        self.work = 0
        self.total: int = 0  # of what is no longer counted there
        self.limit = MOST_WORK
        self.fresh = 0
        self.stores: int = 0  # into what outlives a call: globals, classes, what a function is
        self.hits: dict[object, SinkHit] = {}
        self.arrived: Counter[object] = Counter()  # how many hits differ in nothing but where the value comes from
        self.seen: dict[str, dict[ir.At, list[Seen]]] = {}
        self.entries: list[EntryPoint] = []
        self.executing = ""  # the file whose body is executed
        self.skipped: list[Skipped] = []
        self.touched: set[tuple[Class, str]] = set()  # fields in which a label was stored
        self.reads: set[tuple[Class, str]] = set()  # fields that were looked at since analysis last started somewhere
        self.sharing: dict[str, Class | None] = {}  # by type of a library: what the program stores in its objects
        self.every_context = False  # keep each call as often as its arguments differ, and specialise for constants
        self.called: set[tuple[str, int]] = set()
        self.unfollowed: dict[tuple[str, ir.At], str] = {}
        self.closures: dict[tuple[str, int], Closure] = {}
        self.told: Callable[[Frame, Closure | str], None] | None = None  # of each call: from where, and what of

    def spend(self, units: int = 1) -> None:
        """Count work. Raises OutOfBudget where there is none left."""
        self.work += units
        if self.work > self.limit:
            raise OutOfBudget

    def allocate(self, state: State, cell: Cell) -> Place:
        """Put a new object on the heap."""
        place = self.next_place()
        state.heap[place] = cell
        return place

    def next_place(self) -> Place:
        """Give a new place of the heap."""
        self.fresh += 1
        return Place(self.fresh)

    def spend_on(self, state: State | None) -> None:
        """Count the work of copying and joining a state."""
        if state is not None:
            self.spend(1 + (len(state.variables) + len(state.heap)) // 8)

    def step(self, frame: Frame, at: ir.At, message: str, taint: Taint) -> Taint:
        """Add a station to the way of a label."""
        return taint._replace(step=Step(frame.module, at, message, taint.step))

    def stepped(self, frame: Frame, at: ir.At, message: str, value: Value) -> Value:
        """Add a station to the way of every label of a value."""
        if not value.taints:
            return value
        return value.but(taints=tuple(self.step(frame, at, message, taint) for taint in value.taints))

    @abstractmethod
    def evaluate(self, node: ir.Expr, frame: Frame) -> Value:
        """Give the value of an expression; effects are in the frame's state."""

    @abstractmethod
    def execute(self, block: tuple[ir.Statement, ...], frame: Frame) -> None:
        """Run statements; the frame's state is None where none comes through."""

    @abstractmethod
    def assign(self, target: ir.Expr, value: Value, frame: Frame) -> None:
        """Store a value."""

    @abstractmethod
    def call(self, callee: Value, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Call whatever a value refers to."""

    @abstractmethod
    def call_method(self, receiver: Value, name: str, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Call a method of a value by name."""

    @abstractmethod
    def call_closure(self, closure: Closure, arguments: Arguments, frame: Frame, at: ir.At) -> Value:
        """Call a function of the program through its summary."""

    @abstractmethod
    def arguments(self, node: ir.Call, frame: Frame) -> Arguments:
        """Evaluate the arguments of a call; `*known_list` is spread."""

    @abstractmethod
    def attribute(self, value: Value, name: str, frame: Frame, at: ir.At) -> Value:
        """Give `value.name`."""

    @abstractmethod
    def item(self, value: Value, index: Value, frame: Frame) -> Value:
        """Give `value[index]`."""

    @abstractmethod
    def element(self, value: Value, frame: Frame, at: ir.At = (0, 0)) -> Value:
        """Give any element of a value, as a loop does."""

    @abstractmethod
    def special(self, value: Value, name: str, given: tuple[Value, ...], frame: Frame, at: ir.At) -> Value | None:
        """Call a method that the language calls, of a class of the program; None where the value has none."""

    @abstractmethod
    def truth(self, value: Value) -> bool | None:
        """Tell whether a value is true, None where it cannot be told."""

    @abstractmethod
    def refine(self, node: ir.Expr, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Change the frame's state to what holds where a condition came out this way."""

    @abstractmethod
    def spread(self, value: Value, frame: Frame, kinds: frozenset[str]) -> None:
        """Make a value, and what it was taken from, harmless for these kinds from here on."""

    @abstractmethod
    def annotated_type(self, annotation: ir.Expr | None, frame: Frame) -> Value | None:
        """Give an unknown value of the type that an annotation names, None where that says nothing."""

    @abstractmethod
    def module_frame(self, module: Module) -> Frame:
        """Give the frame of a module whose body was executed."""

    @abstractmethod
    def adopt(self, value: Value, source: State, frame: Frame) -> Value:
        """Bring a value of another state into this one, with the objects it holds."""

    @abstractmethod
    def build(self, owner: Class, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Make an instance of a class of the program."""

    @abstractmethod
    def outside_value(self, name: str, frame: Frame, at: ir.At) -> Value:
        """Give a name of a library: by its model an object of a type, or a source."""

    @abstractmethod
    def apply_outside(
        self, name: str, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> Value:
        """Call something of a library by its model."""

    @abstractmethod
    def arrive(  # noqa: PLR0913, PLR0917 -- what a finding says
        self, kind: str, name: str, argument: str, value: Value, frame: Frame, at: ir.At, item: int | None = None
    ) -> None:
        """Let a value arrive in a sink; `item` is its place among the words of a command."""

    @abstractmethod
    def recalled(self, node: ir.Expr, value: Value, frame: Frame) -> Value:
        """Give a value with what was learnt of the same expression before."""

    @abstractmethod
    def lookup(self, name: str, frame: Frame) -> Value | None:
        """Give the value of a name, None where nothing is known of it."""

    @abstractmethod
    def of_characters(
        self, target: ir.Name, value: Value, test: ir.Expr, frame: Frame, *, outcome: bool
    ) -> frozenset[str]:
        """Give the kinds for which a text is harmless whose characters all pass a test."""

    @abstractmethod
    def note_return(self, node: ir.Return, value: Value, frame: Frame) -> None:
        """Remember what a true result, and what a false one, says of the parameters."""

    @abstractmethod
    def proven(self, node: ir.Expr, frame: Frame) -> None:
        """Learn from a call that raises for what is not of some form."""

    @abstractmethod
    def found_by(self, table: ir.Expr, value: Value, key: ir.Expr, frame: Frame) -> None:
        """Learn that a key is in a table."""

    @abstractmethod
    def quiet(self, node: ir.Expr, frame: Frame) -> Value:
        """Evaluate what was evaluated before, without its effects on the state."""

    @abstractmethod
    def refine_for_each(
        self,
        target: ir.Name,
        items: ir.Expr,
        test: ir.Expr,
        outcome: bool,  # noqa: FBT001 -- what holds for each
        frame: Frame,
    ) -> None:
        """Learn from a test that came out one way for every element."""

    @abstractmethod
    def operate(self, sign: str, left: Value, right: Value, frame: Frame, node: ir.Expr) -> Value:
        """Apply an operator to two values."""

    @abstractmethod
    def define(self, node: ir.Define, frame: Frame) -> None:
        """`def`: the decorators are applied from the last to the first."""

    @abstractmethod
    def define_class(self, node: ir.DefineClass, frame: Frame) -> None:
        """`class`: run its body where it stands."""

    @abstractmethod
    def trust(self, node: ir.Expr, frame: Frame, kinds: frozenset[str]) -> None:
        """Make what an expression gives harmless from here on."""

    @abstractmethod
    def inside(self, path: Value, frame: Frame) -> None:
        """Trust a resolved path that lies inside a folder."""

    @abstractmethod
    def set_field(self, value: Value, name: str, item: Value, frame: Frame) -> None:
        """Store an attribute."""

    @abstractmethod
    def field(self, owner: Class, name: str, frame: Frame) -> Value | None:
        """Give what the methods of a class store in a field, None where none does."""

    @abstractmethod
    def shared(self, kind: str, frame: Frame) -> Class | None:
        """Give what stands for all objects of a type of a library that keep what the program stores."""

    @abstractmethod
    def forced(self, reference: Deferred) -> Value:
        """Give what a decorator makes of a function."""

    @abstractmethod
    def verdicts(
        self, closure: Closure, node: ir.Call, frame: Frame, *, outcome: bool, first: bool
    ) -> dict[str, frozenset[str]]:
        """Give, by parameter, the kinds it is harmless for where the result, or the first of it, was true, or false."""

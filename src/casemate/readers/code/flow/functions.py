"""Functions and classes of the program: definitions, calls through summaries, instances."""

from __future__ import annotations

from collections.abc import Iterator

from casemate.readers.code import ir
from casemate.readers.code.flow.base import DEEPEST_CALL, DEEPEST_PLAIN, Arguments
from casemate.readers.code.flow.characters import ALL
from casemate.readers.code.flow.containers import numbered
from casemate.readers.code.flow.guards import Guards
from casemate.readers.code.flow.program import Function
from casemate.readers.code.flow.state import NUMBERS, Cell, Frame, Heap, State, join_cells, join_states, labelled, reach
from casemate.readers.code.flow.summaries import DEEPEST, Abstraction, Return, Simple, Summary
from casemate.readers.code.flow.values import (
    UNKNOWN_VALUE,
    Closure,
    Place,
    Typed,
    Value,
    constant,
    join_all,
    merge_taints,
)

MOST_SHAPES = 24  # of one function; beyond, constants no longer make a shape of their own
LARGE = 1200  # bytes of a function that is called without labels only from where analysis starts
SMALL = 500  # bytes of a function that is specialised for constants even where nothing in them is labelled
SCALARS = frozenset({"str", "bytes", "int", "float", "bool", "complex"})


class Functions(Guards):
    """Defines and calls functions of the program."""

    summaries: dict[object, Summary]
    running: dict[object, bool]  # key → whether it was met again while it ran
    shapes: dict[object, int]
    numbers: dict[object, int]  # of the shapes of arguments
    simple: Simple
    fresh_token: int
    last_return: Return

    def summarise_call(self, closure: Closure, arguments: Arguments, frame: Frame, at: ir.At) -> Summary | None:
        """Give the summary of a function for these arguments, and apply what it does to them and to sinks."""
        function = closure.function
        key_of = (function.module.path, function.definition.node)
        passed = self.passed(closure, arguments, frame)
        plain = not any(labelled(value, frame.now, DEEPEST + 1) for value in passed.values())
        small = function.size < SMALL
        constants = self.shapes.get(key_of, 0) < MOST_SHAPES and (small or not plain or self.every_context)
        self.called.add(key_of)
        enter = Abstraction(frame.now, self.fresh_token, self.simple, constants=constants, plain=plain)
        variables, shape = self.parameters(passed, enter)
        self.fresh_token = enter.next
        self.spend(len(enter.heap))
        nested = closure.frame is not None and closure.frame.function is not None
        number = self.numbers.setdefault(shape, len(self.numbers))  # the shape may be large: it is compared once
        key = (key_of, number, id(closure.frame) if nested else 0)
        summary = None if nested else self.summaries.get(key)
        if summary is None:
            if key in self.running or frame.depth > self.deepest(function, plain=plain):
                self.running[key] = True
                return None
            self.shapes[key_of] = self.shapes.get(key_of, 0) + 1
            summary = self.run_rounds(closure, variables, enter, frame, key)
            if not nested and not summary.changed:
                self.summaries[key] = summary
        else:
            self.reads |= summary.reads
        tokens = dict(zip(summary.tokens, enter.tokens.values(), strict=False))
        places = dict(zip(summary.places, enter.heap, strict=False))
        back = Return(summary, tokens=tokens, places=places, caller=frame, at=at, allocate=self.next_place)
        back.name = function.name
        self.bring_back(summary, back, frame)
        if summary.changed:
            self.bring_back_captured(closure, summary, back, frame)
        self.last_return = back
        return summary

    def deepest(self, function: Function, *, plain: bool) -> int:
        """Give from which depth on a function is no longer called: what carries no label is only needed for its type.

        Large functions rarely are what gives a type; what needs every call as it is looks deeper.
        """
        if not plain:
            return DEEPEST_CALL
        return DEEPEST_PLAIN if function.size < LARGE or self.every_context else 0

    def run_rounds(
        self, closure: Closure, variables: dict[str, Value], enter: Abstraction, frame: Frame, key: object
    ) -> Summary:
        """Run a function; again where it called itself, with what was learnt."""
        self.running[key] = False
        summary = self.run_function(closure, variables, enter, frame)
        for _ in range(2):
            if not self.running[key]:
                break
            self.summaries[key] = summary
            again = self.run_function(closure, variables, enter, frame)
            same = (again.value is None) == (summary.value is None) and (
                again.value is None or summary.value is None or again.value.same(summary.value)
            )
            summary = again
            if same:
                break
        del self.running[key]
        return summary

    def run_function(self, closure: Closure, variables: dict[str, Value], enter: Abstraction, frame: Frame) -> Summary:
        """Run a body once."""
        outer, self.reads = self.reads, set()
        try:
            return self.summary(closure, variables, enter, frame)
        finally:
            outer |= self.reads
            self.reads = outer

    def summary(self, closure: Closure, variables: dict[str, Value], enter: Abstraction, frame: Frame) -> Summary:
        """Run a body and say what it gave."""
        youngest = self.fresh
        inner = self.activation(closure, variables, State({}, Heap(enter.heap)), frame.depth + 1)
        parameters = dict(variables)
        self.run_body(inner)
        value, state = self.outcome(inner)
        checked = {
            name: kinds
            for name, was in parameters.items()
            if value is not None and (kinds := gained(was, state.variables.get(name)))
        }
        return Summary(
            value,
            state,
            tuple(inner.hits.values()),
            tuple(enter.tokens),
            tuple(enter.heap),
            dict(enter.heap),
            common_verdicts(inner.verdicts),
            common_verdicts(inner.refusals),
            checked,
            frozenset(self.reads),
            youngest,
            (inner.number, next(NUMBERS)),
            tuple(captured(state, youngest, enter, (frame, *around(inner.outer)))),
        )

    def activation(self, closure: Closure, variables: dict[str, Value], state: State, depth: int) -> Frame:
        """Make the frame that a body runs in."""
        inner = Frame(closure.function.module, closure.function, closure.frame, depth)
        inner.state = State(dict(variables), state.heap)
        inner.receiver = closure.receiver
        if closure.frame is not None and closure.frame.function is not None and inner.receiver is None:
            inner.receiver = closure.frame.receiver
            inner.owner = inner.owner or closure.frame.owner
        inner.started = dict(variables)
        return inner

    def run_body(self, inner: Frame) -> None:
        """Execute the body of a frame's function."""
        function = inner.function
        if function is None:
            return
        self.execute(function.body, inner)
        if inner.state is not None:
            self.note_return(ir.Return(function.at, None), constant(None), inner)
            inner.results.append((constant(None), inner.state, function.at))

    def outcome(self, inner: Frame) -> tuple[Value | None, State]:
        """Give what a run returned, and the state after it."""
        state: State | None = None
        for _, reached, _ in inner.results:
            state = join_states(state, reached)
        if state is None and not inner.yields:
            return None, State({})
        state = state or State({})
        inner.state, inner.ended = state, True
        if inner.yields:
            element = join_all(inner.yields)
            if inner.function is not None and inner.function.kind == "contextmanager":
                return element, state
            cell = Cell("list", {}, element, {}, exact=False)
            return Value(types=frozenset({"list"}), objects=frozenset({self.allocate(state, cell)})), state
        return join_all(value for value, _, _ in inner.results), state

    def bring_back(self, summary: Summary, back: Return, frame: Frame) -> None:
        """Change the caller's objects as the callee did, and let what it passed on arrive."""
        for key in summary.places:
            after = summary.state.heap.get(key)
            if after is not None and after is not summary.started.get(key):
                frame.now.heap[back.places[key]] = back.cell(after, summary.state)
        for key, cell in summary.state.heap.items():
            if key.base is not None and cell is not key.base and key not in summary.started:
                frame.now.heap[key] = back.cell(cell, summary.state)
        for hit in summary.hits:
            for taint in back.taint(hit.taint, ""):
                if taint.dangerous(hit.kind):
                    self.hit(hit._replace(taint=taint), frame)

    def bring_back_captured(self, closure: Closure, summary: Summary, back: Return, frame: Frame) -> None:
        """Change objects that are not passed but of an enclosing body, where that still runs and where it has ended."""
        for key in summary.changed:
            cell = frame.now.heap[key] = back.cell(summary.state.heap[key], summary.state)
            for outer in around(closure.frame):
                if outer.ended and outer.now.heap.owns(key):
                    outer.now.heap[key] = join_cells(outer.now.heap[key], cell)

    def call_closure(self, closure: Closure, arguments: Arguments, frame: Frame, at: ir.At) -> Value:
        """Call a function of the program through its summary."""
        self.spend(5)
        if self.told is not None:
            self.told(frame, closure)
        summary = self.summarise_call(closure, arguments, frame, at)
        if summary is None:
            taints = [tuple(t._replace(sure=False) for t in reach(v, frame.now)) for v in arguments.every()]
            return Value(taints=merge_taints(taints))
        if summary.value is None:
            frame.state = None
            return UNKNOWN_VALUE
        result = self.last_return.value(summary.value, summary.state, f"returned by {closure.function.name}")
        self.apply_checks(closure, summary, arguments, frame)
        return result

    def apply_checks(self, closure: Closure, summary: Summary, arguments: Arguments, frame: Frame) -> None:
        """Believe a helper that raises for what is not allowed: it has checked what it was given."""
        if not summary.checked:
            return
        names = [parameter.name for parameter in closure.function.definition.parameters]
        if closure.receiver is not None:
            names = names[1:]
        passed = dict(zip(names, arguments.positional, strict=False)) | dict(arguments.keywords)
        for name, kinds in summary.checked.items():
            if name in passed:
                self.spread(passed[name], frame, kinds)

    def parameters(self, passed: dict[str, Value], enter: Abstraction) -> tuple[dict[str, Value], object]:
        """Bind arguments to parameters, as the callee sees them."""
        found: dict[str, Value] = {}
        shapes: list[object] = []
        for name, value in passed.items():
            found[name], shape = enter.enter(value)
            shapes.append((name, shape))
        return found, tuple(shapes)

    def passed(self, closure: Closure, arguments: Arguments, frame: Frame) -> dict[str, Value]:
        """Bind arguments to parameters, as the caller sees them."""
        waiting = [*((closure.receiver,) if closure.receiver is not None else ()), *arguments.positional]
        keywords = dict(arguments.keywords)
        found: dict[str, Value] = {}
        for parameter in closure.function.definition.parameters:
            name = parameter.name
            if parameter.kind == "*":
                cell = Cell("tuple", numbered(waiting), arguments.rest, {}, exact=arguments.rest is None)
                waiting = []
                found[name] = Value(types=frozenset({"tuple"}), objects=frozenset({self.allocate(frame.now, cell)}))
            elif parameter.kind == "**":
                others: dict[Typed, Value] = {("str", key): value for key, value in keywords.items()}
                cell = Cell("dict", others, arguments.others, {}, exact=arguments.others is None)
                found[name] = Value(types=frozenset({"dict"}), objects=frozenset({self.allocate(frame.now, cell)}))
            elif waiting and parameter.kind != "=":
                found[name] = waiting.pop(0)
            elif name in keywords:
                found[name] = keywords.pop(name)
            elif parameter.kind != "=" and arguments.rest is not None:
                found[name] = self.one_of(arguments.rest, parameter, closure)
            elif arguments.others is not None:
                found[name] = self.one_of(arguments.others, parameter, closure)
            else:
                found[name] = self.default(parameter, closure, frame)
            found[name] = self.with_annotation(found[name], parameter, closure)
        return found

    def one_of(self, value: Value, parameter: ir.Parameter, closure: Closure) -> Value:
        """Give what of `*values` a parameter gets: an object of a library is none of the texts among them."""
        kind = self.annotated_type(parameter.annotation, self.home(closure)) if value.taints else None
        told = kind is not None and kind.types and all(isinstance(one, str) and "." in one for one in kind.types)
        return kind if kind is not None and told else value

    def with_annotation(self, value: Value, parameter: ir.Parameter, closure: Closure) -> Value:
        """Take the type of a parameter from its annotation where the argument has none."""
        if parameter.annotation is None or value.types or value.references or value.constants is not None:
            return value
        kind = self.annotated_type(parameter.annotation, self.home(closure))
        return value.but(types=kind.types) if kind is not None and not value.objects else value

    def home(self, closure: Closure) -> Frame:
        """Give the frame in which a function was defined."""
        return closure.frame if closure.frame is not None else self.module_frame(closure.function.module)

    def default(self, parameter: ir.Parameter, closure: Closure, frame: Frame) -> Value:
        """Give the value of a parameter that was not passed."""
        if parameter.default is None:
            return UNKNOWN_VALUE
        home = self.home(closure)
        if home.state is None:
            return UNKNOWN_VALUE
        return self.adopt(self.quiet(parameter.default, home), home.now, frame)

    def note_return(self, node: ir.Return, value: Value, frame: Frame) -> None:
        """Remember what a true result, and what a false one, says of the parameters."""
        if frame.function is None or frame.state is None or not any(was.taints for was in frame.started.values()):
            return
        verdict = node.value
        if isinstance(verdict, ir.Sequence) and verdict.kind == "tuple" and verdict.items:
            verdict = verdict.items[0]  # `return False, reason`
            value = self.quiet(verdict, frame)
        known = outcomes(value)
        if True in known:
            frame.verdicts.append(self.learnt(verdict, True, frame))  # noqa: FBT003 -- the result is true
        if False in known:
            frame.refusals.append(self.learnt(verdict, False, frame))  # noqa: FBT003 -- the result is false

    def learnt(self, node: ir.Expr | None, outcome: bool, frame: Frame) -> dict[str, frozenset[str]]:  # noqa: FBT001 -- the result
        """Give the kinds for which each parameter is harmless where a function returns something true, or false."""
        saved = frame.state
        frame.state = frame.now.copy()
        if node is not None:
            self.refine(node, outcome, frame)
        refined, frame.state = frame.now, saved
        return {
            name: kinds for name, was in frame.started.items() if (kinds := gained(was, refined.variables.get(name)))
        }

    def verdicts(
        self, closure: Closure, node: ir.Call, frame: Frame, *, outcome: bool, first: bool
    ) -> dict[str, frozenset[str]]:
        """Give, by parameter, the kinds it is harmless for where the result, or the first of it, was true, or false."""
        saved, frame.state = frame.state, frame.now.copy()
        summary = self.summarise_call(closure, self.arguments(node, frame), frame, node.at)
        frame.state = saved
        if summary is None or (summary.value is not None and ("tuple" in summary.value.types) != first):
            return {}
        return summary.verdicts if outcome else summary.refusals


def around(frame: Frame | None) -> Iterator[Frame]:
    """Yield a frame and those that it is inside of."""
    while frame is not None:
        yield frame
        frame = frame.outer


def captured(state: State, youngest: int, enter: Abstraction, sources: tuple[Frame, ...]) -> Iterator[Place]:
    """Yield the objects of enclosing bodies that a function changed: older than its run, and not passed to it."""
    for key, cell in state.heap.items():
        if key.number <= youngest and key.base is None and key not in enter.heap:
            before = next((f.now.heap[key] for f in sources if f.now.heap.owns(key)), None)
            if cell is not before:
                yield key


def common_verdicts(found: list[dict[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    """Give what every result of one kind says."""
    if not found:
        return {}
    common = found[0]
    for other in found[1:]:
        common = {name: both(kinds, other.get(name, frozenset())) for name, kinds in common.items()}
    return {name: kinds for name, kinds in common.items() if kinds}


def outcomes(value: Value) -> set[bool]:
    """Tell whether a result may be true, and whether it may be false."""
    if value.constants is None:
        return {True, False}
    return {bool(item[1]) for item in value.constants} | ({True, False} if value.taints else set())


def gained(before: Value, after: Value | None) -> frozenset[str]:
    """Give the kinds for which a parameter became harmless, if it is still what was passed."""
    if after is None or not before.taints:
        return frozenset()
    tokens = {taint.origin for taint in before.taints}
    left = [taint for taint in after.taints if taint.origin in tokens]
    if not left:
        unchanged = after.types == before.types and after.objects == before.objects and after.constants is None
        return ALL if unchanged and not after.references else frozenset()
    kinds = left[0].cleared
    for taint in left[1:]:
        kinds &= taint.cleared
    return kinds


def both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Intersect two sets of kinds, of which one may be all."""
    if "*" in one:
        return other
    return one if "*" in other else one & other

"""One analysis of one program: where it starts, what it spends, and what it could not follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice

from tree_sitter import Node

from casemate.libraries import Convention, Library
from casemate.model.finding import Skipped, Why
from casemate.readers.code import ir, routes
from casemate.readers.code.flow import pages
from casemate.readers.code.flow.base import Arguments, EntryPoint, OutOfBudget
from casemate.readers.code.flow.classes import share
from casemate.readers.code.flow.comparisons import NUMERIC
from casemate.readers.code.flow.machine import Machine
from casemate.readers.code.flow.program import Class, Function, Module, Program
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import Closure, Outside, Value, constant, ordered
from casemate.readers.code.names import Names
from casemate.readers.code.parse import Source
from casemate.readers.code.scan import Check

ENUMS = frozenset({"enum.Enum", "enum.StrEnum", "enum.IntEnum", "enum.Flag", "enum.IntFlag"})
SCHEMED = frozenset({"assignment"})  # kinds for which an object is harmless whose class says which fields there are
MOST_WORK = 1_000_000  # evaluated nodes of a whole part, and one more for each byte that is parsed; most need a tenth
MOST_ROUNDS = 3  # of running everything again because a field was stored
MOST_PLACES = 20_000  # of one word in one file, texts and comments included
LONGEST_CALL = 10_000  # bytes of a call whose text is looked through
MOST_USES = 2000  # of them that are looked at


class Analysis:
    """Runs functions as starting points, each once per round."""

    def __init__(
        self,
        library: Library,
        paths: Iterable[str],
        roots: Iterable[str],
        load: Callable[[str], Source],
        own: Collection[str] | None = None,
    ) -> None:
        """Nothing is read before it is asked for. `own` are the files whose entries are run, all by default."""
        self.own = own
        self.library = library
        self.allowed = MOST_WORK
        self.program = Program(paths, roots, partial(self.allowing, load))
        self.machine = Machine(library, self.program)
        self.skipped: list[Skipped] = []
        self.present: frozenset[str] = frozenset()  # top modules of libraries that some file names
        self._started: set[tuple[str, int]] = set()
        self._visited: dict[tuple[str, str, re.Pattern[bytes] | Check | None], set[str]] = {}
        self._entered: dict[tuple[str, int], str] = {}
        self._entries_done = 0
        self._reads: dict[tuple[str, int], set[tuple[Class, str]]] = {}
        self._open: set[str] = set()

    def allowing(self, load: Callable[[str], Source], path: str) -> Source:
        """Load a file, and allow the work for it."""
        source = load(path)
        self.allowed += len(source.data)
        return source

    def open(self, path: str) -> Module:
        """Execute the body of a module, and run the functions that frameworks call."""
        module = self.program.module(path)
        if path not in self._open:
            self._open.add(path)
            self.guarded(module, 1, lambda: self.machine.module_frame(module))
            self.run_entries()
            self.follow_conventions(module)
        return module

    def follow_conventions(self, module: Module) -> None:
        """Run the functions that are called by a framework according to their names alone."""
        there = [
            convention
            for convention in self.library.conventions
            if (imports(module, convention.tops) if convention.tops else stands(module, convention))
            and not (convention.words and imports(module, self.library.frameworks))
        ]
        if any(not convention.tops for convention in there):
            for (path, _), owner in list(self.machine.classes.items()):
                if path == module.path:
                    owner.settle()
        for node in list(module.functions) if there else ():
            closure = self.machine.closures.get((module.path, node))
            if closure is None:
                continue
            parameters = closure.function.definition.parameters
            if closure.function.owner is not None and closure.function.kind != "staticmethod":
                parameters = parameters[1:]
            names = tuple(parameter.name for parameter in parameters)
            for convention in there:
                named = not convention.functions or closure.function.name in convention.functions
                if named and names[: len(convention.parameters)] == convention.parameters:
                    self.machine.entries.append(EntryPoint(closure, convention.entry, "", module.path))
        self.run_entries()

    def visit(
        self,
        module: Module,
        wanted: Mapping[str, Collection[str]],
        having: re.Pattern[bytes] | None = None,
        stands: Check | None = None,
    ) -> None:
        """Run every function in which one of these identifiers may mean one of its qualified names.

        Nothing is run, not even the module, where none of them stands outside of texts and comments. With `having`
        only those count that are called, and this pattern stands in the text of the call; with `stands` those for which
        it holds.
        """
        standing: list[tuple[Node, set[str]]] = []
        for word, meanings in sorted(wanted.items()):
            done = self._visited.setdefault((module.path, word, having or stands), set())
            new = set(meanings) - done
            done |= new
            if not new:
                continue
            often = module.source.data.count(word.encode()) > MOST_PLACES
            uses = list(islice(identifiers(module.source, word, stands), MOST_USES + 1)) if not often else []
            if often:
                self.skip(module, 0, Why.BUDGET, f"the word {word} stands too often to look at every place")
            elif len(uses) > MOST_USES:
                self.skip(module, uses[-1].start_point.row + 1, Why.BUDGET, f"too many uses of {word} from here on")
            standing += [(node, new) for node in uses[:MOST_USES] if having is None or calls_with(node, having)]
        if not standing:
            return
        names = Names(self.machine, self.open(module.path))
        for node, meanings in standing:
            line = node.start_point.row + 1
            self.guarded(module, line, partial(self.consider, names, node, meanings))
        renamed = names.renamed(frozenset[str]().union(*wanted.values()))
        if renamed:
            self.visit(module, renamed, having, stands)

    def consider(self, names: Names, node: Node, meanings: Collection[str]) -> None:
        """Run the functions around an identifier that may mean one of these names."""
        if names.may_mean(node, meanings):
            self.start_around(names.module, node)

    def start_around(self, module: Module, node: Node) -> None:
        """Run the functions around a place, from the outermost one."""
        for start in module.source.around(node.start_byte):
            owner = self.machine.classes.get((module.path, start))
            if owner is not None:
                owner.settle()
            closure = self.machine.closures.get((module.path, start))
            if closure is not None:
                self.start(closure)

    def start(self, closure: Closure) -> None:
        """Run one function of which nobody is known to call it."""
        function = closure.function
        key = (function.module.path, function.definition.node)
        if key in self._started:
            return
        self._started.add(key)
        self.attend(function, lambda: self.run(closure, {}))
        self.run_entries()

    def attend(self, function: Function, work: Callable[[], object]) -> None:
        """Run a function where analysis starts, and remember which fields of classes it looks at."""
        machine = self.machine
        machine.reads = set()
        self.guarded(function.module, function.module.source.point(function.at[0])[0], work)
        self._reads[function.module.path, function.definition.node] = machine.reads
        machine.reads = set()

    def run(self, closure: Closure, given: dict[str, Value]) -> Frame:
        """Run a function, as a method where it is one."""
        machine, function = self.machine, closure.function
        machine.settle_around(closure.frame)
        if function.owner is not None and function.kind != "staticmethod":
            return machine.start_method(closure, function.owner, given)
        frame = Frame(function.module, function, closure.frame, 0)
        variables = machine.typed_parameters(closure, frame)
        variables.update(given)
        inner = machine.activation(closure, variables, frame.now, 0)
        inner.root = True
        machine.run_body(inner)
        if inner.results:
            inner.state = machine.outcome(inner)[1]
        return inner

    def run_entries(self) -> None:
        """Run the functions that frameworks call, with what those give them."""
        while self._entries_done < len(self.machine.entries):
            point = self.machine.entries[self._entries_done]
            self._entries_done += 1
            function = point.closure.function
            key = (function.module.path, function.definition.node)
            if self.own is not None and point.home and point.home not in self.own:
                continue  # whoever analyses that file runs it
            if self._entered.get(key, "") or (key in self._entered and not point.entry.label):
                continue  # what is known by a label is better known than by a convention
            self._entered[key] = point.entry.label
            self._started.add(key)
            self.attend(function, partial(self.enter, point))

    def enter(self, point: EntryPoint) -> None:
        """Run one entry."""
        closure, entry = point.closure, point.entry
        frame = self.run(closure, self.given(point))
        if entry.page:
            self.enter_page(point, frame)
        if entry.result:
            for value, state, at in frame.results:
                frame.state = state
                paired = value.types == frozenset({"tuple"}) and bool(value.objects)  # `return text, 404`
                page = self.machine.item(value, constant(0), frame) if paired else value
                if paired and any(
                    pages.of_headers(self.machine.item(value, constant(place), frame), frame) is False
                    for place in (1, 2)
                ):
                    continue  # `return text, 200, {"Content-Type": "text/plain"}`
                objects = any(isinstance(kind, Class) or kind not in {"str", "bytes"} for kind in page.types)
                if not objects and not page.objects:
                    name = f"the result of {closure.function.name}"
                    self.machine.arrive(entry.result, name, "return", page, frame, at)

    def enter_page(self, point: EntryPoint, frame: Frame) -> None:
        """Let what is under one key of a returned dict arrive as a page, where the headers beside it say so."""
        for value, state, at in frame.results:
            frame.state = state
            parts = {name: self.machine.item(value, constant(name), frame) for name in (point.entry.page, "headers")}
            if pages.shown(parts, frame):
                name = f"the result of {point.closure.function.name}"
                self.machine.arrive("html", name, "return", parts[point.entry.page], frame, at)

    def given(self, point: EntryPoint) -> dict[str, Value]:
        """Give the parameters of an entry: chosen by somebody else, unless they are objects or numbers."""
        machine, function, entry = self.machine, point.closure.function, point.entry
        routed = routes.said(point.route)
        types = dict(entry.types)
        found: dict[str, Value] = {}
        parameters = function.definition.parameters
        if function.owner is not None and function.kind != "staticmethod":
            parameters = parameters[1:]
        frame = Frame(function.module, function, point.closure.frame, 0)
        for place, parameter in enumerate(parameters):
            kind = types.get(parameter.name) or types.get(str(place))
            annotation, home = self.written_out(parameter.annotation, machine.home(point.closure))
            parameter = parameter._replace(annotation=annotation)  # noqa: PLW2901 -- the same, written out
            annotated = machine.annotated_type(annotation, home)
            injected = self.injected(parameter, home, point)
            if injected is not None:
                found[parameter.name] = injected
            elif kind is not None and annotated is not None and any("." in str(name) for name in annotated.types):
                found[parameter.name] = annotated
            elif kind is not None:
                found[parameter.name] = Value(types=frozenset({kind}))
            elif annotated is not None and self.holds_numbers(parameter.annotation, home):
                found[parameter.name] = annotated
            elif "*" in routed.get(parameter.name, ()) or (annotated is not None and annotated.types & NUMERIC):
                found[parameter.name] = annotated or Value(types=frozenset({"int"}))
            elif not entry.label:
                found[parameter.name] = annotated or Value()
            elif annotated is not None and not annotated.types <= {"str", "bytes", "list", "dict", "tuple"}:
                found[parameter.name] = self.annotated_parameter(annotated, point, frame, parameter.at)
            else:
                harmless = entry.sanitizes | routed.get(parameter.name, frozenset())
                taints = machine.sourced(entry.label, entry.trust, frame, parameter.at, harmless)
                found[parameter.name] = Value(taints=taints, types=annotated.types if annotated else frozenset())
        return found

    def written_out(self, annotation: ir.Expr | None, home: Frame, depth: int = 3) -> tuple[ir.Expr | None, Frame]:
        """Give what a module gives a name to, and where: `SessionDep = Annotated[…]`."""
        if not isinstance(annotation, ir.Name):
            return annotation, home
        for statement in home.module.body:
            match statement:
                case ir.Assign() if isinstance(statement.value, ir.Item):
                    maker = statement.value.value
                    word = maker.name if isinstance(maker, ir.Attr) else maker.id if isinstance(maker, ir.Name) else ""
                    named = any(isinstance(t, ir.Name) and t.id == annotation.id for t in statement.targets)
                    if word == "Annotated" and named:
                        return statement.value, home
                case ir.Import() if statement.bound == annotation.id and statement.member and depth:
                    name = self.machine.absolute(statement.module, statement.level, home)
                    module = self.program.resolve(name, home.module.path)
                    if module is not None and module is not home.module:
                        inner = ir.Name(annotation.at, statement.member)
                        wanted, frame = self.written_out(inner, self.machine.module_frame(module), depth - 1)
                        return (wanted, frame) if wanted is not inner else (annotation, home)
                case _:
                    pass
        return annotation, home

    def holds_numbers(self, annotation: ir.Expr | None, home: Frame) -> bool:
        """Tell whether an annotation is a list of numbers or the like."""
        if not isinstance(annotation, ir.Item):
            return False
        if isinstance(annotation.key, ir.Sequence):
            return bool(annotation.key.items) and self.holds_numbers(annotation.key.items[0], home)
        inner = self.machine.annotated_type(annotation.key, home)
        return inner is not None and bool(inner.types) and inner.types <= NUMERIC

    def injected(self, parameter: ir.Parameter, home: Frame, point: EntryPoint) -> Value | None:
        """Give what `= Depends(function)` or `Annotated[…, Depends(function)]` makes a framework pass."""
        machine = self.machine
        noted = parameter.annotation
        notes = noted.key.items if isinstance(noted, ir.Item) and isinstance(noted.key, ir.Sequence) else ()
        for call in (parameter.default, *notes):
            if not isinstance(call, ir.Call) or home.state is None:
                continue
            makers = [
                machine.library.find(r.name)
                for r in machine.quiet(call.function, home).references
                if isinstance(r, Outside)
            ]
            if not call.arguments or not any(model is not None and "injects" in model.tags for model in makers):
                continue
            wanted = machine.marked("contextmanager", machine.quiet(call.arguments[0], home))
            for reference in ordered(wanted.references):
                if isinstance(reference, Closure):
                    inner = EntryPoint(reference, point.entry, "")
                    given = tuple(self.given(inner).items())
                    frame = Frame(home.module, None, home, 0)
                    value = machine.call_closure(reference, Arguments((), given, None, None), frame, call.at)
                    share(frame.now)
                    return value
        return None

    def annotated_parameter(self, annotated: Value, point: EntryPoint, frame: Frame, at: tuple[int, int]) -> Value:
        """Give an object of a library as that object; fill one of a class of the program from outside."""
        owners = [kind for kind in annotated.types if isinstance(kind, Class)]
        if owners and not all(ENUMS.intersection(owner.ancestors_outside()) for owner in owners):
            taints = self.machine.sourced(point.entry.label, point.entry.trust, frame, at, SCHEMED)
            return annotated.but(taints=taints)
        return annotated

    def rounds(self, starts: Callable[[], None]) -> None:
        """Run everything; then again what looks at a field in which a label was stored meanwhile."""
        starts()
        for _ in range(MOST_ROUNDS - 1):
            touched = set(self.machine.touched)
            self.machine.touched.clear()
            again = {key for key, reads in self._reads.items() if not reads.isdisjoint(touched)}
            if not again:
                return
            summaries = self.machine.summaries
            for name in [name for name, summary in summaries.items() if not summary.reads.isdisjoint(touched)]:
                del summaries[name]
            self._started -= again
            for key in again:
                self._entered.pop(key, None)
            self._entries_done = 0
            self.run_entries()
            for key in sorted(again):
                if key in self.machine.closures:
                    self.start(self.machine.closures[key])

    def guarded(self, module: Module, line: int, work: Callable[[], object]) -> None:
        """Do something within the budget; what goes wrong is listed and stops nothing else."""
        machine = self.machine
        machine.total += machine.work
        machine.work = 0
        if machine.total > self.allowed:
            self.skip(module, 0, Why.BUDGET, "too much work in this part of the program; flows may be missing")
            return
        try:
            work()
        except OutOfBudget:
            self.skip(module, line, Why.BUDGET, "too much work from here; flows may be missing")
        except RecursionError:
            self.skip(module, line, Why.BUDGET, "nested too deeply from here; flows may be missing")
        except Exception as error:  # noqa: BLE001 -- a fault of ours in one place must not hide the others
            self.skip(module, line, Why.INTERNAL, fault(error))
        machine.running.clear()

    def cut(self) -> Iterator[Skipped]:
        """Yield the files of which only a part was looked into, because they are too deep or too long."""
        for path, module in sorted(self.program.modules.items()):
            if module.lowering.cut:
                yield Skipped(path, 0, Why.BUDGET, "nested too deeply, or too long; flows may be missing")

    def skip(self, module: Module, line: int, why: Why, detail: str) -> None:
        """List what was not followed."""
        self.skipped.append(Skipped(module.path, line, why, detail))


def stands(module: Module, convention: Convention) -> bool:
    """Tell whether the names that a convention is known by stand in a file."""
    data = module.source.data
    if convention.words:
        return any(word.encode() in data for word in convention.words)
    called = not convention.functions or any(name.encode() in data for name in convention.functions)
    return called and all(name.encode() in data for name in convention.parameters)


def imports(module: Module, tops: Collection[str]) -> bool:
    """Tell whether a file imports one of these modules."""
    return any(top.encode() in module.source.imported for top in tops)


def fault(error: BaseException) -> str:
    """Give the type of an exception and the place in casemate where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} in {place}"


def identifiers(source: Source, word: str, stands: Check | None = None) -> Iterator[Node]:
    """Yield the identifiers of a file that are this word, found by bytes first, and that stand as they must."""
    wanted = word.encode()
    data, root = source.data, source.tree.root_node
    place = data.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        alone = not word_byte(data, place - 1) and not word_byte(data, end)
        if alone and (stands is None or stands(data, place, end)):
            node = root.descendant_for_byte_range(place, end)
            if node is not None and node.type == "identifier":
                yield node
        place = data.find(wanted, end)


def calls_with(node: Node, having: re.Pattern[bytes]) -> bool:
    """Tell whether a pattern stands in the call of an identifier, from its name on; of what is no call it may.

    So it may in a call without end: calls in one another would be looked through for each of them.
    """
    called = node
    while called.parent is not None and called.parent.type in {"attribute", "call"}:
        called = called.parent
        if called.type == "call":
            if called.end_byte - called.start_byte > LONGEST_CALL:
                return True
            return having.search((called.text or b"")[node.start_byte - called.start_byte :]) is not None
    return True


def word_byte(data: bytes, place: int) -> bool:
    """Tell whether a byte belongs to a word."""
    if not 0 <= place < len(data):
        return False
    byte = data[place]
    return byte == 0x5F or byte >= 0x80 or chr(byte).isalnum()

"""Calls into libraries: the model says what arrives where, what comes out, and what is harmless afterwards."""

from __future__ import annotations

from dataclasses import replace

from casemate.libraries import Condition, Model, Sink, When
from casemate.readers.code import ir
from casemate.readers.code.flow import pages, paths
from casemate.readers.code.flow.base import Arguments, Seen
from casemate.readers.code.flow.calls import NO_KINDS
from casemate.readers.code.flow.commands import Commands, spreads_words
from casemate.readers.code.flow.containers import numbered
from casemate.readers.code.flow.program import Class
from casemate.readers.code.flow.state import Cell, Frame, Heap, SinkHit, State, cells, reach
from casemate.readers.code.flow.values import (
    UNKNOWN_VALUE,
    Closure,
    Decorating,
    Origin,
    Outside,
    Partial,
    Reference,
    Step,
    Taint,
    Value,
    cleared,
    constant,
    merge_taints,
    ordered,
    typed,
)

MOST_ORIGINS = 32  # of one kind of source that are kept for one sink
MOST_CONTEXTS = 32  # of one call that are kept
FUNCTIONS = frozenset({"func", "function", "fn", "callback", "callable", "target"})
HOSTED = frozenset({"url", "redirect"})
LED = {"url": frozenset({"led", "led by a path"}), "redirect": frozenset({"led by a path"})}  # links that fix the host
# What `get_safe_redirect` or `safe_join` of a library that is not followed is for.
SAID = (("redirect", "redirect"), ("join", "path"), ("path", "path"), ("filename", "path"))
OPENED = frozenset({"io.BytesIO", "io.StringIO", "io.TextIOWrapper", "werkzeug.datastructures.FileStorage"})


class Libraries(Commands):
    """Applies models."""

    def apply_outside(
        self, name: str, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> Value:
        """Call something of a library by its model."""
        name = self.library.canonical(name)
        model = self.library.find(name)
        if arguments.rest is not None:
            arguments = self.unrolled(model, arguments, frame, node)
        self.note(model.name if model is not None else name, receiver, arguments, frame, node)
        passed: dict[str, Value] = {}
        if model is not None and model.parameters is not None:
            passed = self.bind(model, receiver, arguments, frame)
            for sink in model.sinks:
                shown = pages.shown(passed, frame) if sink.kind == "html" else None
                if self.holds(sink.when, passed, sure=True) if shown is None else shown:
                    self.receive(sink, model, passed, frame, node)
        native = self.builtin(name, receiver, arguments, frame, node)
        if native is not None:
            return native
        if model is None or model.parameters is None:
            self.receive_statement(name.rpartition(".")[2], name, arguments, frame, node)
            return self.unmodelled(name, model, receiver, arguments, frame)
        through = self.called_through(model, receiver, arguments, frame, node) if "calls" in model.tags else None
        started = through or (self.start(model, passed) if model.entry is not None else None)
        if started is not None:
            return started
        result = paths.folded(name, receiver, arguments, self.result(model, passed, frame, node))
        if model.raises:
            frame.state = None
        if "converts" in model.tags and names_number(passed.get("type")):
            return Value(types=frozenset({"int"}))
        return result

    def called_through(
        self, model: Model, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> Value | None:
        """Call what is passed to be called: `run_in_executor(None, function, *arguments)`, `task.delay(*arguments)`."""
        parameters = model.parameters or ()
        place = next((place for place, name in enumerate(parameters) if name in FUNCTIONS), None)
        if "args" in parameters:
            self.call_later(model, receiver, arguments, frame, node)
            return None
        if place is None and receiver is not None:
            self.call_task(receiver, arguments, frame, node)
            return None
        if place is None or len(arguments.positional) <= place or not arguments.positional[place].references:
            return None
        keywords = tuple((name, value) for name, value in arguments.keywords if name not in parameters)
        passed = arguments._replace(positional=arguments.positional[place + 1 :], keywords=keywords)
        return self.call(arguments.positional[place], passed, frame, node)

    def call_later(
        self, model: Model, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> None:
        """Call what is given its arguments as a list: `Thread(target=function, args=…)`, `task.apply_async(args=…)`."""
        passed = self.bind(model, None, arguments, frame)
        function = next((value for name, value in passed.items() if name in FUNCTIONS), receiver)
        if function is None:
            return
        words = cells(passed.get("args", UNKNOWN_VALUE), frame.now)
        exact = len(words) == 1 and words[0].exact
        rest = None if exact or "args" not in passed else self.element(passed["args"], frame)
        named = cells(passed.get("kwargs", UNKNOWN_VALUE), frame.now)
        keywords = tuple((str(key[1]), value) for cell in named[:1] for key, value in cell.items.items())
        positional = tuple(words[0].items.values()) if exact else ()
        self.call_task(function, Arguments(positional, keywords, rest, None), frame, node)

    def call_task(self, function: Value, arguments: Arguments, frame: Frame, node: ir.Call) -> None:
        """Call a function of the program somewhere else: nothing comes back, and what it raises is not seen here."""
        before = frame.state
        for reference in ordered(function.references):
            if isinstance(reference, Closure):
                parameters = reference.function.definition.parameters
                itself = reference.receiver is None and bool(parameters) and parameters[0].name == "self"
                known = (UNKNOWN_VALUE, *arguments.positional) if itself else arguments.positional
                self.call_closure(reference, arguments._replace(positional=known), frame, node.at)
            elif isinstance(reference, Partial):
                self.call_partial(reference, arguments, frame, node)
        frame.state = frame.state or before

    def note(self, name: str, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call) -> None:
        """Remember the call for rules and capabilities; what was seen where analysis started counts most."""
        if self.told is not None:
            self.told(frame, name)
        calls = self.seen.setdefault(frame.module.path, {}).setdefault(node.at, [])
        heap = Heap()
        for value in (*arguments.every(), *((receiver,) if receiver is not None else ())):
            held(value, frame.now, heap)
        where = frame.function.qualified if frame.function is not None else ""
        seen = Seen(name, node, arguments, receiver, where, State({}, heap), frame.root)
        if self.every_context:
            if len(calls) < MOST_CONTEXTS:
                calls.append(seen)
            return
        for place, old in enumerate(calls):
            if old.name == name:
                if frame.root or not old.root:
                    calls[place] = seen
                return
        calls.append(seen)

    def unmodelled(
        self, name: str, model: Model | None, receiver: Value | None, arguments: Arguments, frame: Frame
    ) -> Value:
        """Let what is not modelled give out what goes in. A capital letter makes a type."""
        groups = [tuple(taint._replace(sure=False) for taint in reach(v, frame.now)) for v in arguments.every()]
        if receiver is not None:
            groups.append(receiver.taints)
        elif name.endswith(".abort"):  # of whatever extension of a framework
            frame.state = None
        if model is not None or name.rpartition(".")[2][:1].isupper():
            modelled = model is not None or self.library.known(name)
            return Value(types=frozenset({name}), taints=() if modelled else merge_taints(groups))
        return Value(taints=cleared(merge_taints(groups), said_safe(name)))

    def receive(self, sink: Sink, model: Model, passed: dict[str, Value], frame: Frame, node: ir.Call) -> None:
        """Let the argument that a sink names arrive in it."""
        if sink.kind == "argument":
            if sink.argument in passed:
                self.receive_words(sink, model, passed, frame, node)
            return
        values = list(passed.items()) if sink.argument == "*" else [(sink.argument, passed.get(sink.argument))]
        for argument, value in values:
            if value is None or (sink.argument == "*" and argument in {"self", "**"}):
                continue
            wanted = self.chosen_names(frame, node) if argument == "**" else self.part(value, sink, frame)
            if sink.kind == "deserialization" and takes_path(model, argument):
                wanted = chosen_whole(wanted)
            self.arrive(sink.kind, model.name, argument, wanted, frame, node.at)

    def part(self, value: Value, sink: Sink, frame: Frame) -> Value:
        """Give what of an argument the sink means."""
        if sink.keys:
            return Value(taints=merge_taints([self.element(value, frame).taints]))
        if sink.item is None or not value.objects:
            return value
        wanted = constant(sink.item)
        if not value.taints and not any(
            cell.exact or wanted.constant in cell.items for cell in cells(value, frame.now)
        ):
            return Value()  # a list of which nobody knows what stands where: the rest of it is no first element
        return self.item(value, wanted, frame)

    def chosen_names(self, frame: Frame, node: ir.Call) -> Value:
        """Give the names that `**` brings and the program did not write."""
        saved, frame.state = frame.state, frame.now.copy()
        spread = [self.evaluate(part, frame) for name, part in node.keywords if not name]
        names = [self.element(value, frame).taints for value in spread]
        frame.state = saved
        return Value(taints=merge_taints(names))

    def arrive(  # noqa: PLR0913, PLR0917 -- what a finding says
        self, kind: str, name: str, argument: str, value: Value, frame: Frame, at: ir.At, item: int | None = None
    ) -> None:
        """Let a value arrive in a sink; `item` is its place among the words of a command."""
        taints = reach(value, frame.now)
        if not taints or (kind in HOSTED and fixed_host(value.prefix, kind)):
            return
        if value.types and value.types <= {"int", "float", "bool"}:
            return
        if kind == "sql" and value.types == frozenset({"string.templatelib.Template"}):
            return  # a driver binds the values of a template
        if kind in HOSTED and value.link is not None and value.link[0] in LED[kind]:
            return
        if kind in {"path", "url"} and any(str(owner) in OPENED for owner in value.types):
            return  # a stream in the place of a path is read as it is
        for taint in taints:
            if taint.dangerous(kind):
                way = taint._replace(step=Step(frame.module, at, f"arrives in {name}", taint.step))
                self.hit(SinkHit(kind, name, argument, frame.module, at, way, item), frame)

    def hit(self, hit: SinkHit, frame: Frame) -> None:
        """Keep what arrived: for the report if the source is known, for the summary if it is a parameter."""
        key = (hit.kind, hit.module.path, hit.at, hit.argument, hit.item, hit.taint.origin)
        store = self.hits if isinstance(hit.taint.origin, Origin) else frame.hits
        old = store.get(key)
        if old is None and isinstance(hit.taint.origin, Origin):
            alike = (*key[:-1], hit.taint.origin.label, hit.taint.origin.trust, hit.taint.sure)
            self.arrived[alike] += 1
            if self.arrived[alike] > MOST_ORIGINS:
                return  # a place is reported once, with one of them
        if old is None or (hit.taint.sure and not old.taint.sure):
            store[key] = hit

    def bind(self, model: Model, receiver: Value | None, arguments: Arguments, frame: Frame) -> dict[str, Value]:
        """Give arguments by the names of the model; `self` is the receiver."""
        passed: dict[str, Value] = {} if receiver is None else {"self": receiver}
        self.bind_positions(passed, model, arguments, frame)
        bind_names(passed, model.parameters or (), arguments, frame)
        return passed

    def bind_positions(self, passed: dict[str, Value], model: Model, arguments: Arguments, frame: Frame) -> None:
        """Add the arguments by position; the words of a command stay apart."""
        waiting = list(arguments.positional)
        for parameter in model.parameters or ():
            if parameter == "*" or parameter.startswith("**"):
                break
            if parameter.startswith("*"):
                extra = [*waiting, *((arguments.rest,) if arguments.rest is not None else ())]
                if extra and spreads_words(model):
                    cell = Cell("tuple", numbered(waiting), arguments.rest, {}, exact=arguments.rest is None)
                    passed[parameter] = Value(objects=frozenset({self.allocate(frame.now, cell)}))
                elif extra:
                    passed[parameter] = together(extra, frame)
                break
            if waiting:
                passed[parameter] = waiting.pop(0)
            elif arguments.rest is not None:
                passed[parameter] = arguments.rest

    def holds(self, when: When, passed: dict[str, Value], *, sure: bool) -> bool:
        """Tell whether the conditions of a row are met; `sure` decides about what cannot be told."""
        return all(self.meets(condition, passed.get(name), sure=sure) for name, condition in when)

    def meets(self, condition: Condition, value: Value | None, *, sure: bool) -> bool:  # noqa: PLR0911 -- one line for each way to fail
        """Tell whether one argument meets a condition."""
        if condition.missing is not None and condition.missing != (value is None):
            return False
        if value is None:
            if not condition.has_default:
                return condition.missing is True or (condition.among is None and condition.contains is None)
            value = constant(condition.default)
        names = {reference.name for reference in value.references if isinstance(reference, Outside)}
        constants = {item[1] for item in value.constants} if value.constants is not None else None
        if constants is None and not names:
            return not sure or (condition.among is None and condition.contains is None)
        known = (constants or set()) | {self.library.canonical(name) for name in names}
        if condition.among is not None and not any(item in condition.among for item in known):
            return False
        if condition.outside is not None and all(item in condition.outside for item in known):
            return False
        texts = [str(item) for item in known]
        if condition.contains is not None and not any(part in text for text in texts for part in condition.contains):
            return False
        return not (condition.lacks is not None and all(part in t for t in texts for part in condition.lacks))

    def result(self, model: Model, passed: dict[str, Value], frame: Frame, node: ir.Call) -> Value:
        """Give what comes out of a call."""
        if model.source is not None and self.holds(model.source.when, passed, sure=True):
            taints = self.of_source(model.source, model, frame, node.at)
            default = passed.get("default") if self.every_context else None
            return Value(
                constants=default.constants if default is not None else None,
                taints=taints,
                types=frozenset({model.returns} if model.returns else ()),
            )
        into = [taint for way in model.propagates for taint in self.carried(way, model, passed, frame)]
        taints = merge_taints([tuple(into)])
        if "decodes" in model.tags:  # what was harmless by its form may be anything now
            taints = merge_taints([tuple(taint._replace(cleared=NO_KINDS) for taint in taints)])
        if model.sanitizes:
            if not model.propagates:
                taints = merge_taints(reach(value, frame.now) for key, value in passed.items() if key != "self")
            taints = cleared(taints, model.sanitizes)
        if model.returns == "self":
            value = passed.get("self", typed(model.name.rpartition(".")[0]))
            return value.but(taints=merge_taints([value.taints, taints])) if taints else value
        if model.returns.startswith("argument "):
            value = passed.get(model.returns.removeprefix("argument "), Value())
            return value.but(taints=taints) if model.propagates or model.sanitizes else value
        return self.made(model, passed, taints)

    def made(self, model: Model, passed: dict[str, Value], taints: tuple[Taint, ...]) -> Value:
        """Give a new object of the type that a call returns."""
        kind = model.returns or (model.name if self.library.is_class(model.name) else "")
        if kind.startswith("instance of "):
            return instance(model.returns.removeprefix("instance of "), passed).but(taints=taints)
        types = frozenset({kind}) if kind else frozenset[str]()
        link = passed["self"].link if model.returns and "self" in passed and of_class(passed["self"]) else None
        prefix = None
        carried = [start for start, end in model.propagates if end == "return"]
        only = next(iter(passed)) if carried == ["*"] and len(passed) == 1 else carried[0] if len(carried) == 1 else ""
        if only in passed:
            origin = passed[only]
            link = (model.name, origin)
            prefix = origin.prefix if "url" in model.tags else None
        return Value(taints=taints, types=types, link=link, prefix=prefix)

    def carried(self, way: tuple[str, str], said: Model, passed: dict[str, Value], frame: Frame) -> tuple[Taint, ...]:
        """Carry labels along one way of a model: to the result, or into an object, which may be cleaned by it."""
        start, end = way
        values = list(passed.values()) if start == "*" else [passed[start]] if start in passed else []
        taints = merge_taints(reach(value, frame.now) for value in values)
        if end == "return":
            return taints
        target = passed.get(end)
        if target is not None and start == end:
            self.relabel(target, cleared(target.taints, said.sanitizes), frame)
        elif target is not None and taints:
            self.relabel(target, merge_taints([target.taints, taints]), frame)
        return ()

    def relabel(self, target: Value, taints: tuple[Taint, ...], frame: Frame) -> None:
        """Give an object these labels wherever a variable holds it."""
        labelled = target.but(taints=taints)
        for name, value in frame.now.variables.items():
            if value is target:
                frame.now.variables[name] = labelled
        for place, cell in frame.now.heap.items():
            for name, value in cell.attributes.items():
                if value is target:
                    frame.now.heap[place] = cell._replace(attributes={**cell.attributes, name: labelled})

    def start(self, model: Model, passed: dict[str, Value]) -> Value | None:
        """Find the function that a framework will call."""
        entry = model.entry
        if entry is None:
            return None
        if entry.when and not self.holds(entry.when, passed, sure=True):
            entry = replace(entry, result="")
        texts = [value.text for key, value in passed.items() if key != "self" and value.text is not None]
        decorating = Decorating(entry, " ".join(texts), model.returns)
        if entry.of == "decorated":
            given = [value for name, value in passed.items() if name != "self"]
            functions = [value for value in given if any(isinstance(r, Closure) for r in value.references)]
            if functions and model.parameters is not None:
                self.enter(functions[0], decorating)
                return self.typed_too(functions[0], model.returns)
            return Value(references=frozenset({decorating}))
        function = passed.get(entry.of)
        if function is not None:
            self.enter(function, decorating)
        return None


def held(value: Value, state: State, heap: Heap, depth: int = 6) -> None:
    """Keep what a value holds, as it is now."""
    for key in value.objects if depth else ():
        cell = state.heap.get(key)
        if cell is not None and not heap.owns(key):
            heap[key] = cell
            for item in cell.items.values():
                held(item, state, heap, depth - 1)


def bind_names(passed: dict[str, Value], parameters: tuple[str, ...], arguments: Arguments, frame: Frame) -> None:
    """Add the arguments by name."""
    others = [value for name, value in arguments.keywords if name not in parameters]
    passed.update(arguments.keywords)
    spread = next((p for p in parameters if p.startswith("**")), "")
    if arguments.others is not None:
        others.append(arguments.others)
        passed["**"] = arguments.others
        for parameter in parameters:
            if not parameter.startswith("*"):
                passed.setdefault(parameter, arguments.others.but())
    if spread and others:
        passed[spread] = together(others, frame)


def said_safe(name: str) -> frozenset[str]:
    """Give the kinds for which a function without a model says by its name that its result is harmless."""
    words = name.rpartition(".")[2].split("_")
    if "safe" not in words:
        return NO_KINDS
    return frozenset(kind for word, kind in SAID if word in words)


def takes_path(model: Model, argument: str) -> bool:
    """Tell whether an argument may be the path of a file as well as an open one."""
    return any(sink.kind == "path" and sink.argument == argument for sink in model.sinks)


def chosen_whole(value: Value) -> Value:
    """Give what chooses a whole path: what adds a name to a folder of the program opens what was put there."""
    if value.prefix:
        return UNKNOWN_VALUE
    taints = tuple(taint for taint in value.taints if taint.dangerous("path"))
    return value if len(taints) == len(value.taints) else value.but(taints=taints)


def instance(argument: str, passed: dict[str, Value]) -> Value:
    """Give an object of the class that was passed; with `owner`, of the class whose attribute the receiver is."""
    given = passed.get("self") if argument == "owner" else passed.get(argument)
    if argument == "owner":
        given = of_class(given)
    references: frozenset[Reference] = given.references if given is not None else frozenset()
    return Value(types=frozenset(reference for reference in references if isinstance(reference, Class)))


def of_class(value: Value | None) -> Value | None:
    """Give the class of the program that a manager of its objects belongs to, None where there is none."""
    return value.link[1] if value is not None and value.link is not None and value.link[0] == "objects of" else None


def names_number(kind: Value | None) -> bool:
    """Tell whether a value is a class whose objects carry no text: `request.args.get("n", type=int)`."""
    names = {reference.name for reference in kind.references if isinstance(reference, Outside)} if kind else set[str]()
    return bool(names) and names <= {"int", "float", "bool", "uuid.UUID"}


def together(values: list[Value], frame: Frame) -> Value:
    """Give one value that carries the labels of several."""
    if len(values) == 1:
        return values[0]
    return Value(taints=merge_taints(reach(value, frame.now) for value in values))


def fixed_host(prefix: str | None, kind: str) -> bool:
    """Tell whether the known beginning of a URL already decides where it leads."""
    if not prefix:
        return False
    scheme, found, rest = prefix.partition("://")
    if found and scheme.isalnum():
        return any(mark in rest for mark in "/?#")
    if prefix.startswith("/"):
        return len(prefix) > 1 and not prefix.startswith(("/\\", "//"))
    return kind == "redirect" and prefix.startswith(("?", "#", "./", "../"))

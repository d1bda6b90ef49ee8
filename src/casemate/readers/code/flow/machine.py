"""The interpreter as a whole: names, stores, definitions, modules, and where analysis starts."""

from __future__ import annotations

from collections.abc import Callable

from casemate.libraries import Library
from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments, EntryPoint
from casemate.readers.code.flow.calls import bound
from casemate.readers.code.flow.expressions import Expressions
from casemate.readers.code.flow.functions import Functions, around
from casemate.readers.code.flow.natives import NAMES
from casemate.readers.code.flow.program import Class, Module, Program, dotted
from casemate.readers.code.flow.state import Cell, Frame, Heap, State
from casemate.readers.code.flow.statements import Statements
from casemate.readers.code.flow.summaries import Return, Simple, Summary
from casemate.readers.code.flow.values import (
    PASSED,
    UNKNOWN_VALUE,
    Closure,
    Deferred,
    Member,
    Outside,
    Reference,
    Token,
    Value,
    constant,
    join,
    join_all,
    kinds_in_order,
    merge_taints,
    ordered,
    outside,
    typed,
)

NO_ARGUMENTS = Arguments((), (), None, None)
WRAPPERS = frozenset({"Optional", "Annotated", "Final", "ClassVar", "Union", "Awaitable", "Required", "NotRequired"})
IGNORED = frozenset({"typing.Any", "object", "None"})


class Machine(Functions, Expressions, Statements):
    """One analysis of one program."""

    def __init__(self, library: Library, program: Program) -> None:
        """Begin with nothing analysed."""
        super().__init__(library, program)
        self.enters: Callable[[str], bool] = lambda _: True  # whether a framework may call functions of a file
        self.summaries: dict[object, Summary] = {}
        self.running: dict[object, bool] = {}
        self.shapes: dict[object, int] = {}
        self.numbers: dict[object, int] = {}
        self.simple: Simple = {}
        self.fresh_token = 0
        self.last_return: Return
        self.classes: dict[tuple[str, int], Class] = {}
        self.harmless: set[tuple[str, int]] = set()  # decorators of the program that were seen to change nothing else
        self.made_of: dict[object, Value] = {}
        self.settled: set[int] = set()  # numbers of frames

    def lookup(self, name: str, frame: Frame) -> Value | None:
        """Give the value of a name, None where nothing is known of it."""
        here = frame.now.variables
        value = here.get(name) if not frame.outer_names.get(name) else None
        if value is not None:
            return self.resolved_import(name, value, frame)
        outer = frame.outer
        while outer is not None and outer.function is not None:
            value = outer.now.variables.get(name)
            if value is not None:
                return self.opened(self.adopt(value, outer.now, frame), frame)
            outer = outer.outer
        return self.of_module_scope(name, frame)

    def resolved_import(self, name: str, value: Value, frame: Frame) -> Value:
        """Look into an import when it is first used."""
        if any(isinstance(reference, Member) for reference in value.references):
            value = self.opened(value, frame)
            frame.now.variables[name] = value
        return value

    def of_module_scope(self, name: str, frame: Frame) -> Value | None:
        """Look a name up in the module, then among the builtins."""
        module = frame.module
        source = self.module_frame(module)
        value = source.now.variables.get(name) if source is not frame else None
        if value is not None:
            if name in module.written_globals:
                value = join(value.but(), module.globals[name]) if name in module.globals else value
                value = Value(
                    taints=value.taints, types=value.types, references=value.references, objects=value.objects
                )
            return self.opened(self.adopt(value, source.now, frame), frame)
        if name in module.globals:
            return module.globals[name]
        if name in NAMES:
            return outside(name)
        return constant(frame.module.path) if name == "__file__" else None

    def adopt(self, value: Value, source: State, frame: Frame) -> Value:
        """Bring a value of another state into this one, with the objects it holds."""
        heap = frame.now.heap
        if source.heap is heap or not value.objects:
            return value
        waiting = [value]
        while waiting:
            current = waiting.pop()
            for key in current.objects:
                cell = source.heap.get(key)
                if cell is not None and key not in heap:
                    heap[key] = cell
                    waiting += cell.everything()
        return value

    def assign(self, target: ir.Expr, value: Value, frame: Frame) -> None:
        """Store a value."""
        match target:
            case ir.Name():
                self.assign_name(target, value, frame)
            case ir.Attr():
                owner = self.evaluate(target.value, frame)
                self.keep_attribute(target, owner, value, frame)
                self.set_field(
                    owner,
                    target.name,
                    self.stepped(frame, target.at, f"stored in .{target.name}", value),
                    frame,
                    target.at,
                )
            case ir.Item():
                owner = self.evaluate(target.value, frame)
                index = self.evaluate(target.key, frame)
                self.store(owner, index, self.stepped(frame, target.at, "stored in a container", value), frame)
                self.set_item_of_library(owner, index, value, frame, target)
            case ir.Sequence():
                self.unpack(target, value, frame)
            case ir.Star():
                self.assign(target.value, self.listed([value], frame), frame)
            case _:
                return

    def keep_attribute(self, target: ir.Attr, owner: Value, value: Value, frame: Frame) -> None:
        """Remember the object in an attribute, `self.db = connect()`, of an instance that only its class is known of.

        It stands among the variables, under a name that none has.
        """
        if owner.objects or frame.function is None or not isinstance(target.value, ir.Name):
            return
        name = f"{target.value.id}.{target.name}"
        frame.now.variables.pop(name, None)
        objects = any(isinstance(kind, Class) or "." in kind for kind in value.types)
        if objects and any(isinstance(kind, Class) for kind in owner.types):
            frame.now.variables[name] = value
            frame.keeps = True

    def assign_name(self, target: ir.Name, value: Value, frame: Frame) -> None:
        """Store in a variable of this frame, of an enclosing one, or of the module."""
        value = self.stepped(frame, target.at, f"assigned to {target.id}", value)
        scope = frame.outer_names.get(target.id)
        if scope is None:
            frame.now.variables[target.id] = value
        elif scope:
            self.stores += 1
            module = frame.module
            old = module.globals.get(target.id)
            module.globals[target.id] = value if old is None else join(old, value)
            frame.now.variables[target.id] = value
        else:
            self.stores += 1
            outer = frame.outer
            while outer is not None and target.id not in outer.now.variables and outer.outer is not None:
                outer = outer.outer
            if outer is not None:
                old = outer.now.variables.get(target.id)
                outer.now.variables[target.id] = value if old is None else join(old, value)
            frame.now.variables[target.id] = value

    def set_item_of_library(self, owner: Value, index: Value, value: Value, frame: Frame, target: ir.Item) -> None:
        """`response.headers["X"] = value` is a call of `__setitem__`."""
        for kind in kinds_in_order(owner.types):
            if isinstance(kind, str) and self.library.member(kind, "__setitem__") is not None:
                call = ir.Call(target.at, target, (), ())
                arguments = Arguments((index, value), (), None, None)
                self.apply_outside(f"{kind}.__setitem__", owner, arguments, frame, call)
            elif isinstance(kind, Class):
                self.special(owner, "__setitem__", (index, value), frame, target.at)

    def unpack(self, target: ir.Sequence, value: Value, frame: Frame) -> None:
        """Store each part: `a, *b = value`."""
        star = next((place for place, part in enumerate(target.items) if isinstance(part, ir.Star)), None)
        items = self.exact_list(value, frame)
        for place, part in enumerate(target.items):
            if star is None or place < star:
                index = place
            elif place > star and items is not None:
                index = len(items) - len(target.items) + place
            elif items is not None:
                rest = items[star : len(items) - len(target.items) + star + 1]
                self.assign(ir.Star(part.at, part), UNKNOWN_VALUE, frame)
                self.assign(part.value if isinstance(part, ir.Star) else part, self.exact_items(rest, frame), frame)
                continue
            else:
                inner = part.value if isinstance(part, ir.Star) else part
                element = self.element(value, frame)
                self.assign(inner, self.listed([element], frame) if isinstance(part, ir.Star) else element, frame)
                continue
            self.assign(part, self.item(value, constant(index), frame), frame)

    def set_field(self, value: Value, name: str, item: Value, frame: Frame, at: ir.At = (0, 0)) -> None:
        """Store an attribute: in the object, or in what is known of all objects of the class."""
        self.mutate(value, frame, lambda cell: cell._replace(attributes={**cell.attributes, name: item}))
        for kind in kinds_in_order(value.types):
            if isinstance(kind, str) and self.library.member(kind, name) is not None:
                model = self.library.member(kind, name)
                for sink in model.sinks if model is not None and model.parameters is None else ():
                    self.arrive(sink.kind, f"{kind}.{name}", name, item, frame, at)
            shared = self.shared(kind, frame) if isinstance(kind, str) else None
            if shared is not None:
                self.share_field(shared, name, long_passed(item))
        if not value.objects:
            for reference in ordered(value.references):
                if isinstance(reference, Class):
                    self.stores += 1
                    old = reference.members.get(name)
                    reference.members[name] = item if old is None else join(old, item)

    def define(self, node: ir.Define, frame: Frame) -> None:
        """`def`: the decorators are applied from the last to the first."""
        value = self.function_value(node.function, frame)
        for decorator in reversed(node.function.decorators):
            value = self.decorated(decorator, value, frame)
        frame.now.variables[node.function.name] = value

    def decorated(self, decorator: ir.Expr, value: Value, frame: Frame) -> Value:
        """Apply one decorator; one that is not known leaves the function what it is."""
        if isinstance(decorator, ir.Attr) and decorator.name in {"setter", "deleter", "getter"}:
            return self.marked("property", value)
        maker = decorator.function if isinstance(decorator, ir.Call) else decorator
        makers = self.evaluate(maker, frame).references
        if makers and all(isinstance(maker, Outside) and self.unheard_of(maker.name) for maker in makers):
            return value
        own = frozenset(reference for reference in map(definition, makers) if reference is not None)
        if frame.function is None and len(own) == len(makers) and own and own <= self.harmless:
            return self.deferred(decorator, makers, value, frame)
        youngest = self.fresh
        before = self.effects(frame, youngest)
        result = self.decorated_now(decorator, value, frame)
        if frame.state is not None and self.effects(frame, youngest) == before:
            self.harmless |= own
        return result

    def decorated_now(self, decorator: ir.Expr, value: Value, frame: Frame) -> Value:
        """Call a decorator with a function; where its result is not known, the function may be what it was."""
        callee = self.evaluate(decorator, frame)
        if not callee.references:
            return value
        call = ir.Call(decorator.at, decorator, (), ())
        result = self.call(callee, Arguments((value,), (), None, None), frame, call)
        if all(isinstance(reference, Closure | Deferred) for reference in callee.references):
            return self.replaced(decorator, value, result, frame) if frame.state is not None else value
        return result if any(isinstance(r, Closure | Class) for r in result.references) else value

    def replaced(self, decorator: ir.Expr, value: Value, result: Value, frame: Frame) -> Value:
        """Put what a decorator gave in the place of the function, if that is another function."""
        functions = [reference for reference in value.references if isinstance(reference, Closure)]
        same = any(isinstance(r, Closure) and r.function is f.function for r in result.references for f in functions)
        if len(functions) != 1 or same or not any(isinstance(r, Closure | Class) for r in result.references):
            return join(value, result)
        later = Deferred(decorator, value, functions[0], frame, made=result)
        return join(value, Value(references=frozenset({later}), types=result.types, objects=result.objects))

    def deferred(self, decorator: ir.Expr, makers: frozenset[Reference], value: Value, frame: Frame) -> Value:
        """Put off a decorator that was seen to change nothing else; an object made of a function is no sink."""
        functions = [reference for reference in value.references if isinstance(reference, Closure)]
        if len(functions) != 1 or not all(isinstance(reference, Closure) for reference in makers):
            return value
        later = Deferred(decorator, value, functions[0], frame)
        return Value(
            references=value.references | {later}, taints=value.taints, types=value.types, objects=value.objects
        )

    def forced(self, reference: Deferred) -> Value:
        """Give what a decorator makes of a function, worked out once."""
        key = (
            reference.closure.function.module.path,
            reference.closure.function.definition.node,
            reference.decorator.at,
        )
        made = self.made_of.get(key) if reference.made is None else reference.made
        if made is None:
            self.made_of[key] = UNKNOWN_VALUE  # a decorator that calls what it decorates
            frame = reference.frame
            made = (
                UNKNOWN_VALUE
                if frame.state is None
                else self.decorated_now(reference.decorator, reference.function, frame)
            )
            made = self.made_of[key] = Value(references=made.references - reference.function.references)
        return made if reference.receiver is None else bound(made, reference.receiver)

    def effects(self, frame: Frame, youngest: int) -> tuple[object, ...]:
        """Give what changes where a call does more than give a value; `youngest` is the last object of before."""
        heap = frame.now.heap if frame.state is not None else Heap()
        known = frozenset((key.number, id(cell)) for key, cell in heap.items() if key.number <= youngest)
        return (len(self.entries), len(self.hits), len(frame.hits), self.stores, known)

    def define_class(self, node: ir.DefineClass, frame: Frame) -> None:
        """`class`: run its body where it stands."""
        outer = frame.function.qualified if frame.function is not None else ""
        outer = frame.owner.qualified if frame.function is None and frame.owner is not None else outer
        key = (frame.module.path, node.at[0])
        owner = self.classes.get(key)
        if owner is None:
            owner = self.classes[key] = Class(frame.module, node.at, node.name, dotted(outer, node.name))
        frame.now.variables[node.name] = Value(references=frozenset({owner}))
        if frame.function is None and not self.every_context and not self.enters(frame.module.path):
            owner.later = lambda: self.unhurried(lambda: self.fill_class(owner, node, frame))
        else:
            owner.later = None
            self.fill_class(owner, node, frame)

    def unhurried(self, act: Callable[[], None]) -> None:
        """Do something that is done once and for all, on a budget of its own."""
        work, self.work = self.work, 0
        try:
            act()
        finally:
            self.total += self.work
            self.work = work

    def fill_class(self, owner: Class, node: ir.DefineClass, frame: Frame) -> None:
        """Run the body of a class."""
        if frame.state is None:
            return
        bases = [self.evaluate(base, frame) for base in node.bases]
        references = [reference for base in bases for reference in ordered(base.references)]
        owner.derive(
            tuple(reference for reference in references if isinstance(reference, Class)),
            tuple(self.library.canonical(r.name) for r in references if isinstance(r, Outside)),
        )
        for decorator in node.decorators:
            self.evaluate(decorator, frame)
        inner = Frame(frame.module, None, frame, frame.depth)
        inner.owner = owner
        inner.root = frame.root
        inner.state = State({}, frame.now.heap)
        self.execute(frame.module.lowering.class_body(node.node), inner)
        owner.define(dict(inner.now.variables))
        frame.state = State(frame.now.variables, inner.now.heap)
        share(frame.now)
        self.overrides(owner)

    def overrides(self, owner: Class) -> None:
        """Find the methods that a framework calls because of a base class."""
        for base in owner.ancestors_outside():
            for name, value in owner.members.items():
                model = self.library.member(base, name) or self.library.family(base, name)
                if model is not None and model.entry is not None and model.entry.of == "override":
                    receiver = typed(owner)
                    for reference in ordered(value.references):
                        if isinstance(reference, Closure):
                            closure = Closure(reference.function, reference.frame, receiver)
                            self.entries.append(EntryPoint(closure, model.entry, "", owner.module.path))

    def build(self, owner: Class, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Make an instance of a class of the program."""
        place = self.allocate(frame.now, Cell("object", {}, None, {}, exact=False))
        value = Value(types=frozenset({owner}), objects=frozenset({place}))
        method = owner.member("__init__")
        for reference in ordered(method.references) if method is not None else ():
            if isinstance(reference, Closure):
                self.call_closure(Closure(reference.function, reference.frame, value), arguments, frame, node.at)
                return value
        names = list(dict.fromkeys(name for line in reversed(list(owner.line())) for name in line.annotated))
        bases = owner.ancestors_outside()
        for name, item in [*zip(names, arguments.positional, strict=False), *arguments.keywords]:
            if not any(self.library.member(base, name) for base in bases):  # else the library says what it is
                self.set_field(value, name, item, frame)
        for base in bases:
            if self.told is not None:
                self.told(frame, f"{base}.__init__")
            if self.library.member(base, "__init__") is not None:
                self.apply_outside(f"{base}.__init__", value, arguments, frame, node)
        return value

    def field(self, owner: Class, name: str, frame: Frame) -> Value | None:
        """Give what the methods of a class store in a field, None where none does."""
        found: list[Value] = []
        for line in owner.line():
            self.fill(line)
            self.reads.add((line, name))
            if name in line.fields:
                found.append(self.opened(self.adopt(line.fields[name], line.store, frame), frame))
        return join_all(found) if found else None

    def shared(self, kind: str, frame: Frame) -> Class | None:
        """Give what stands for all objects of a type of a library that keep what the program stores: `flask.g`."""
        if kind not in self.sharing:
            model = self.library.models.get(kind)
            shares = model is not None and "shared" in model.tags
            self.sharing[kind] = Class(frame.module, (0, 0), kind, kind) if shares else None
        return self.sharing[kind]

    def fill(self, owner: Class) -> None:
        """Run the constructor of a class once, to know the types of its fields."""
        if owner.filled:
            return
        owner.filled = True
        method = owner.members.get("__init__")
        for reference in ordered(method.references) if method is not None else ():
            if isinstance(reference, Closure):
                self.start_method(reference, owner, {})

    def start_method(self, closure: Closure, owner: Class, given: dict[str, Value]) -> Frame:
        """Run a method on an instance of which nothing is known but its class."""
        frame = Frame(closure.function.module, closure.function, closure.frame, 0)
        cell = Cell("object", {}, None, {}, exact=False)
        place = self.allocate(frame.now, cell)
        receiver = Value(types=frozenset({owner}), objects=frozenset({place}))
        names = [parameter.name for parameter in closure.function.definition.parameters]
        bound = Closure(closure.function, closure.frame, receiver)
        variables = self.typed_parameters(bound, frame)
        variables.update(given)
        if names and closure.function.kind != "staticmethod":
            variables[names[0]] = receiver
        inner = self.activation(bound, variables, frame.now, 0)
        inner.root = True
        self.run_body(inner)
        _, state = self.outcome(inner)
        for name, value in state.heap[place].attributes.items() if place in state.heap else ():
            self.keep_field(owner, name, value, state)
        return inner

    def keep_field(self, owner: Class, name: str, value: Value, state: State) -> None:
        """Remember what a method stored in a field."""
        old = owner.fields.get(name)
        new = value if old is None else join(old, value)
        if old is None or not new.same(old):
            self.stores += 1
            owner.fields[name] = new
            share(state)
            if value.taints:
                self.touched.add((owner, name))

    def share_field(self, owner: Class, name: str, value: Value) -> None:
        """Remember what was stored where all see it: not which constant or which object, since others store as well.

        What reads it is run again for an object as for a label: who stores it may well be looked at last.
        """
        known = owner.fields[name].types if name in owner.fields else frozenset[str | Class]()
        value = Value(taints=value.taints, types=value.types, references=value.references)
        self.keep_field(owner, name, value, State({}))
        if any(isinstance(kind, Class) or "." in kind for kind in value.types - known):
            self.touched.add((owner, name))

    def settle_around(self, frame: Frame | None) -> None:
        """Mark what stands for arguments in the bodies around a function that is called when these have long ended.

        No call that is still being summarised will ever say what was passed.
        """
        for outer in around(frame):
            if outer.function is None or outer.number in self.settled or outer.state is None:
                continue
            self.settled.add(outer.number)
            state = outer.state
            for name, value in state.variables.items():
                state.variables[name] = long_passed(value)
            for place, cell in state.heap.items():
                state.heap[place] = cell.mapped(long_passed)

    def typed_parameters(self, closure: Closure, frame: Frame) -> dict[str, Value]:
        """Give the parameters of a function that nobody is known to call: their types, and their defaults' types."""
        found: dict[str, Value] = {}
        home = self.home(closure)
        for parameter in closure.function.definition.parameters:
            kind = self.annotated_type(parameter.annotation, home)
            if parameter.kind == "*":
                kind = self.listed([UNKNOWN_VALUE], frame)
            found[parameter.name] = kind if kind is not None else UNKNOWN_VALUE
        return found

    def annotated_type(self, annotation: ir.Expr | None, frame: Frame) -> Value | None:  # noqa: PLR0911 -- one line for each kind
        """Give an unknown value of the type that an annotation names, None where that says nothing."""
        if annotation is None or frame.state is None:
            return None
        match annotation:
            case ir.Binary() if annotation.operator == "|":
                parts = [self.annotated_type(part, frame) for part in (annotation.left, annotation.right)]
                known = [part for part in parts if part is not None]
                return join_all(known) if known else None
            case ir.Item():
                last = annotation.value
                name = last.name if isinstance(last, ir.Attr) else last.id if isinstance(last, ir.Name) else ""
                if name in WRAPPERS:
                    inner = annotation.key
                    first = inner.items[0] if isinstance(inner, ir.Sequence) and inner.items else inner
                    return self.annotated_type(first, frame)
                return self.annotated_type(last, frame)
            case ir.Name() | ir.Attr():
                return instance_of(self.quiet(annotation, frame).references, self.library)
            case ir.Const() if isinstance(annotation.value, str):
                return self.annotated_type(written(annotation), frame)
            case _:
                return None

    def module_frame(self, module: Module) -> Frame:
        """Give the frame of a module whose body was executed."""
        if module.frame is None:
            depth = 0 if self.enters(module.path) else 1  # a factory may hold what a framework calls
            module.frame = Frame(module, None, None, depth)
            module.frame.root = True
            module.frame.now.variables["__name__"] = UNKNOWN_VALUE
            frame = module.frame
            before, self.executing = self.executing, module.path
            try:
                self.unhurried(lambda: self.execute(module.body, frame))
            finally:
                self.executing = before
            if module.frame.state is None:
                module.frame.state = State({})
            share(module.frame.now)
        return module.frame


def written(annotation: ir.Const) -> ir.Expr | None:
    """Give the dotted name that an annotation in quotes is."""
    first, *rest = str(annotation.value).split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return None
    found: ir.Expr = ir.Name(annotation.at, first)
    for part in rest:
        found = ir.Attr(annotation.at, found, part)
    return found


def long_passed(value: Value) -> Value:
    """Give a value whose labels stand for those of an argument as one of which nobody will say what was passed."""
    if not any(isinstance(taint.origin, Token) for taint in value.taints):
        return value
    past = (t._replace(origin=PASSED) if isinstance(t.origin, Token) else t for t in value.taints)
    return value.but(taints=merge_taints([past]))


def definition(reference: Reference) -> tuple[str, int] | None:
    """Name a function or class of the program by where it is defined."""
    match reference:
        case Closure():
            return (reference.function.module.path, reference.function.definition.node)
        case Class():
            return (reference.module.path, reference.at[0])
        case _:
            return None


def share(state: State) -> None:
    """Let all activations see the objects of a module, of a class or of its fields."""
    for place, cell in state.heap.items():
        place.base = cell
    state.heap.clear()


def instance_of(references: frozenset[Reference], library: Library) -> Value | None:
    """Give an unknown instance of what is named."""
    found: list[Value] = []
    for reference in ordered(references):
        if isinstance(reference, Class):
            found.append(typed(reference))
        elif isinstance(reference, Outside) and reference.name not in IGNORED:
            name = library.canonical(reference.name)
            if library.known(name) or name in NAMES:
                found.append(typed(name))
    return join_all(found) if found else None

"""Classes of the program: their bodies, their instances, and what is known of the fields of all of these."""

from __future__ import annotations

from collections.abc import Callable

from casemate.libraries import Library
from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments, EntryPoint
from casemate.readers.code.flow.decorators import Decorators
from casemate.readers.code.flow.program import Class, Program, dotted
from casemate.readers.code.flow.state import Cell, Frame, State
from casemate.readers.code.flow.values import (
    PASSED,
    Closure,
    Outside,
    Token,
    Value,
    join,
    join_all,
    merge_taints,
    ordered,
    typed,
)


class Classes(Decorators):
    """Defines classes, makes instances, and keeps what their methods store."""

    def __init__(self, library: Library, program: Program) -> None:
        """Begin with nothing analysed."""
        super().__init__(library, program)
        self.enters: Callable[[str], bool] = lambda _: True  # whether a framework may call functions of a file
        self.classes: dict[tuple[str, int], Class] = {}

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

    def unhurried(self, act: Callable[[], None]) -> None:
        """Do something that is done once and for all, on a budget of its own."""
        work, self.work = self.work, 0
        try:
            act()
        finally:
            self.total += self.work
            self.work = work

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

    def shared(self, kind: str, frame: Frame) -> Class | None:
        """Give what stands for all objects of a type of a library that keep what the program stores: `flask.g`."""
        if kind not in self.sharing:
            model = self.library.models.get(kind)
            shares = model is not None and "shared" in model.tags
            self.sharing[kind] = Class(frame.module, (0, 0), kind, kind) if shares else None
        return self.sharing[kind]

    def share_field(self, owner: Class, name: str, value: Value) -> None:
        """Remember what was stored where all see it: not which constant or which object, since others store as well.

        What reads it is run again for an object as for a label: who stores it may well be looked at last.
        """
        known = owner.fields[name].types if name in owner.fields else frozenset[str | Class]()
        value = Value(taints=value.taints, types=value.types, references=value.references)
        self.keep_field(owner, name, value, State({}))
        if any(isinstance(kind, Class) or "." in kind for kind in value.types - known):
            self.touched.add((owner, name))


def share(state: State) -> None:
    """Let all activations see the objects of a module, of a class or of its fields."""
    for place, cell in state.heap.items():
        place.base = cell
    state.heap.clear()


def long_passed(value: Value) -> Value:
    """Give a value whose labels stand for those of an argument as one of which nobody will say what was passed."""
    if not any(isinstance(taint.origin, Token) for taint in value.taints):
        return value
    past = (t._replace(origin=PASSED) if isinstance(t.origin, Token) else t for t in value.taints)
    return value.but(taints=merge_taints([past]))

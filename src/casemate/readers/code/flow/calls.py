"""Attributes and calls: what a name on an object is, and where a call goes."""

from __future__ import annotations

from dataclasses import replace

from casemate.libraries import Model
from casemate.libraries import Origin as Source
from casemate.model.finding import Trust
from casemate.readers.code import ir
from casemate.readers.code.flow import paths, sql
from casemate.readers.code.flow.base import Arguments, EntryPoint
from casemate.readers.code.flow.characters import CHOOSING, WRITTEN
from casemate.readers.code.flow.links import textual
from casemate.readers.code.flow.program import Class
from casemate.readers.code.flow.state import Frame, reach
from casemate.readers.code.flow.texts import Texts
from casemate.readers.code.flow.values import (
    TEXT,
    UNKNOWN_VALUE,
    Closure,
    Decorating,
    Deferred,
    Member,
    Method,
    Origin,
    Outside,
    Package,
    Partial,
    Reference,
    Step,
    Super,
    Taint,
    Value,
    cleared,
    constant,
    holder,
    join_all,
    kinds_in_order,
    merge_taints,
    ordered,
    outside,
    typed,
)

LOOKUPS = frozenset(  # methods whose arguments choose among what is there
    {
        "get", "pop", "setdefault", "filter", "filter_by", "find", "find_one", "first", "get_or_404", "where",
        "__getitem__", "getlist", "getall", "get_list", "get_all",
    }
)  # fmt: skip
# Words in the names of methods whose result is made of what they are given: its parts are parts of that.
MAKING = frozenset(
    {
        "parse", "load", "loads", "decode", "deserialize", "unpack", "read", "build", "create", "make", "new", "from",
        "convert", "transform", "clean", "split", "match", "search", "scan", "extract", "validate", "open", "wrap",
        "to",
    }
)  # fmt: skip
TEXTUAL = frozenset({"str", "bytes", "bytearray"})
FORMATS = frozenset({"format", "format_map"})
NATIVE = frozenset({"functools", "contextlib", "abc", "copy", "asyncio", "importlib"})  # known without models
NO_KINDS: frozenset[str] = frozenset()
SCALARS = TEXTUAL | {"int", "float", "bool", "complex"}


class Calls(Texts):
    """Finds attributes and callees."""

    def attribute(self, value: Value, name: str, frame: Frame, at: ir.At) -> Value:
        """Give `value.name`."""
        found: list[Value] = []
        for reference in ordered(value.references):
            if isinstance(reference, Outside) and (value.types or value.taints):
                told = self.library.known(f"{reference.name}.{name}")
            else:
                told = not (isinstance(reference, Method) and value.taints)
            if not told:
                continue  # an object of a known type: the type tells
            inner = self.of_reference(reference, name, frame, at)
            if inner is not None:
                found.append(inner)
        own = [cell.attributes[name] for cell in self.contents(value, frame) if name in cell.attributes]
        if own and len(own) == len(value.objects):
            return join_all([*found, *own])
        found += own
        for kind in kinds_in_order(value.types):
            inner = self.of_type(kind, value, name, frame, at)
            if inner is not None:
                found.append(inner)
        if not found and name in self.library.habits and value.references and not value.taints:
            return typed(self.library.habits[name])  # of a class whose base cannot be told
        if not found:
            return Value(taints=inherited(value.taints), link=(f"attribute {name}", value))
        result = join_all(found)
        return result.but(link=(f"attribute {name}", value)) if result.link is None else result

    def unheard_of(self, name: str) -> bool:
        """Tell whether a name is of a library without any model: what it decorates stays what it is."""
        top, dot, _ = name.partition(".")
        return bool(dot) and top not in self.library.tops and top not in NATIVE

    def of_reference(self, reference: Reference, name: str, frame: Frame, at: ir.At) -> Value | None:  # noqa: PLR0911 -- one line for each kind
        """Give an attribute of what a reference refers to."""
        match reference:
            case Outside():
                if name in self.library.habits and self.unheard_of(reference.name):
                    return None  # `from shop.models import Person`: its file is not here
                return self.outside_value(f"{reference.name}.{name}", frame, at)
            case Package():
                return self.of_module(reference, name, frame)
            case Class():
                return self.of_class(reference, name, frame)
            case Super():
                return self.of_super(reference, name)
            case Method():
                return outside(f"{reference.owner}.{reference.name}.{name}")
            case Closure() | Decorating() | Member() | Deferred() | Partial():
                return None

    def outside_value(self, name: str, frame: Frame, at: ir.At) -> Value:
        """Give a name of a library: by its model an object of a type, or a source."""
        name = self.library.canonical(name)
        if name in WRITTEN:
            return constant(WRITTEN[name])
        model = self.library.find(name)
        result = outside(name)
        if model is None or model.parameters is not None:
            return result
        taints = self.of_source(model.source, model, frame, at) if model.source is not None else ()
        types = frozenset({model.type}) if model.type else frozenset[str]()
        return Value(references=result.references, types=types, taints=taints)

    def of_source(self, source: Source, model: Model, frame: Frame, at: ir.At) -> tuple[Taint, ...]:
        """Give the label of what a library says somebody else chose, and for which kinds it is harmless by its form."""
        return self.sourced(source.label, source.trust, frame, at, model.sanitizes)

    def sourced(
        self, label: str, trust: Trust, frame: Frame, at: ir.At, harmless: frozenset[str] = NO_KINDS
    ) -> tuple[Taint, ...]:
        """Give the label of a value that somebody else chose."""
        origin = Origin(frame.module.path, at, label, trust)
        return (Taint(origin, harmless, Step(frame.module, at, label), sure=True),)

    def of_module(self, reference: Package, name: str, frame: Frame) -> Value | None:
        """Give a name of a module of the program."""
        module = reference.module
        source = self.module_frame(module)
        value = source.now.variables.get(name)
        if value is not None:
            return self.opened(self.adopt(value, source.now, frame), frame)
        inner = self.program.resolve(f"{module.name}.{name}", module.path)
        return Value(references=frozenset({Package(inner)})) if inner is not None else None

    def opened(self, value: Value, frame: Frame, depth: int = 8) -> Value:
        """Look into imports that were not looked into yet."""
        if not any(isinstance(reference, Member) for reference in value.references) or depth == 0:
            return value
        found: list[Value] = []
        for reference in ordered(value.references):
            if isinstance(reference, Member):
                source = self.module_frame(reference.module)
                inner = source.now.variables.get(reference.name)
                if inner is not None:
                    found.append(self.opened(self.adopt(inner, source.now, frame), source, depth - 1))
            else:
                found.append(Value(references=frozenset({reference})))
        return join_all(found)

    def of_class(self, owner: Class, name: str, frame: Frame) -> Value | None:
        """Give `Class.name`: a class method is bound to the class."""
        value = owner.member(name)
        if value is None:
            for base in owner.ancestors_outside():
                model = self.library.member(base, name)
                if model is not None:
                    known = outside(f"{base}.{name}")
                    own = ("objects of", Value(references=frozenset({owner})))
                    return (
                        Value(references=known.references, types=frozenset({model.type}), link=own)
                        if model.type
                        else known
                    )
            return None
        itself = Value(references=frozenset({owner}))
        found = [Value(references=frozenset({of_its_class(r, itself)})) for r in ordered(value.references)]
        return join_all(found) if found else self.adopt(value, owner.store, frame)

    def of_super(self, reference: Super, name: str) -> Value | None:
        """Give `super().name`."""
        for owner in list(reference.owner.line())[1:]:
            if name in owner.members:
                return bound(owner.members[name], reference.receiver)
        for base in reference.owner.ancestors_outside():
            if self.library.member(base, name) is not None:
                return Value(references=frozenset({Method(base, name, reference.receiver)}))
        return UNKNOWN_VALUE

    def of_type(self, kind: str | Class, value: Value, name: str, frame: Frame, at: ir.At) -> Value | None:  # noqa: PLR0911 -- one line for each kind
        """Give an attribute of an instance."""
        if isinstance(kind, Class):
            return self.of_instance(kind, value, name, frame, at)
        model = self.library.member(kind, name)
        if name == "parent" and value.constants is not None and kind.startswith("pathlib."):
            return paths.parent(value, Value(taints=value.taints, types=value.types))
        if model is None:
            shared = self.shared(kind, frame)
            kept = self.field(shared, name, frame) if shared is not None else None
            if kept is not None:
                return kept
            dynamic = self.library.member(kind, "__getattr__")
            if dynamic is not None and dynamic.returns and not name.startswith("_"):
                return Value(types=frozenset({dynamic.returns}))
            if kind in TEXTUAL or not self.library.known(kind):
                return Value(taints=value.taints)
            return Value(references=frozenset({Method(kind, name, holder(value))}), taints=value.taints)
        if model.parameters is not None:
            return Value(references=frozenset({Method(kind, name, holder(value))}))
        taints = value.taints if model.source is None and not model.type else ()
        if ("self", "return") in model.propagates or ("*", "return") in model.propagates:
            taints = cleared(value.taints, model.sanitizes) if model.sanitizes else value.taints
        if model.source is not None:
            taints = self.of_source(model.source, model, frame, at)
        types = frozenset({model.type}) if model.type else frozenset[str]()
        return Value(types=types, taints=taints, references=frozenset({Outside(model.name)}))

    def of_instance(self, owner: Class, value: Value, name: str, frame: Frame, at: ir.At) -> Value | None:
        """Give an attribute of an instance of a class of the program."""
        member = owner.member(name)
        field = self.field(owner, name, frame)
        if member is not None and field is None:
            closures = [r for r in ordered(member.references) if isinstance(r, Closure)]
            if closures and closures[0].function.kind == "property":
                closure = Closure(closures[0].function, closures[0].frame, value)
                return self.call_closure(closure, Arguments((), (), None, None), frame, at)
            if not closures and value.taints and name in owner.annotated:
                numeric = member.types and member.types <= {"int", "float", "bool", "complex", "uuid.UUID"}
                return Value(taints=() if numeric else value.taints, types=member.types)
            return bound(member, value) if closures else set_later(self.adopt(member, owner.store, frame))
        if field is not None:
            return field
        for base in owner.ancestors_outside():
            found = self.of_type(base, value, name, frame, at)
            if found is not None and (found.references or found.taints or found.types):
                return found
        return None

    def call_method(self, receiver: Value, name: str, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Call a method by name: of a container, of a text, or what the attribute refers to."""
        if receiver.objects:
            result = self.container_method(receiver, name, arguments, frame)
            if result is not None:
                self.tell_methods(receiver, name, frame)
                return result
        if name == "update" and receiver.link is not None and receiver.link[0] == "attribute __dict__":
            names = [self.element(value, frame) for value in arguments.positional]
            self.arrive("assignment", "__dict__.update", "names", join_all(names), frame, node.at)
        if name in FORMATS and receiver.taints and reveals(arguments):
            self.arrive("format", f"str.{name}", "self", receiver, frame, node.at)
        if not receiver.references and (
            receiver.types <= TEXTUAL if receiver.types else receiver.constants is not None or not receiver.objects
        ):
            result = self.text_method(receiver, name, arguments, frame)
            if result is not None:
                self.tell_methods(receiver, name, frame)
                return result
        callee = self.attribute(receiver, name, frame, node.at)
        if callee.references:
            return self.call(callee, arguments, frame, node)
        self.tell_methods(receiver, name, frame)
        self.receive_statement(name, name, arguments, frame, node)
        result = self.unknown_method(receiver, arguments, frame, lookup=name in LOOKUPS)
        if result.taints and not receiver.taints and MAKING.isdisjoint(name.lower().split("_")):
            return self.chosen_by(result, arguments, frame)
        return result

    def chosen_by(self, result: Value, arguments: Arguments, frame: Frame) -> Value:
        """Give what may be a text that was passed, or another thing that it only chose: `store.entries(name)`."""
        given = [value for value in arguments.every() if reach(value, frame.now)]
        if not all(textual(value) for value in given):
            return result
        return result.but(taints=tuple(t._replace(cleared=t.cleared | {CHOOSING}) for t in result.taints))

    def tell_methods(self, receiver: Value, name: str, frame: Frame) -> None:
        """Tell of a call of what nothing is known of but its type, or of a base in a library."""
        told = self.told
        if told is None:
            return
        for kind in kinds_in_order(receiver.types):
            for owner in kind.ancestors_outside() if isinstance(kind, Class) else (kind,):
                told(frame, f"{owner}.{name}")

    def receive_statement(self, name: str, told: str, arguments: Arguments, frame: Frame, node: ir.Call) -> None:
        """Let a text that begins as SQL arrive in what nobody knows but by the name of the method."""
        found = sql.statement(name, arguments)
        if found is not None:
            self.arrive("sql", told, "statement", found, frame, node.at)

    def unknown_method(self, receiver: Value, arguments: Arguments, frame: Frame, *, lookup: bool = False) -> Value:
        """Call what cannot be told: what goes in may come out."""
        if receiver.types & TEXTUAL and receiver.constants is not None:
            return TEXT
        given = arguments.positional[1:] if lookup else arguments.every()  # a default may be what is given back
        passed = [tuple(t._replace(sure=False) for t in reach(value, frame.now)) for value in given]
        return Value(taints=merge_taints([receiver.taints, *passed]))

    def call(  # noqa: C901 -- one line for each kind of reference
        self, callee: Value, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> Value:
        """Call whatever a value refers to."""
        results: list[Value] = []
        references = ordered(callee.references)
        for reference in self.undecorated(references) if len(references) > 1 else references:
            match reference:
                case Outside():
                    results.append(self.apply_outside(reference.name, None, arguments, frame, node))
                case Method():
                    name = f"{reference.owner}.{reference.name}"
                    results.append(self.apply_outside(name, reference.receiver, arguments, frame, node))
                case Closure():
                    results.append(self.call_closure(reference, arguments, frame, node.at))
                case Class():
                    results.append(self.build(reference, arguments, frame, node))
                case Decorating():
                    results.append(self.decorate(reference, arguments))
                case Deferred():
                    results.append(self.call(self.forced(reference), arguments, frame, node))
                case Partial():
                    results.append(self.call_partial(reference, arguments, frame, node))
                case Package() | Super() | Member():
                    results.append(UNKNOWN_VALUE)
        if not results:
            return self.called_instance(callee, arguments, frame, node)
        return join_all(results)

    def call_partial(self, reference: Partial, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Call a function with the arguments that were there before, and with these."""
        self.spend(5)
        given = dict(arguments.keywords)
        keywords = tuple((name, value) for name, value in reference.keywords if name not in given)
        whole = arguments._replace(
            positional=(*reference.positional, *arguments.positional), keywords=(*keywords, *arguments.keywords)
        )
        return self.call(reference.function, whole, frame, node)

    def undecorated(self, references: list[Reference]) -> list[Reference]:
        """Leave out the functions in whose place something is called that a decorator made of them."""
        made = [r for r in references if isinstance(r, Deferred) and self.forced(r).references]
        return [r for r in references if not any(one.replaces(r) for one in made)]

    def special(self, value: Value, name: str, given: tuple[Value, ...], frame: Frame, at: ir.At) -> Value | None:
        """Call a method that the language calls, of a class of the program; None where the value has none."""
        if not any(isinstance(kind, Class) and kind.member(name) is not None for kind in value.types):
            return None
        node = ir.Call(at, ir.Opaque(at, ()), (), ())
        return self.call_method(value, name, Arguments(given, (), None, None), frame, node)

    def called_instance(self, callee: Value, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """Call an object: `__call__` of its class, or unknown."""
        for kind in kinds_in_order(callee.types):
            method = kind.member("__call__") if isinstance(kind, Class) else None
            if method is not None:
                return self.call(bound(method, callee), arguments, frame, node)
            if isinstance(kind, str) and self.library.member(kind, "__call__") is not None:
                return self.apply_outside(f"{kind}.__call__", callee, arguments, frame, node)
        if callee.link is not None and callee.link[0] == "unfollowed":
            self.unfollowed.setdefault((frame.module.path, node.at), "a call of something looked up by name")
        return self.unknown_method(Value(taints=callee.taints), arguments, frame)

    def decorate(self, reference: Decorating, arguments: Arguments) -> Value:
        """Make a function an entry; it stays what it is."""
        function = arguments.positional[0] if arguments.positional else UNKNOWN_VALUE
        self.enter(function, reference)
        return self.typed_too(function, reference.type)

    def typed_too(self, function: Value, kind: str) -> Value:
        """Give a function with the methods that its decorator adds: a task has `delay`, a group `command`."""
        return function.but(types=function.types | {kind}) if kind else function

    def enter(self, value: Value, reference: Decorating) -> None:
        """Remember the functions that a value may be as entries."""
        for owner in sorted((kind for kind in value.types if isinstance(kind, Class)), key=str):
            for name in owner.named(reference.entry.methods):
                method = owner.member(name)
                if method is not None:
                    self.enter(bound(method, value), reference)
        for function in ordered(value.references):
            if isinstance(function, Closure):
                self.entries.append(EntryPoint(function, reference.entry, reference.route, self.executing))
            elif isinstance(function, Deferred):
                self.enter(self.forced(function), reference)


def inherited(taints: tuple[Taint, ...]) -> tuple[Taint, ...]:
    """Give the labels that an attribute has of its object: not those of what only chose the object among others."""
    return tuple(taint for taint in taints if CHOOSING not in taint.cleared) if taints else taints


def reveals(arguments: Arguments) -> bool:
    """Tell whether something is formatted that has attributes to look into: no number and no text."""
    return any(
        value.constants is None and (value.objects or value.references or not value.types <= SCALARS or not value.types)
        for value in arguments.every()
        if not (value.taints and not value.types and not value.objects)
    )


def bound(value: Value, receiver: Value) -> Value:
    """Bind functions taken from a class to an instance."""
    found: list[Value] = []
    for reference in ordered(value.references):
        kind = kind_of(reference)
        if kind == "classmethod":
            classes = frozenset(owner for owner in receiver.types if isinstance(owner, Class))
            reference = of_its_class(reference, Value(references=classes))  # noqa: PLW2901 -- the same, bound
        elif isinstance(reference, Closure) and kind != "staticmethod":
            reference = Closure(reference.function, reference.frame, holder(receiver))  # noqa: PLW2901 -- the same, bound
        elif isinstance(reference, Deferred) and kind != "staticmethod":
            reference = replace(reference, receiver=holder(receiver))  # noqa: PLW2901 -- the same, bound
        found.append(Value(references=frozenset({reference})))
    return join_all(found) if found else value


def set_later(value: Value) -> Value:
    """Give what a class says of an attribute of its objects: what is nothing there is what somebody sets afterwards."""
    if value.constants is None or any(item[1] for item in value.constants):
        return value
    return Value(taints=value.taints, types=value.types - {"NoneType"})


def kind_of(reference: Reference) -> str:
    """Give what a decorator of the language made of a function, "" where none did."""
    match reference:
        case Closure():
            return reference.function.kind
        case Deferred():
            return reference.closure.function.kind
        case _:
            return ""


def of_its_class(reference: Reference, owner: Value) -> Reference:
    """Bind a class method to its class; everything else stays what it is."""
    if kind_of(reference) == "classmethod":
        if isinstance(reference, Closure):
            return Closure(reference.function, reference.frame, owner)
        if isinstance(reference, Deferred):
            return replace(reference, receiver=owner)
    return reference

"""Builtins whose effect is on values themselves: conversions, iteration, attributes by name."""

from __future__ import annotations

import builtins as host

from casemate.libraries.model import KINDS
from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.calls import Calls
from casemate.readers.code.flow.characters import ALL, group, left_by, matched
from casemate.readers.code.flow.containers import numbered
from casemate.readers.code.flow.links import foreign, resolved, safer
from casemate.readers.code.flow.program import Class, Module
from casemate.readers.code.flow.state import SHOWN, Cell, Frame, reach, shown
from casemate.readers.code.flow.values import (
    BOOL,
    NUMBER,
    ONE_LINE,
    UNKNOWN_VALUE,
    Closure,
    Outside,
    Package,
    Partial,
    Reference,
    Super,
    Value,
    cleared,
    constant,
    holder,
    join,
    join_all,
    kinds_in_order,
    merge_taints,
    ordered,
    typed,
)
from casemate.readers.code.view import Constant

NAMES = frozenset(dir(host)) | {"unicode", "basestring", "raw_input", "xrange", "unichr", "reload", "execfile"}
NUMERIC = {"int": "int", "float": "float", "complex": "complex", "len": "int", "ord": "int", "hash": "int", "id": "int"}
VERDICTS = frozenset({"bool", "isinstance", "issubclass", "callable", "hasattr", "any", "all"})
MATCHING = frozenset({"match", "search", "fullmatch"})
LEAVING = frozenset({"sys.exit", "os._exit", "os.abort"})
PATTERN, MATCH = frozenset({"re.Pattern"}), frozenset({"re.Match", "NoneType"})
KEEPING_PLAIN: frozenset[Reference] = frozenset(
    Outside(f"str.{name}") for name in ("isalnum", "isalpha", "isdigit", "isdecimal", "isnumeric", "isidentifier")
)
ADDRESS = frozenset(KINDS - {"url", "command", "html"})  # the scope of an IPv6 address may be almost anything
PARSERS = {
    "int": ALL,
    "float": ALL,
    "uuid.UUID": ALL,
    "decimal.Decimal": ALL,
    "datetime.datetime.strptime": ALL,
    "datetime.datetime.fromisoformat": ALL,
    "datetime.date.fromisoformat": ALL,
    "time.strptime": ALL,
    "ipaddress.ip_address": ADDRESS,
    "ipaddress.ip_network": ADDRESS,
    "ipaddress.IPv6Address": ADDRESS,
    "ipaddress.IPv4Address": KINDS - {"url"},
    "ipaddress.IPv4Network": KINDS - {"url"},
}
PARSING = frozenset(name.rpartition(".")[2] for name in PARSERS)
NO_KINDS: frozenset[str] = frozenset()
MOST_LETTERS = 128  # of a text that is made a list or a set
COPIES = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})


class Builtins(Calls):
    """Calls builtins."""

    def builtin(  # noqa: C901, PLR0911, PLR0912 -- one line for each builtin
        self, name: str, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> Value | None:
        """Give the result of a builtin, None where it is none of these."""
        if "." in name or receiver is not None:
            return self.functional(name, receiver, arguments, frame, node)
        first = arguments.positional[0] if arguments.positional else None
        if name in NUMERIC:
            return self.number(name, first)
        if name in VERDICTS:
            return BOOL
        if name in COPIES:
            return self.copy_of(name, first, frame)
        match name:
            case "str" | "repr" | "ascii" | "format" | "bytes" | "bytearray" | "unicode":
                return self.to_text(name, first, frame)
            case "dict":
                return self.to_dict(arguments, frame)
            case "zip" | "enumerate":
                return self.paired_up(name, arguments, frame)
            case "map" | "filter":
                return self.mapped(name, arguments, frame, node)
            case "next" if first is not None and first.types:
                given = self.special(first, "__next__", (), frame, node.at)
                return self.chosen(arguments, frame) if given is None else given
            case "next" | "max" | "min":
                return self.chosen(arguments, frame)
            case "range":
                return self.listed([NUMBER], frame)
            case "getattr":
                return self.get_attribute(arguments, frame, node)
            case "setattr":
                return self.set_attribute(arguments, frame, node)
            case "super":
                return self.parent(arguments, frame)
            case "type" if len(arguments.positional) == 1 and first is not None:
                return Value(references=frozenset(k if isinstance(k, Class) else Outside(k) for k in first.types))
            case "property" | "staticmethod" | "classmethod" if first is not None:
                return self.marked(name, first)
            case "__import__":
                return self.imported_by_name(name, first, frame, node)
            case "print":
                return constant(None)
            case "exit" | "quit":
                frame.state = None
                return UNKNOWN_VALUE
            case _:
                return None

    def functional(  # noqa: C901, PLR0911, PLR0912 -- one line for each kind of function
        self, name: str, receiver: Value | None, arguments: Arguments, frame: Frame, node: ir.Call
    ) -> Value | None:
        """Give the result of library functions that work on functions, and of the decorators of the library."""
        first = arguments.positional[0] if arguments.positional else None
        if name in {"functools.wraps", "functools.lru_cache", "functools.cache", "functools.singledispatch"}:
            if first is not None and name != "functools.wraps" and first.references:
                return first
            return None if name in {"functools.cache", "functools.singledispatch"} else Value(references=IDENTITY)
        if name == "functools.partial" and first is not None and first.references and arguments.rest is None:
            partial = Partial(holder(first), arguments.positional[1:], arguments.keywords, node.at)
            return Value(references=frozenset({partial}))
        if name == "collections.deque":
            return self.copy_of("list", first, frame)
        if name == "functools.identity":
            return first
        if name.startswith("re."):
            return self.of_patterns(name, receiver, arguments)
        if name in LEAVING:
            frame.state = None
            return UNKNOWN_VALUE
        if name in PARSERS:
            return self.parsed(name, first)
        if name.endswith(".relative_to") and name.startswith("pathlib."):
            self.lies_inside(receiver, first, frame)
            return None
        if name in {"contextlib.contextmanager", "contextlib.asynccontextmanager"} and first is not None:
            return self.marked("contextmanager", first)
        if name in {"functools.cached_property", "abc.abstractproperty"} and first is not None:
            return self.marked("property", first)
        if name in {"copy.copy", "copy.deepcopy", "typing.cast"}:
            return arguments.positional[-1] if arguments.positional else UNKNOWN_VALUE
        if name in {"asyncio.run", "asyncio.wait_for", "asyncio.shield", "asyncio.create_task"} and first is not None:
            return first
        if name == "importlib.import_module":
            return self.imported_by_name(name, first, frame, node)
        return None

    def of_patterns(self, name: str, receiver: Value | None, arguments: Arguments) -> Value | None:
        """Functions of `re` and methods of patterns: what a pattern says of the text that it matches, or leaves."""
        kind, _, method = name.removeprefix("re.").rpartition(".")
        given = list(arguments.positional)
        if method == "compile" and not kind and given:
            return Value(types=PATTERN, link=("re.compile", given[0]))
        if kind == "Match":
            return self.of_group(method, receiver, given)
        compiled = receiver.link[1] if receiver is not None and receiver.link is not None else None
        pattern = compiled if kind == "Pattern" else given.pop(0) if given else None
        if pattern is None or pattern.text is None or pattern.taints:
            return None
        if method == "sub" and len(given) > 1 and given[0].text is not None:
            kinds = left_by(pattern.text, given[0].text)
            taints = merge_taints([safer(given[1].taints, kinds), given[0].taints])
            return Value(taints=taints, types=frozenset({"str"}))
        if method in MATCHING and given:
            taints = safer(given[0].taints, matched(pattern.text, method))
            return Value(taints=taints, types=MATCH, link=("re.match", pattern))
        return None

    def of_group(self, method: str, receiver: Value | None, given: list[Value]) -> Value | None:
        """`match.group(1)`: what a group of a known pattern matched."""
        if method not in {"group", "__getitem__"} or len(given) != 1 or receiver is None or receiver.link is None:
            return None
        pattern, index = receiver.link[1].text, given[0].constant
        if receiver.link[0] != "re.match" or pattern is None or index is None or not isinstance(index[1], int | str):
            return None
        return Value(taints=safer(receiver.taints, group(pattern, index[1])), types=frozenset({"str", "NoneType"}))

    def parsed(self, name: str, first: Value | None) -> Value | None:
        """Give what is read from a text of a fixed form: of most forms nothing of the text is left in it."""
        kinds = PARSERS[name]
        if first is None or not first.taints or "*" in kinds:
            return None
        return Value(types=frozenset({name}), taints=safer(first.taints, kinds))

    def proven(self, node: ir.Expr, frame: Frame) -> None:
        """`int(x)` as a statement: it raises for every other text, so from here on the text is a number.

        `known[x]` raises for every x that is no key.
        """
        if isinstance(node, ir.Item) and frame.state is not None:
            self.found_by(node.value, self.quiet(node.value, frame), node.key, frame)
        if not isinstance(node, ir.Call) or len(node.arguments) == 0 or frame.state is None:
            return
        word = node.function.id if isinstance(node.function, ir.Name) else getattr(node.function, "name", "")
        if word not in PARSING:
            return
        for reference in ordered(self.quiet(node.function, frame).references):
            if isinstance(reference, Outside):
                kinds = PARSERS.get(self.library.canonical(reference.name), NO_KINDS)
                self.trust(node.arguments[0], frame, kinds)

    def lies_inside(self, path: Value | None, folder: Value | None, frame: Frame) -> None:
        """`path.resolve().relative_to(folder)` raises where the path does not lie inside."""
        if path is not None and folder is not None and resolved(path) and not foreign(folder):
            self.inside(path, frame)

    def imported_by_name(self, name: str, first: Value | None, frame: Frame, node: ir.Call) -> Value | None:
        """`importlib.import_module` and `__import__`: of a constant the module; the name is a sink."""
        if first is not None:
            self.arrive("import", name, "name", first, frame, node.at)
        if first is None or first.text is None:
            return Value(link=("unfollowed", UNKNOWN_VALUE))
        found = self.program.resolve(first.text, frame.module.path)
        if found is not None:
            return self.package(found)
        return Value(references=frozenset({Outside(first.text)}))

    def package(self, module: Module) -> Value:
        """Give the value of a module of the program."""
        return Value(references=frozenset({Package(module)}))

    def number(self, name: str, first: Value | None) -> Value:
        """`int(x)` and the like carry no label: what is no number raises."""
        told = first is not None and (not first.taints or self.every_context)  # a default counts for what is needed
        if first is not None and first.constants is not None and told and name in {"int", "float", "len"}:
            try:
                return join_all(constant(converted(name, item[1])) for item in sorted(first.constants, key=repr))
            except (TypeError, ValueError, OverflowError):
                return NUMBER
        return typed(NUMERIC[name])

    def to_text(self, name: str, first: Value | None, frame: Frame) -> Value:
        """`str(x)`: the text of it."""
        if first is None:
            return constant("" if name in {"str", "format", "unicode"} else b"")
        if name == "str" and first.text is not None and not first.taints:
            return first
        if name == "str" and first.constants is not None and not first.taints:
            return join_all(constant(str(item[1])) for item in sorted(first.constants, key=repr))
        taints = reach(first, frame.now)
        for kind in kinds_in_order(first.types):
            method = kind.member("__str__") if isinstance(kind, Class) else None
            if method is not None:
                call = ir.Call((0, 0), ir.Opaque((0, 0), ()), (), ())
                return self.call_method(first, "__str__", Arguments((), (), None, None), frame, call)
        if first.objects and SHOWN.issuperset(cell.kind for cell in self.contents(first, frame)):
            taints = shown(first, frame.now)
        if name in {"repr", "ascii"}:
            taints = cleared(taints, ONE_LINE)
        result = "bytes" if name in {"bytes", "bytearray"} else "str"
        link = ("same", first) if name in {"str", "unicode"} else None
        prefix = first.prefix if name != "repr" else None
        return Value(taints=taints, types=frozenset({result}), prefix=prefix, link=link)

    def copy_of(self, name: str, first: Value | None, frame: Frame) -> Value:
        """`list(x)` and the like."""
        kind = {"frozenset": "set", "sorted": "list", "reversed": "list", "iter": "list"}.get(name, name)
        if first is None:
            cell = Cell(kind, {}, None, {}, exact=True)
            return Value(types=frozenset({kind}), objects=frozenset({self.allocate(frame.now, cell)}))
        if first.text is not None and not first.taints and name != "iter" and len(first.text) <= MOST_LETTERS:
            letters = list(dict.fromkeys(first.text)) if kind == "set" else list(first.text)
            cell = Cell(kind, numbered(constant(letter) for letter in letters), None, {}, exact=True)
            return Value(types=frozenset({kind}), objects=frozenset({self.allocate(frame.now, cell)}))
        exact = self.contents(first, frame)
        same = len(exact) == 1 and exact[0].exact and exact[0].kind in {"list", "tuple", "set"} and not first.taints
        if same and name in {"list", "tuple", "iter", "set", "frozenset"}:
            return self.copied(first, frame, kind)
        element = self.element(first, frame)
        cell = Cell(kind, {}, element, {}, exact=False)
        return Value(types=frozenset({kind}), objects=frozenset({self.allocate(frame.now, cell)}))

    def to_dict(self, arguments: Arguments, frame: Frame) -> Value:
        """Make a dict: `dict(…)`."""
        cell = Cell("dict", {}, None, {}, exact=True)
        value = Value(types=frozenset({"dict"}), objects=frozenset({self.allocate(frame.now, cell)}))
        if arguments.positional and any(c.kind != "dict" for c in self.contents(arguments.positional[0], frame)):
            pair = self.element(arguments.positional[0], frame)
            self.store(value, UNKNOWN_VALUE, self.item(pair, constant(1), frame), frame)
            return value
        self.dict_update(value, arguments, frame)
        if arguments.others is not None:
            self.store(value, UNKNOWN_VALUE, arguments.others, frame)
        return value

    def paired_up(self, name: str, arguments: Arguments, frame: Frame) -> Value:
        """`zip` and `enumerate`: tuples of elements."""
        values = [self.element(value, frame) for value in arguments.positional]
        if name == "enumerate":
            values = [NUMBER, *values[:1]]
        cell = Cell("tuple", numbered(values), None, {}, exact=True)
        pair = Value(types=frozenset({"tuple"}), objects=frozenset({self.allocate(frame.now, cell)}))
        return self.listed([pair], frame)

    def mapped(self, name: str, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """`map` and `filter`."""
        if len(arguments.positional) < 2:
            return UNKNOWN_VALUE
        function, *sources = arguments.positional
        elements = tuple(self.element(source, frame) for source in sources)
        result = self.call(function, Arguments(elements, (), None, None), frame, node)
        if name == "filter" and len(function.references) == 1 and function.references <= KEEPING_PLAIN:
            return self.listed([elements[0].but(taints=())], frame)
        return self.listed([elements[0] if name == "filter" else result], frame)

    def chosen(self, arguments: Arguments, frame: Frame) -> Value:
        """`next`, `max`, `min`: one of them."""
        if len(arguments.positional) == 1:
            return self.element(arguments.positional[0], frame)
        values = [self.element(v, frame) if v.objects else v for v in arguments.positional]
        return join_all(values)

    def get_attribute(self, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """`getattr` with a constant name is an attribute."""
        if len(arguments.positional) < 2:
            return UNKNOWN_VALUE
        value, name = arguments.positional[:2]
        if name.text is None:
            dynamic = any(isinstance(r, Outside | Package) for r in value.references) or value.link is not None
            link = ("unfollowed", value) if dynamic else None
            chosen = tuple(taint._replace(sure=False) for taint in name.taints)  # the value is not the name
            return Value(taints=merge_taints([reach(value, frame.now), chosen]), link=link)
        found = self.attribute(value, name.text, frame, node.at)
        return join(found, arguments.positional[2]) if len(arguments.positional) > 2 else found

    def set_attribute(self, arguments: Arguments, frame: Frame, node: ir.Call) -> Value:
        """`setattr`: whoever chooses the name chooses what is overwritten."""
        if len(arguments.positional) == 3:
            value, name, item = arguments.positional
            self.arrive("assignment", "setattr", "name", name, frame, node.at)
            self.set_field(value, name.text or "<any>", item, frame)
        return constant(None)

    def parent(self, arguments: Arguments, frame: Frame) -> Value:
        """`super()`, with and without arguments."""
        owner, receiver = frame.owner, frame.receiver
        if len(arguments.positional) == 2:
            receiver = arguments.positional[1]
            classes = [r for r in arguments.positional[0].references if isinstance(r, Class)]
            owner = classes[0] if classes else owner
        if owner is None or receiver is None:
            return UNKNOWN_VALUE
        return Value(references=frozenset({Super(owner, holder(receiver))}))

    def marked(self, kind: str, value: Value) -> Value:
        """Remember what a decorator of the language makes of a function."""
        for reference in value.references:
            if isinstance(reference, Closure):
                self.stores += 1
                reference.function.kind = kind
        return value


def converted(name: str, value: Constant) -> int | float:
    """Apply `int`, `float` or `len` to a constant. Raises TypeError or ValueError as they do."""
    if name == "len" and isinstance(value, str | bytes):
        return len(value)
    if name != "len" and isinstance(value, str | bytes | int | float):
        return int(value) if name == "int" else float(value)
    raise TypeError(f"{name}() of {type(value).__name__}")


IDENTITY: frozenset[Reference] = frozenset({Outside("functools.identity")})

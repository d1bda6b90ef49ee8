"""Expressions of the tree become expressions of the small language. What is nested too deeply is opaque."""

from collections.abc import Callable, Sequence
from itertools import islice, takewhile

from tree_sitter import Node

from casemate.readers.code import ir
from casemate.readers.code.literals import content, number, plain_string, prefix_of
from casemate.readers.code.view import UNKNOWN

DEEPEST = 90  # nested expressions
NOISE = frozenset({"comment", "line_continuation"})


def named(node: Node) -> list[Node]:
    """Give the named children that are no comments; what could not be parsed counts as one."""
    return [child for child in node.named_children if not child.is_extra or child.type not in NOISE]


def text_of(node: Node | None) -> str:
    """Give the text of a node."""
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


class Expressions:
    """Lowers expressions, and remembers the functions met on the way."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.definitions: dict[int, Node] = {}
        self.cut = False
        self._depth = 0
        self.expressions: dict[str, Callable[[Node], ir.Expr]] = {
            "identifier": lambda n: ir.Name(n.byte_range, text_of(n)),
            "keyword_identifier": lambda n: ir.Name(n.byte_range, text_of(n)),
            "integer": lambda n: ir.Const(n.byte_range, number(n.text or b"")),
            "float": lambda n: ir.Const(n.byte_range, number(n.text or b"")),
            "true": lambda n: ir.Const(n.byte_range, True),  # noqa: FBT003 -- the constant itself
            "false": lambda n: ir.Const(n.byte_range, False),  # noqa: FBT003 -- the constant itself
            "none": lambda n: ir.Const(n.byte_range, None),
            "ellipsis": lambda n: ir.Const(n.byte_range, UNKNOWN),
            "string": self.string,
            "concatenated_string": self.strings,
            "attribute": self.attribute,
            "subscript": self.subscript,
            "generic_type": self.generic,
            "slice": self.sliced,
            "call": self.call,
            "binary_operator": self.binary,
            "unary_operator": self.unary,
            "boolean_operator": self.boolean,
            "not_operator": self.negated,
            "comparison_operator": self.comparison,
            "conditional_expression": self.choice,
            "parenthesized_expression": self.inner,
            "await": self.inner,
            "type": self.inner,
            "as_pattern_target": self.inner,
            "list": lambda n: self.sequence("list", n),
            "tuple": lambda n: self.sequence("tuple", n),
            "set": lambda n: self.sequence("set", n),
            "expression_list": lambda n: self.sequence("tuple", n),
            "pattern_list": lambda n: self.sequence("tuple", n),
            "tuple_pattern": lambda n: self.sequence("tuple", n),
            "list_pattern": lambda n: self.sequence("list", n),
            "dictionary": self.mapping,
            "list_splat": self.star,
            "list_splat_pattern": self.star,
            "list_comprehension": lambda n: self.comprehension("list", n),
            "set_comprehension": lambda n: self.comprehension("set", n),
            "generator_expression": lambda n: self.comprehension("generator", n),
            "dictionary_comprehension": lambda n: self.comprehension("dict", n),
            "named_expression": self.walrus,
            "yield": self.yielded,
            "lambda": lambda n: ir.Lambda(n.byte_range, self.definition(n, ())),
        }

    def expression(self, node: Node | None) -> ir.Expr:
        """Lower one expression; None becomes an opaque nothing."""
        if node is None:
            return ir.Opaque((0, 0), ())
        lower = self.expressions.get(node.type)
        if lower is None or self._depth > DEEPEST:
            return self.opaque(node)
        self._depth += 1
        try:
            return lower(node)
        finally:
            self._depth -= 1

    def opaque(self, node: Node) -> ir.Expr:
        """Keep the parts of what is not understood, as far as depth allows."""
        if self._depth > DEEPEST:
            self.cut = True
            return ir.Opaque(node.byte_range, ())
        self._depth += 1
        try:
            return ir.Opaque(node.byte_range, tuple(self.expression(child) for child in named(node)[:1000]))
        finally:
            self._depth -= 1

    def inner(self, node: Node) -> ir.Expr:
        """Parentheses and `await` change nothing."""
        while node.type in {"parenthesized_expression", "await", "type"}:
            parts = named(node)
            if len(parts) != 1:
                return self.opaque(node)
            node = parts[0]
        return self.expression(node)

    def string(self, node: Node) -> ir.Expr:
        """One literal, with or without interpolation."""
        if not any(child.type == "interpolation" for child in node.named_children):
            constant = plain_string(node)
            if "t" in prefix_of(node):
                return ir.Text(node.byte_range, (ir.Const(node.byte_range, constant),), template=True)
            return ir.Const(node.byte_range, constant)
        prefix = prefix_of(node)
        return ir.Text(node.byte_range, tuple(self.parts(node, prefix)), "t" in prefix)

    def parts(self, node: Node, prefix: str) -> list[ir.Expr]:
        """Give the parts of an f-string, those of nested format specifications included."""
        found: list[ir.Expr] = []
        for child in node.named_children:
            if child.type == "string_content":
                text = content(child.text or b"", prefix, interpolated=True)
                found.append(ir.Const(child.byte_range, text))
            elif child.type == "interpolation":
                inner = self.expression(child.child_by_field_name("expression"))
                conversion = child.child_by_field_name("type_conversion")
                if conversion is not None and conversion.text in {b"!r", b"!a"}:
                    inner = ir.Call(child.byte_range, ir.Name(child.byte_range, "repr"), (inner,), ())
                found.append(inner)
                specification = child.child_by_field_name("format_specifier")
                found += [
                    self.expression(nested.child_by_field_name("expression"))
                    for nested in (named(specification) if specification is not None else ())
                ]
        return found

    def strings(self, node: Node) -> ir.Expr:
        """Adjacent literals are one."""
        parts = [self.string(child) for child in named(node) if child.type == "string"]
        constants = [part.value for part in parts if isinstance(part, ir.Const)]
        if len(constants) == len(parts):
            if all(isinstance(value, bytes) for value in constants):
                return ir.Const(node.byte_range, b"".join(v for v in constants if isinstance(v, bytes)))
            return ir.Const(node.byte_range, "".join(v for v in constants if isinstance(v, str)))
        flat = [p for part in parts for p in (part.parts if isinstance(part, ir.Text) else (part,))]
        return ir.Text(node.byte_range, tuple(flat), any(isinstance(p, ir.Text) and p.template for p in parts))

    def attribute(self, node: Node) -> ir.Expr:
        """`value.name`."""
        name = text_of(node.child_by_field_name("attribute"))
        return ir.Attr(node.byte_range, self.expression(node.child_by_field_name("object")), name)

    def subscript(self, node: Node) -> ir.Expr:
        """`value[index]`."""
        indexes = [self.expression(part) for part in node.children_by_field_name("subscript") if part.is_named]
        index = indexes[0] if len(indexes) == 1 else ir.Sequence(node.byte_range, "tuple", tuple(indexes))
        return ir.Item(node.byte_range, self.expression(node.child_by_field_name("value")), index)

    def generic(self, node: Node) -> ir.Expr:
        """`list[str]` in an annotation: what a subscript is elsewhere."""
        value, *rest = named(node)
        parts = [self.expression(part) for inner in rest for part in named(inner)]
        key = parts[0] if len(parts) == 1 else ir.Sequence(node.byte_range, "tuple", tuple(parts))
        return ir.Item(node.byte_range, self.expression(value), key)

    def sliced(self, node: Node) -> ir.Expr:
        """`low:high:step`."""
        places: list[ir.Expr | None] = [None, None, None]
        place = 0
        for child in node.children:
            if child.type == ":":
                place = min(place + 1, 2)
            elif child.is_named and child.type not in NOISE:
                places[place] = self.expression(child)
        return ir.Slice(node.byte_range, places[0], places[1], places[2])

    def arguments(self, node: Node | None) -> tuple[tuple[ir.Expr, ...], tuple[tuple[str, ir.Expr], ...]]:
        """Split an argument list into those by position and those by name."""
        if node is None:
            return (), ()
        if node.type == "generator_expression":
            return (self.expression(node),), ()
        positional: list[ir.Expr] = []
        keywords: list[tuple[str, ir.Expr]] = []
        for child in named(node):
            if child.type == "keyword_argument":
                name = text_of(child.child_by_field_name("name"))
                keywords.append((name, self.expression(child.child_by_field_name("value"))))
            elif child.type == "dictionary_splat":
                keywords.append(("", self.expression(named(child)[0]) if named(child) else self.opaque(child)))
            elif child.type != "ERROR":
                positional.append(self.expression(child))
        return tuple(positional), tuple(keywords)

    def call(self, node: Node) -> ir.Expr:
        """Lower a call."""
        positional, keywords = self.arguments(node.child_by_field_name("arguments"))
        function = self.expression(node.child_by_field_name("function"))
        return ir.Call(node.byte_range, function, positional, keywords)

    def binary(self, node: Node) -> ir.Expr:
        """Lower `a + b + …`: the left spine without recursion, as it may be thousands long."""
        spine: list[Node] = []
        left: Node | None = node
        while left is not None and left.type == "binary_operator":
            spine.append(left)
            left = left.child_by_field_name("left")
        value = self.expression(left)
        place, spine = 0, spine[::-1]
        while place < len(spine):
            part, operator = spine[place], operator_of(spine[place])
            if operator == "+" and place > 1 and isinstance(value, ir.Text) and not value.template:
                run = list(takewhile(lambda part: operator_of(part) == "+", islice(spine, place, None)))
                value = ir.Text(run[-1].byte_range, (*value.parts, *map(self.right, run)), template=False)
                place += len(run)
            elif place >= DEEPEST:
                return ir.Opaque(part.byte_range, (value, *map(self.right, spine[place:])))
            else:
                value = ir.Binary(part.byte_range, operator, value, self.right(part))
                place += 1
        return value

    def right(self, node: Node) -> ir.Expr:
        """Lower what stands to the right of an operator."""
        return self.expression(node.child_by_field_name("right"))

    def unary(self, node: Node) -> ir.Expr:
        """`-value`."""
        value = self.expression(node.child_by_field_name("argument"))
        operator = text_of(node.child_by_field_name("operator"))
        if operator == "-" and isinstance(value, ir.Const) and isinstance(value.value, int | float):
            return ir.Const(node.byte_range, -value.value)
        return ir.Unary(node.byte_range, operator, value)

    def boolean(self, node: Node) -> ir.Expr:
        """`and`, `or`."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = text_of(node.child_by_field_name("operator"))
        return ir.Boolean(node.byte_range, operator, self.expression(left), self.expression(right))

    def negated(self, node: Node) -> ir.Expr:
        """`not`."""
        return ir.Not(node.byte_range, self.expression(node.child_by_field_name("argument")))

    def comparison(self, node: Node) -> ir.Expr:
        """Lower `a < b < c`."""
        operators = tuple(
            " ".join(text_of(n).replace("\\", " ").split()) for n in node.children_by_field_name("operators")
        )
        operands = tuple(self.expression(child) for child in named(node) if child.type not in {"not in", "is not"})
        return ir.Compare(node.byte_range, operands, operators)

    def choice(self, node: Node) -> ir.Expr:
        """`body if test else other`."""
        parts = named(node)
        if len(parts) != 3:
            return self.opaque(node)
        body, test, other = (self.expression(part) for part in parts)
        return ir.Choice(node.byte_range, test, body, other)

    def sequence(self, kind: str, node: Node) -> ir.Expr:
        """Lower a list, tuple or set."""
        return ir.Sequence(node.byte_range, kind, tuple(self.expression(child) for child in named(node)))

    def mapping(self, node: Node) -> ir.Expr:
        """Lower a dict."""
        pairs: list[tuple[ir.Expr | None, ir.Expr]] = []
        for child in named(node):
            if child.type == "pair":
                key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                pairs.append((self.expression(key), self.expression(value)))
            elif named(child):
                pairs.append((None, self.expression(named(child)[0])))
        return ir.Mapping(node.byte_range, tuple(pairs))

    def star(self, node: Node) -> ir.Expr:
        """`*value`."""
        parts = named(node)
        return ir.Star(node.byte_range, self.expression(parts[0] if parts else None))

    def comprehension(self, kind: str, node: Node) -> ir.Expr:
        """Lower a comprehension or generator."""
        body = node.child_by_field_name("body")
        value: ir.Expr | None = None
        if body is not None and body.type == "pair":
            value = self.expression(body.child_by_field_name("value"))
            body = body.child_by_field_name("key")
        return ir.Comprehension(node.byte_range, kind, self.expression(body), value, self.clauses(named(node)))

    def clauses(self, parts: Sequence[Node]) -> tuple[ir.Clause, ...]:
        """Give the `for` clauses, each with the `if`s that follow it."""
        found: list[ir.Clause] = []
        for part in parts:
            if part.type == "for_in_clause":
                right = [self.expression(n) for n in part.children_by_field_name("right") if n.is_named]
                items = right[0] if len(right) == 1 else ir.Sequence(part.byte_range, "tuple", tuple(right))
                found.append(ir.Clause(self.expression(part.child_by_field_name("left")), items, ()))
            elif part.type == "if_clause" and found:
                tests = tuple(self.expression(test) for test in named(part))
                found[-1] = found[-1]._replace(conditions=found[-1].conditions + tests)
        return tuple(found)

    def walrus(self, node: Node) -> ir.Expr:
        """`name := value`."""
        name = node.child_by_field_name("name")
        target = ir.Name(name.byte_range if name else node.byte_range, text_of(name))
        return ir.Walrus(node.byte_range, target, self.expression(node.child_by_field_name("value")))

    def yielded(self, node: Node) -> ir.Expr:
        """`yield`."""
        parts = named(node)
        delegated = any(child.type == "from" for child in node.children)
        return ir.Yield(node.byte_range, self.expression(parts[0]) if parts else None, delegated)

    def annotation(self, node: Node | None) -> ir.Expr:
        """Lower a type; what is quoted is read as a dotted name."""
        lowered = self.expression(node)
        if isinstance(lowered, ir.Const) and isinstance(lowered.value, str):
            return dotted_expression(lowered.at, lowered.value)
        return lowered

    def definition(self, node: Node, decorators: tuple[ir.Expr, ...]) -> ir.Definition:
        """Lower a function or lambda, without its body."""
        self.definitions[node.start_byte] = node
        name = node.child_by_field_name("name")
        at = name.byte_range if name is not None else node.byte_range
        return ir.Definition(at, text_of(name) or "<lambda>", decorators, node.start_byte, self.signature)

    def signature(self, key: int) -> tuple[tuple[ir.Parameter, ...], ir.Expr | None]:
        """Lower the parameters of a function, and the type that it is said to return."""
        node = self.definitions[key]
        returns = node.child_by_field_name("return_type")
        parameters = self.parameters(node.child_by_field_name("parameters"))
        return parameters, self.annotation(returns) if returns is not None else None

    def parameters(self, node: Node | None) -> tuple[ir.Parameter, ...]:
        """Give the parameters in order."""
        found: list[ir.Parameter] = []
        kind = ""
        for child in named(node) if node is not None else ():
            match child.type:
                case "positional_separator":
                    found = [parameter._replace(kind="/") for parameter in found]
                case "keyword_separator":
                    kind = "="
                case _:
                    parameter = self.parameter(child, kind)
                    if parameter.kind == "*":
                        kind = "="
                    found.append(parameter)
        return tuple(found)

    def parameter(self, node: Node, kind: str) -> ir.Parameter:
        """Give one parameter."""
        default, annotation = node.child_by_field_name("value"), node.child_by_field_name("type")
        name: Node | None = node.child_by_field_name("name")
        if name is None:
            name = next(iter(named(node)), node) if node.type != "identifier" else node
        if node.type == "list_splat_pattern" or name.type == "list_splat_pattern":
            kind = "*"
        elif node.type == "dictionary_splat_pattern" or name.type == "dictionary_splat_pattern":
            kind = "**"
        return ir.Parameter(
            node.byte_range,
            text_of(name).lstrip("* "),
            kind,
            self.expression(default) if default is not None else None,
            self.annotation(annotation) if annotation is not None else None,
        )


def operator_of(node: Node) -> str:
    """Give the operator of `a + b`."""
    return text_of(node.child_by_field_name("operator"))


def dotted_expression(at: ir.At, text: str) -> ir.Expr:
    """Read "a.b.C[x] | None" as a.b.C: enough for a quoted annotation."""
    head = text.partition("[")[0].partition("|")[0].strip()
    first, *others = head.split(".")
    value: ir.Expr = ir.Name(at, first)
    for name in others[:10]:
        value = ir.Attr(at, value, name)
    return value

"""The tree of one function body, or of a module, becomes statements of the small language."""

from collections.abc import Callable, Iterator

from tree_sitter import Node

from casemate.readers.code import ir
from casemate.readers.code.lower_expression import Expressions, named, text_of
from casemate.readers.code.lower_match import Patterns

MOST_STATEMENTS = 200_000  # of one file; a person writes some thousands
MOST_DECORATORS = 100  # of one function; what would be called after them is not followed
DEEPEST = 60  # nested blocks; below that nothing is followed


class Lowering(Expressions, Patterns):
    """Lowers one file. `definitions` grows with every function met; their bodies are lowered on demand."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        super().__init__()
        self.left = MOST_STATEMENTS
        self.bodies: dict[int, tuple[Node | None, int]] = {}  # of classes, with how deep they are nested
        self.statements: dict[str, Callable[[Node, int], Iterator[ir.Statement]]] = {
            "expression_statement": self.evaluated,
            "return_statement": self.returned,
            "raise_statement": self.raised,
            "if_statement": self.conditional,
            "while_statement": self.looped,
            "for_statement": self.iterated,
            "try_statement": self.tried,
            "with_statement": self.withed,
            "function_definition": self.defined,
            "class_definition": self.classed,
            "decorated_definition": self.decorated,
            "import_statement": self.imported,
            "import_from_statement": self.imported_from,
            "match_statement": self.matched,
            "delete_statement": self.deleted,
            "assert_statement": self.asserted,
            "global_statement": self.outer,
            "nonlocal_statement": self.outer,
            "break_statement": self.jumped,
            "continue_statement": self.jumped,
            "exec_statement": self.old_statement,
            "print_statement": self.old_statement,
        }

    def block(self, node: Node | None, depth: int = 0) -> tuple[ir.Statement, ...]:
        """Lower all statements below a node."""
        if node is None:
            return ()
        if depth > DEEPEST:
            self.cut = True
            return ()
        found: list[ir.Statement] = []
        for child in named(node):
            self.left -= 1
            if self.left < 0:
                self.cut = True
                break
            lower = self.statements.get(child.type)
            if lower is not None:
                found.extend(lower(child, depth))
            elif child.type in {"ERROR", "block"}:
                found.extend(self.block(child, depth + 1))
            elif child.type in self.expressions:
                found.append(ir.Evaluate(child.byte_range, self.expression(child)))
        return tuple(found)

    def evaluated(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """Lower an expression statement: assignments are expressions of the grammar."""
        parts = named(node)
        if len(parts) > 1:
            for part in parts:
                yield ir.Evaluate(part.byte_range, self.expression(part))
            return
        for part in parts:
            if part.type == "assignment":
                yield from self.assigned(part)
            elif part.type == "augmented_assignment":
                yield from self.augmented(part)
            else:
                yield ir.Evaluate(part.byte_range, self.expression(part))

    def assigned(self, node: Node) -> Iterator[ir.Statement]:
        """Lower `a = b = value` and `a: T = value`."""
        at, targets, right = node.byte_range, list[ir.Expr](), node
        while right.type == "assignment":
            left, annotation = right.child_by_field_name("left"), right.child_by_field_name("type")
            target = self.expression(left)
            following = right.child_by_field_name("right")
            if annotation is not None:
                value = self.expression(following) if following is not None else None
                yield ir.Annotated(at, target, self.annotation(annotation), value)
                return
            targets.append(target)
            if following is None:
                return
            right = following
        yield ir.Assign(at, tuple(targets), self.expression(right))

    def augmented(self, node: Node) -> Iterator[ir.Statement]:
        """Lower `a += value`."""
        operator = text_of(node.child_by_field_name("operator")).rstrip("=")
        target, value = node.child_by_field_name("left"), node.child_by_field_name("right")
        yield ir.Augmented(node.byte_range, self.expression(target), operator, self.expression(value))

    def returned(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`return`."""
        parts = named(node)
        yield ir.Return(node.byte_range, self.expression(parts[0]) if parts else None)

    def raised(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`raise`."""
        parts = named(node)
        yield ir.Raise(node.byte_range, self.expression(parts[0]) if parts else None)

    def conditional(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """`if`, with its `elif`s folded from the last to the first."""
        other: tuple[ir.Statement, ...] = ()
        for clause in reversed(node.children_by_field_name("alternative")):
            if clause.type == "else_clause":
                other = self.block(clause.child_by_field_name("body"), depth + 1)
            else:
                test = self.expression(clause.child_by_field_name("condition"))
                body = self.block(clause.child_by_field_name("consequence"), depth + 1)
                other = (ir.If(clause.byte_range, test, body, other),)
        test = self.expression(node.child_by_field_name("condition"))
        yield ir.If(node.byte_range, test, self.block(node.child_by_field_name("consequence"), depth + 1), other)

    def otherwise(self, node: Node, depth: int) -> tuple[ir.Statement, ...]:
        """Lower the `else` of a loop."""
        clause = node.child_by_field_name("alternative")
        return self.block(clause.child_by_field_name("body"), depth + 1) if clause is not None else ()

    def looped(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """`while`."""
        test = self.expression(node.child_by_field_name("condition"))
        body = self.block(node.child_by_field_name("body"), depth + 1)
        yield ir.While(node.byte_range, test, body, self.otherwise(node, depth))

    def iterated(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """`for`."""
        target = self.expression(node.child_by_field_name("left"))
        items = self.expression(node.child_by_field_name("right"))
        body = self.block(node.child_by_field_name("body"), depth + 1)
        yield ir.For(node.byte_range, target, items, body, self.otherwise(node, depth))

    def tried(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """`try`."""
        handlers: list[ir.Handler] = []
        other: tuple[ir.Statement, ...] = ()
        last: tuple[ir.Statement, ...] = ()
        for child in named(node):
            if child.type in {"except_clause", "except_group_clause"}:
                handlers.append(self.handler(child, depth))
            elif child.type == "else_clause":
                other = self.block(child.child_by_field_name("body"), depth + 1)
            elif child.type == "finally_clause":
                last = self.inner_block(child, depth)
        body = self.block(node.child_by_field_name("body"), depth + 1)
        yield ir.Try(node.byte_range, body, tuple(handlers), other, last)

    def inner_block(self, node: Node, depth: int) -> tuple[ir.Statement, ...]:
        """Lower the block child of a clause that has no field for it."""
        found: tuple[ir.Statement, ...] = ()
        for child in named(node):
            if child.type == "block":
                found += self.block(child, depth + 1)
        return found

    def handler(self, node: Node, depth: int) -> ir.Handler:
        """`except types as name:`."""
        kind: ir.Expr | None = None
        name = ""
        value = node.child_by_field_name("value")
        if value is not None and value.type == "as_pattern":
            parts = named(value)
            kind, name = self.expression(parts[0]), text_of(parts[-1])
        elif value is not None:
            kind = self.expression(value)
        return ir.Handler(node.byte_range, kind, name, self.inner_block(node, depth))

    def withed(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """`with`."""
        items: list[tuple[ir.Expr, ir.Expr | None]] = []
        for clause in named(node):
            for item in named(clause) if clause.type == "with_clause" else ():
                items.extend(self.with_item(item))
        yield ir.With(node.byte_range, tuple(items), self.block(node.child_by_field_name("body"), depth + 1))

    def with_item(self, item: Node) -> Iterator[tuple[ir.Expr, ir.Expr | None]]:
        """`value as target`, also where the grammar sees a tuple of them."""
        value = item.child_by_field_name("value") if item.type == "with_item" else item
        if value is not None and value.type == "as_pattern":
            parts = named(value)
            alias = named(parts[-1]) if parts[-1].type == "as_pattern_target" else parts[-1:]
            yield self.expression(parts[0]), self.expression(alias[0]) if alias else None
        elif value is not None and value.type == "tuple" and any(p.type == "as_pattern" for p in named(value)):
            for part in named(value):
                yield from self.with_item(part)
        elif value is not None:
            yield self.expression(value), None

    def defined(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`def`."""
        yield ir.Define(node.byte_range, self.definition(node, ()))

    def decorated(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """Lower a function or class with a `@decorator` before it."""
        parts = [named(part)[0] for part in named(node) if part.type == "decorator"]
        self.cut = self.cut or len(parts) > MOST_DECORATORS
        decorators = tuple(map(self.expression, parts[-MOST_DECORATORS:]))
        inner = node.child_by_field_name("definition")
        if inner is None:
            return
        if inner.type == "class_definition":
            yield from self.classed(inner, depth, decorators)
        else:
            yield ir.Define(inner.byte_range, self.definition(inner, decorators))

    def classed(self, node: Node, depth: int, decorators: tuple[ir.Expr, ...] = ()) -> Iterator[ir.Statement]:
        """`class`."""
        bases, keywords = self.arguments(node.child_by_field_name("superclasses"))
        name = text_of(node.child_by_field_name("name"))
        self.bodies[node.start_byte] = (node.child_by_field_name("body"), depth + 1)
        yield ir.DefineClass(node.byte_range, name, bases, keywords, decorators, node.start_byte)

    def class_body(self, key: int) -> tuple[ir.Statement, ...]:
        """Lower the body of a class."""
        return self.block(*self.bodies[key])

    def imported(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`import a.b, c as d`."""
        for part in node.children_by_field_name("name"):
            if part.type == "aliased_import":
                module = dotted(part.child_by_field_name("name"))
                yield ir.Import(part.byte_range, module, 0, "", text_of(part.child_by_field_name("alias")))
            else:
                yield ir.Import(part.byte_range, dotted(part), 0, "", "")

    def imported_from(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`from ..a import b as c, d` and `from a import *`."""
        origin = node.child_by_field_name("module_name")
        written = dotted(origin)
        module = written.lstrip(".")
        level = len(written) - len(module)
        for part in node.children_by_field_name("name"):
            if part.type == "aliased_import":
                member = dotted(part.child_by_field_name("name"))
                yield ir.Import(part.byte_range, module, level, member, text_of(part.child_by_field_name("alias")))
            else:
                yield ir.Import(part.byte_range, module, level, dotted(part), dotted(part))
        if any(part.type == "wildcard_import" for part in named(node)):
            yield ir.Import(node.byte_range, module, level, "*", "*")

    def deleted(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`del`."""
        targets = tuple(self.expression(part) for part in named(node))
        flat = tuple(x for t in targets for x in (t.items if isinstance(t, ir.Sequence) else (t,)))
        yield ir.Delete(node.byte_range, flat)

    def asserted(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`assert`."""
        parts = named(node)
        if parts:
            yield ir.Assert(node.byte_range, self.expression(parts[0]))

    def outer(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`global` and `nonlocal`."""
        names = tuple(text_of(part) for part in named(node))
        yield ir.Outer(node.byte_range, names, node.type == "global_statement")

    def jumped(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`break` and `continue`."""
        yield ir.Jump(node.byte_range, node.type.partition("_")[0])

    def old_statement(self, node: Node, _: int) -> Iterator[ir.Statement]:
        """`exec "code"` and `print x` of Python 2, as the calls they became."""
        name = node.type.partition("_")[0]
        parts = tuple(self.expression(part) for part in named(node))
        yield ir.Evaluate(node.byte_range, ir.Call(node.byte_range, ir.Name(node.byte_range, name), parts, ()))


def dotted(node: Node | None) -> str:
    """Give a dotted name without the blanks and ends of lines that may stand in it."""
    return "".join(text_of(node).replace("\\", "").split())

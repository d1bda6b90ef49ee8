"""`match` statements: what a case compares with, and what it binds."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tree_sitter import Node

from casemate.readers.code import ir
from casemate.readers.code.literals import number, plain_string
from casemate.readers.code.view import UNKNOWN, Constant


class Patterns:
    """Lowers `match`; mixed into the lowering of statements."""

    if TYPE_CHECKING:
        expression: Callable[[Node | None], ir.Expr]
        block: Callable[[Node | None, int], tuple[ir.Statement, ...]]

    def matched(self, node: Node, depth: int) -> Iterator[ir.Statement]:
        """`match subject:` with its cases."""
        subjects = [self.expression(part) for part in node.children_by_field_name("subject")]
        subject = subjects[0] if len(subjects) == 1 else ir.Sequence(node.byte_range, "tuple", tuple(subjects))
        body = node.child_by_field_name("body")
        cases = tuple(
            self.case(part, depth) for part in (body.named_children if body else ()) if part.type == "case_clause"
        )
        yield ir.Match(node.byte_range, subject, cases)

    def case(self, node: Node, depth: int) -> ir.Case:
        """One `case`."""
        patterns = [child for child in node.named_children if child.type == "case_pattern"]
        guard = node.child_by_field_name("guard")
        constants = literals(patterns[0]) if len(patterns) == 1 else None
        written = (patterns[0].text or b"").decode("utf-8", "replace") if len(patterns) == 1 else ""
        return ir.Case(
            node.byte_range,
            constants,
            tuple(name for pattern in patterns for name in captures(pattern)),
            written == "_" or (written.isidentifier() and constants is None),
            self.expression(guard.named_children[0]) if guard is not None and guard.named_children else None,
            self.block(node.child_by_field_name("consequence"), depth + 1),
        )


def literals(node: Node) -> tuple[Constant, ...] | None:
    """Give the constants of a literal pattern or of a union of them; None for anything else."""
    found: list[Constant] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part.type in {"case_pattern", "union_pattern"} and part.named_children:
            negative = any(child.type == "-" for child in part.children)
            inner = part.named_children
            if negative:
                value = number(inner[0].text or b"")
                found.append(-value if isinstance(value, int | float) else UNKNOWN)
            else:
                waiting.extend(inner)
        elif part.type == "string" and not any(child.type == "interpolation" for child in part.named_children):
            found.append(plain_string(part))
        elif part.type in {"integer", "float"}:
            found.append(number(part.text or b""))
        elif part.type in {"none", "true", "false"}:
            found.append({"none": None, "true": True, "false": False}[part.type])
        else:
            return None
    return None if UNKNOWN in found else tuple(found)


def captures(node: Node) -> Iterator[ir.Name]:
    """Yield the variables that a pattern binds."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        parent = part.parent
        text = (part.text or b"").decode("utf-8", "replace")
        if part.type == "dotted_name":
            called = parent is not None and parent.type == "class_pattern"
            if "." not in text and not called:
                yield ir.Name(part.byte_range, text)
        elif part.type == "identifier":
            keyword = parent is not None and parent.type == "keyword_pattern" and parent.named_children[0] == part
            if not keyword:
                yield ir.Name(part.byte_range, text)
        else:
            waiting.extend(part.named_children)

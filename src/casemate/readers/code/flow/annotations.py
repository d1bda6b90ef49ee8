"""Annotations: what they say of the type of a parameter or a variable."""

from __future__ import annotations

from casemate.libraries import Library
from casemate.readers.code import ir
from casemate.readers.code.flow.expressions import Expressions
from casemate.readers.code.flow.functions import Functions
from casemate.readers.code.flow.natives import NAMES
from casemate.readers.code.flow.program import Class
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.statements import Statements
from casemate.readers.code.flow.values import (
    UNKNOWN_VALUE,
    Closure,
    Outside,
    Reference,
    Value,
    join_all,
    ordered,
    typed,
)

WRAPPERS = frozenset({"Optional", "Annotated", "Final", "ClassVar", "Union", "Awaitable", "Required", "NotRequired"})
IGNORED = frozenset({"typing.Any", "object", "None"})


class Annotations(Functions, Expressions, Statements):
    """Gives unknown values of the types that are written down."""

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


def written(annotation: ir.Const) -> ir.Expr | None:
    """Give the dotted name that an annotation in quotes is."""
    first, *rest = str(annotation.value).split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return None
    found: ir.Expr = ir.Name(annotation.at, first)
    for part in rest:
        found = ir.Attr(annotation.at, found, part)
    return found


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

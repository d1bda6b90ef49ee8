"""Operators and texts: what of the parts reaches the result, and behind which beginning it stands there."""

from __future__ import annotations

from collections.abc import Iterator

from casemate.model.finding import Trust
from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.displays import Displays
from casemate.readers.code.flow.folding import LONGEST_TEXT, fold
from casemate.readers.code.flow.links import behind
from casemate.readers.code.flow.program import OPERATORS, Class
from casemate.readers.code.flow.state import Frame, shown
from casemate.readers.code.flow.values import (
    LED,
    ONE_LINE,
    Origin,
    Taint,
    Value,
    cleared,
    constant,
    join,
    kinds_in_order,
    merge_taints,
)
from casemate.readers.code.view import UNKNOWN

SOMETHING = "?"  # stands for a part of a text that is not known, before one that is


class Operators(Displays):
    """Applies operators, and builds texts of parts."""

    def binary(self, node: ir.Binary, frame: Frame) -> Value:
        """`left operator right`."""
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        return self.operate(node.operator, left, right, frame, node)

    def operate(self, sign: str, left: Value, right: Value, frame: Frame, node: ir.Expr) -> Value:  # noqa: PLR0911 -- one line for each operator
        """Apply an operator to two values."""
        folded = fold(sign, left, right)
        if folded is not None:
            return folded
        made = self.overloaded(sign, left, right, frame, node.at)
        if made is not None:
            return made
        if sign == "+":
            first, second = self.exact_list(left, frame), self.exact_list(right, frame)
            if first is not None and second is not None:
                return self.new_list("list", [*first, *second], frame)
            if left.objects or right.objects:
                return join(left, right)
            types = left.types if left.types == right.types else left.types or right.types
            prefix = left.text if left.text is not None else left.prefix
            if left.text is not None and right.prefix is not None:
                prefix = left.text + right.prefix
            link = led(left, right)
            taints = merge_taints((left.taints, behind(left.text or left.prefix or joint(node), right.taints)))
            return Value(taints=taints, types=types, prefix=prefix, link=link)
        if sign == "%":
            return self.formatted(left, right, frame, node)
        if sign == "/":
            return self.divided(left, right, frame, node)
        if sign == "|" and (left.objects or right.objects):
            return join(left, right)
        return Value(taints=merge_taints((left.taints, right.taints)))

    def overloaded(self, sign: str, left: Value, right: Value, frame: Frame, at: ir.At) -> Value | None:
        """Apply an operator that a class of the program defines; None where neither side does."""
        if not any(isinstance(kind, Class) for kind in (*left.types, *right.types)):
            return None
        name = OPERATORS.get(sign, "")
        made = self.special(left, f"__{name}__", (right,), frame, at)
        return self.special(right, f"__r{name}__", (left,), frame, at) if made is None else made

    def divided(self, left: Value, right: Value, frame: Frame, node: ir.Expr) -> Value:
        """`/`: of paths a path; of anything else a number, or what some library makes of it."""
        for owner in (*kinds_in_order(left.types), *kinds_in_order(right.types)):
            model = self.library.member(owner, "__truediv__") if isinstance(owner, str) else None
            if model is not None:
                call = ir.Call(node.at, ir.Opaque(node.at, ()), (), ())
                return self.apply_outside(model.name, left, Arguments((right,), (), None, None), frame, call)
        prefix = f"{left.prefix}/" if left.text is not None else None
        return Value(taints=merge_taints((left.taints, right.taints)), types=left.types, prefix=prefix)

    def formatted(self, left: Value, right: Value, frame: Frame, node: ir.Expr) -> Value:
        """`text % values`; of a text of a library what that makes of it."""
        for owner in kinds_in_order(left.types):
            model = self.library.member(owner, "__mod__") if isinstance(owner, str) else None
            if model is not None:
                call = ir.Call(node.at, ir.Opaque(node.at, ()), (), ())
                return self.apply_outside(model.name, left, Arguments((right,), (), None, None), frame, call)
        quoting = left.text is not None and quoted(left.text)
        values = [right]
        for key in sorted(right.objects):
            cell = frame.now.heap.get(key)
            if cell is not None:
                values += cell.members()
        if left.types and left.types <= {"int", "float"} and not left.taints:
            return Value(types=left.types)
        beginning = prefix = left.text.partition("%")[0] if left.text is not None else None
        if prefix == "" and left.text is not None and left.text.startswith("%s"):
            first = values[1] if right.objects and len(values) > 1 else values[0]
            prefix = (first.text + left.text[2:].partition("%")[0]) if first.text is not None else first.prefix
        numeric = left.text is not None and numbers_only(left.text)
        taints = (
            ()
            if numeric
            else merge_taints(
                [
                    left.taints,
                    behind(beginning, right.taints),
                    *(behind(beginning, shown(item, frame.now)) for item in values[1:]),
                ]
            )
        )
        return Value(taints=cleared(taints, ONE_LINE) if quoting else taints, types=frozenset({"str"}), prefix=prefix)

    def text(self, node: ir.Text, frame: Frame) -> Value:
        """Evaluate a text built of parts."""
        values = [self.evaluate(part, frame) for part in node.parts]
        if not node.template:
            values = [self.special(value, "__str__", (), frame, node.at) or value for value in values]
        taints = merge_taints(shown_behind(values, frame))
        if node.template:
            return Value(taints=taints, types=frozenset({"string.templatelib.Template"}))
        prefix = ""
        whole = True
        for value in values:
            only = value.constant
            if only is None or only[1] is UNKNOWN:
                prefix += value.prefix or ""
                whole = False
                break
            prefix += str(only[1])
        if whole and not taints and len(prefix) < LONGEST_TEXT:
            return constant(prefix)
        link = led(values[0], values[1]) if len(values) > 1 else None
        return Value(taints=taints, types=frozenset({"str"}), prefix=prefix, link=link)


def led(first: Value, second: Value) -> tuple[str, Value] | None:
    """Give the link of a text that begins with what the program or its starter chose, and a `/`: its host is not open.

    Behind a `?`, a `#` or one more `&` nothing is open at all.
    """
    if first.link is not None and first.link[0] in LED:
        return (first.link[0], first)
    chosen = all(
        (isinstance(taint.origin, Origin) and taint.origin.trust is Trust.LOCAL) or not taint.dangerous("redirect")
        for taint in first.taints
    )
    begins = second.text if second.text is not None else second.prefix
    if not chosen or not begins or begins.startswith("//"):
        return None
    return ("led by a path", first) if begins[0] in "?#&" else ("led", first) if begins[0] == "/" else None


def numbers_only(template: str) -> bool:
    """Tell whether a `%` template has only conversions that refuse text: they carry no label."""
    letters = conversions(template)
    return bool(letters) and all(letter in "dioxXeEfFgGc" and letter for letter in letters)


def quoted(template: str) -> bool:
    """Tell whether a `%` template has only conversions that leave no line break: representations and numbers."""
    letters = conversions(template)
    return bool(letters) and all(letter in "radioxXeEfFgG" and letter for letter in letters)


def conversions(template: str) -> list[str]:
    """Give the letters of the conversions of a `%` template, "" where one has none."""
    return [part.lstrip("0123456789.-+ #")[:1] for part in template.replace("%%", "").split("%")[1:]]


def shown_behind(values: list[Value], frame: Frame) -> Iterator[tuple[Taint, ...]]:
    """Yield the labels of each part of a text, which stands behind the parts before it."""
    beginning = unknown = ""
    for value in values:
        yield behind(beginning, shown(value, frame.now))
        known = value.text or value.prefix
        if known:
            beginning += unknown + known
        unknown = "" if known else SOMETHING


def joint(node: ir.Expr) -> str | None:
    """Tell of `folder + "/" + name` that something stands before the name, whatever the folder is."""
    before = node.left if isinstance(node, ir.Binary) else None
    last = before.right if isinstance(before, ir.Binary) and before.operator == "+" else None
    return SOMETHING if isinstance(last, ir.Const) and isinstance(last.value, str) and last.value else None

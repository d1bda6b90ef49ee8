"""Guards: what a condition says of the values in it, on the branch where it holds."""

from __future__ import annotations

from casemate.readers.code import ir
from casemate.readers.code.flow.characters import INSIDE
from casemate.readers.code.flow.links import foreign, safer, textual, written
from casemate.readers.code.flow.predicates import Predicates
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import Taint, Value


class Guards(Predicates):
    """Refines values by conditions."""

    def truth(self, value: Value) -> bool | None:
        """Tell whether a value is true, None where it cannot be told."""
        if value.taints:
            return None
        if value.constants is not None:
            outcomes = {bool(item[1]) for item in value.constants}
            return outcomes.pop() if len(outcomes) == 1 else None
        return None

    def refine(self, node: ir.Expr, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Change the frame's state to what holds where a condition came out this way."""
        match node:
            case ir.Not():
                self.refine(node.value, not outcome, frame)
            case ir.Boolean() if (node.operator == "and") == outcome:
                self.refine(node.left, outcome, frame)
                self.refine(node.right, outcome, frame)
            case ir.Boolean():
                self.refine_either(node, outcome, frame)
            case ir.Compare():
                self.refine_compare(node, outcome, frame)
            case ir.Call() | ir.Item():
                self.refine_result(node, outcome, frame)
            case ir.Walrus():
                self.refine(node.value, outcome, frame)
            case ir.Name():
                self.refine_truth(node, outcome, frame)
            case ir.Binary() if node.operator == "-" and not outcome:
                self.refine_difference(node, frame)
            case _:
                return

    def refine_truth(self, node: ir.Name, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Take a variable that holds the verdict of a check for that check, while all in it is what it was then.

        A text that is false is empty.
        """
        condition = frame.conditions.get(node.id)
        value = None if outcome or condition is not None else frame.now.variables.get(node.id)
        if value is not None and textual(value) and not value.references:
            frame.now.variables[node.id] = value.but(taints=())
        if condition is None or frame.state is None:
            return
        held = frame.state.variables
        if held.get(node.id) is condition.result and all(held.get(name) is was for name, was in condition.parts):
            self.refine(condition.node, outcome, frame)
            better = self.quiet(condition.node, frame)
            if condition.result.taints and len(better.taints) <= len(condition.result.taints):
                held = frame.now.variables
                held[node.id] = condition.result.but(taints=better.taints)

    def refine_either(self, node: ir.Boolean, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Keep what holds either way where `a or b` came out true, or `a and b` false."""
        if frame.state is None:
            return
        before = frame.state
        frame.state = before.copy()
        self.refine_side(node.left, outcome, frame)
        first, frame.state = frame.now, before.copy()
        self.refine(node.left, not outcome, frame)
        self.refine_side(node.right, outcome, frame)
        second = frame.now
        at_root = self.is_root(node.right, outcome, frame)
        for name, value in before.variables.items():
            one, other = first.variables.get(name), second.variables.get(name)
            if at_root and value.taints:  # there every path lies inside
                other = value.but(taints=safer(value.taints, INSIDE))
            if one is None or other is None or (one is value or other is value):
                continue
            before.variables[name] = value.but(taints=common(one, other))
        frame.state = before

    def is_root(self, node: ir.Expr, outcome: bool, frame: Frame) -> bool:  # noqa: FBT001 -- the branch taken
        """Tell whether a folder of the program is its own parent there: `dirname(base) == base`."""
        if not isinstance(node, ir.Compare) or node.operators not in {("==",), ("!=",)}:
            return False
        left, right = (self.quiet(part, frame) for part in node.operands)
        return outcome == (node.operators == ("==",)) and (parent_of(left, right) or parent_of(right, left))

    def refine_side(self, node: ir.Expr, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Learn from one part of a condition; what is empty there carries no danger."""
        if isinstance(node, ir.Boolean) and (node.operator == "and") == outcome:
            self.refine_side(node.left, outcome, frame)
            self.refine_side(node.right, outcome, frame)
            return
        self.refine(node, outcome, frame)
        subject, empty = asked(node, outcome)
        value = frame.now.variables.get(subject.id) if isinstance(subject, ir.Name) and empty else None
        if isinstance(subject, ir.Name) and value is not None and value.taints:
            frame.now.variables[subject.id] = value.but(taints=())


def asked(node: ir.Expr, outcome: bool) -> tuple[ir.Expr, bool]:  # noqa: FBT001 -- the branch taken
    """Give what `x`, `not x`, `x is None` or `x is not None` ask about, and whether it is empty there."""
    if isinstance(node, ir.Not):
        return node.value, outcome
    if isinstance(node, ir.Compare) and node.operators in {("is",), ("is not",)} and none(node.operands[1]):
        return node.operands[0], outcome == (node.operators == ("is",))
    return node, not outcome


def parent_of(value: Value, path: Value) -> bool:
    """Tell whether a value is the folder of a path that nobody far away chose."""
    if value.link is None or value.link[0] not in {"os.path.dirname", "attribute parent"} or foreign(value):
        return False
    return written(value.link[1]) is written(path)


def none(node: ir.Expr) -> bool:
    """Tell whether an expression is `None`."""
    return isinstance(node, ir.Const) and node.value is None


def common(one: Value, other: Value) -> tuple[Taint, ...]:
    """Give the labels that remain either way."""
    kept: dict[object, Taint] = {}
    for taint in (*one.taints, *other.taints):
        key = (taint.origin, taint.sure)
        old = kept.get(key)
        kept[key] = taint if old is None else taint._replace(cleared=taint.cleared & old.cleared)
    return tuple(kept.values())

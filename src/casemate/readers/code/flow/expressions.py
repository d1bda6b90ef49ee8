"""Expressions: what each form gives, and what of its parts reaches the result."""

from __future__ import annotations

from typing import assert_never

from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.folding import COMPARISONS
from casemate.readers.code.flow.links import safer, textual
from casemate.readers.code.flow.operators import Operators
from casemate.readers.code.flow.program import Class, dotted
from casemate.readers.code.flow.state import Cell, Frame, join_states
from casemate.readers.code.flow.values import (
    BOOL,
    UNKNOWN_VALUE,
    Closure,
    Value,
    constant,
    join,
    join_all,
    kinds_in_order,
    merge_taints,
)
from casemate.readers.code.view import UNKNOWN


class Expressions(Operators):
    """Evaluates expressions."""

    def evaluate(self, node: ir.Expr, frame: Frame) -> Value:  # noqa: C901, PLR0911, PLR0912 -- one line for each form
        """Give the value of an expression; effects are in the frame's state."""
        self.spend()
        match node:
            case ir.Name():
                return self.variable(node, frame)
            case ir.Const():
                return UNKNOWN_VALUE if node.value is UNKNOWN else constant(node.value)
            case ir.Call():
                value = self.evaluate_call(node, frame)
                return self.recalled(node, value, frame) if value.taints and frame.now.facts else value
            case ir.Attr():
                kept = kept_attribute(node, frame) if frame.keeps else None
                if kept is not None:
                    return kept
                value = self.attribute(self.evaluate(node.value, frame), node.name, frame, node.at)
                return self.recalled(node, value, frame) if value.taints and frame.now.facts else value
            case ir.Item():
                value = self.evaluate_item(node, frame)
                return self.recalled(node, value, frame) if value.taints and frame.now.facts else value
            case ir.Binary():
                return self.binary(node, frame)
            case ir.Text():
                return self.text(node, frame)
            case ir.Sequence():
                return self.sequence(node, frame)
            case ir.Mapping():
                return self.mapping(node, frame)
            case ir.Compare():
                return self.compare(node, frame)
            case ir.Boolean():
                return self.boolean(node, frame)
            case ir.Not():
                known = self.truth(self.evaluate(node.value, frame))
                return BOOL if known is None else constant(not known)
            case ir.Choice():
                return self.choice(node, frame)
            case ir.Comprehension():
                return self.comprehension(node, frame)
            case ir.Star():
                return self.evaluate(node.value, frame)
            case ir.Lambda():
                return self.function_value(node.function, frame)
            case ir.Walrus():
                value = self.evaluate(node.value, frame)
                self.assign(node.target, value, frame)
                return value
            case ir.Unary():
                value = self.evaluate(node.value, frame)
                return Value(taints=value.taints, types=value.types)
            case ir.Yield():
                return self.yielded(node, frame)
            case ir.Slice():
                for part in (node.low, node.high, node.step):
                    if part is not None:
                        self.evaluate(part, frame)
                return UNKNOWN_VALUE
            case ir.Opaque():
                parts = [self.evaluate(part, frame) for part in node.parts]
                return Value(taints=merge_taints(part.taints for part in parts))
            case _:
                assert_never(node)

    def function_value(self, definition: ir.Definition, frame: Frame) -> Value:
        """Give the value of a definition in this frame."""
        outer = frame.function.qualified if frame.function is not None else ""
        if frame.function is None and frame.owner is not None:
            outer = frame.owner.qualified
        owner = frame.owner if frame.function is None else None
        function = frame.module.function(definition, owner, dotted(outer, definition.name))
        closure = Closure(function, frame)
        self.closures[(frame.module.path, definition.node)] = closure
        return Value(references=frozenset({closure}))

    def variable(self, node: ir.Name, frame: Frame) -> Value:
        """Look a name up: here, in the enclosing functions, in the module, among the builtins."""
        found = self.lookup(node.id, frame)
        return UNKNOWN_VALUE if found is None else found

    def evaluate_item(self, node: ir.Item, frame: Frame) -> Value:
        """`value[index]`."""
        value = self.evaluate(node.value, frame)
        if isinstance(node.key, ir.Slice):
            return self.sliced(value, node.key, frame)
        index = self.evaluate(node.key, frame)
        for kind in kinds_in_order(value.types):
            if isinstance(kind, str) and self.library.member(kind, "__getitem__") is not None:
                call = ir.Call(node.at, node.value, (node.key,), ())
                arguments = Arguments((index,), (), None, None)
                return self.apply_outside(f"{kind}.__getitem__", value, arguments, frame, call)
            if isinstance(kind, Class):
                found = self.special(value, "__getitem__", (index,), frame, node.at)
                if found is not None:
                    return found
        return self.item(value, index, frame)

    def sliced(self, value: Value, index: ir.Slice, frame: Frame) -> Value:
        """`value[low:high]`: of a text a text, of a list what is left of it."""
        bounds = [None if part is None else self.evaluate(part, frame).constant for part in index[1:]]
        known = all(
            written is None or (bound is not None and isinstance(bound[1], int | None))
            for written, bound in zip(index[1:], bounds, strict=True)
        )
        numbers = [bound[1] if bound is not None and isinstance(bound[1], int) else None for bound in bounds]
        if known and numbers[2] != 0:
            part = slice(*numbers)
            if value.text is not None:
                return constant(value.text[part])
            exact = self.exact_list(value, frame)
            if exact is not None:
                return self.new_list("list", exact[part], frame)
        prefix = value.prefix if numbers[0] in {None, 0} and not value.prefix and index.step is None else None
        return Value(taints=value.taints, types=value.types, objects=value.objects, prefix=prefix)

    def compare(self, node: ir.Compare, frame: Frame) -> Value:
        """Comparisons give a truth value, and never carry a label."""
        values = [self.evaluate(part, frame) for part in node.operands]
        if len(values) != 2 or len(node.operators) != 1:
            return BOOL
        if node.operators[0] in {"in", "not in"} and values[1].types:
            self.special(values[1], "__contains__", (values[0],), frame, node.at)
        known = self.compared(node.operators[0], values[0], values[1], frame)
        return BOOL if known is None else constant(known)

    def compared(self, sign: str, left: Value, right: Value, frame: Frame) -> bool | None:
        """Fold one comparison."""
        compare = COMPARISONS.get(sign)
        if compare is None or left.constants is None or left.taints or right.taints:
            return None
        others = right.constants
        if sign in {"in", "not in"} and others is None:
            items = self.exact_list(right, frame) or self.exact_keys(right, frame)
            texts = [item.constant for item in items] if items is not None else [None]
            if any(text is None for text in texts):
                return None
            outcomes = {(one in texts) == (sign == "in") for one in left.constants}
            return outcomes.pop() if len(outcomes) == 1 else None
        if others is None:
            return None
        try:
            found = {compare(one, other) for _, one in left.constants for _, other in others}
        except (TypeError, ValueError):
            return None
        return bool(found.pop()) if len(found) == 1 else None

    def boolean(self, node: ir.Boolean, frame: Frame) -> Value:
        """`and`, `or`: the right side is evaluated where the left one lets it."""
        left = self.evaluate(node.left, frame)
        known = self.truth(left)
        stops = node.operator == "or"
        if known is stops:
            return left
        before = frame.now.copy()
        self.refine(node.left, not stops, frame)
        right = self.evaluate(node.right, frame)
        frame.state = join_states(before, frame.state)
        if known is not None:
            return right
        if stops and left.constants is not None:
            kept = frozenset(item for item in left.constants if item[1])
            left = Value(constants=kept or None, types=left.types, prefix=left.prefix)
        return join(left, right)

    def choice(self, node: ir.Choice, frame: Frame) -> Value:
        """`body if test else other`."""
        known = self.truth(self.evaluate(node.test, frame))
        if known is not None:
            return self.evaluate(node.body if known else node.other, frame)
        before = frame.now.copy()
        first = self.chosen_side(node, frame, outcome=True)
        after, frame.state = frame.state, before
        second = self.chosen_side(node, frame, outcome=False)
        frame.state = join_states(after, frame.state) or before
        return join_all(value for value in (first, second) if value is not None)

    def chosen_side(self, node: ir.Choice, frame: Frame, *, outcome: bool) -> Value | None:
        """Evaluate one side of a choice, None where no way leads to it."""
        self.refine(node.test, outcome, frame)
        if frame.state is None:
            return None
        return self.evaluate(node.body if outcome else node.other, frame)

    def comprehension(self, node: ir.Comprehension, frame: Frame) -> Value:
        """Evaluate a comprehension: a loop, but what it binds does not leave it."""
        saved = dict(frame.now.variables)
        for clause in node.clauses:
            items = self.evaluate(clause.items, frame)
            self.assign(clause.target, self.element(items, frame, clause.items.at), frame)
            for test in clause.conditions:
                self.evaluate(test, frame)
                self.refine(test, True, frame)  # noqa: FBT003 -- the branch taken
                frame.state = frame.now
                if isinstance(clause.target, ir.Name) and textual(items):
                    self.only_passing(clause.target, items, test, frame)
        element = self.evaluate(node.element, frame)
        same = self.copied_in_order(node, frame)
        if same is not None:
            return same
        value = self.evaluate(node.value, frame) if node.value is not None else None
        bound = {name.id for clause in node.clauses for name in names_in(clause.target)}
        for name in bound:
            if name in saved:
                frame.now.variables[name] = saved[name]
            else:
                frame.now.variables.pop(name, None)
        if node.kind == "dict" and value is not None:
            cell = Cell("dict", {}, value, {"<keys>": element}, exact=False)
        else:
            cell = Cell("list", {}, element, {}, exact=False)
        kind = "list" if node.kind == "generator" else node.kind
        return Value(types=frozenset({kind}), objects=frozenset({self.allocate(frame.now, cell)}))

    def copied_in_order(self, node: ir.Comprehension, frame: Frame) -> Value | None:
        """`[x for x in known]` is the same list."""
        clause = node.clauses[0]
        alone = len(node.clauses) == 1 and not clause.conditions and node.kind in {"list", "generator"}
        if not alone or not isinstance(clause.target, ir.Name) or not isinstance(node.element, ir.Name):
            return None
        if node.element.id != clause.target.id:
            return None
        items = self.exact_list(self.quiet(clause.items, frame), frame)
        return self.new_list("list", items, frame) if items is not None else None

    def only_passing(self, target: ir.Name, items: Value, test: ir.Expr, frame: Frame) -> None:
        """`for letter in text if test`: know of a character of a text what the test lets through."""
        letter = frame.now.variables.get(target.id)
        if letter is not None and letter.taints:
            kinds = self.of_characters(target, items, test, frame, outcome=True)
            frame.now.variables[target.id] = letter.but(taints=safer(letter.taints, kinds))

    def yielded(self, node: ir.Yield, frame: Frame) -> Value:
        """`yield`: what comes out is an element of what the function returns."""
        if node.value is not None:
            value = self.evaluate(node.value, frame)
            frame.yields.append(self.element(value, frame) if node.delegated else value)
        return UNKNOWN_VALUE

    def evaluate_call(self, node: ir.Call, frame: Frame) -> Value:
        """Evaluate callee and arguments of a call, then call."""
        if isinstance(node.function, ir.Attr):
            receiver = self.evaluate(node.function.value, frame)
            return self.call_method(receiver, node.function.name, self.arguments(node, frame), frame, node)
        callee = self.evaluate(node.function, frame)
        return self.call(callee, self.arguments(node, frame), frame, node)

    def arguments(self, node: ir.Call, frame: Frame) -> Arguments:
        """Evaluate the arguments; `*known_list` is spread."""
        positional: list[Value] = []
        rest: Value | None = None
        for part in node.arguments:
            value = self.evaluate(part, frame)
            if not isinstance(part, ir.Star):
                if rest is None:
                    positional.append(value)
                else:
                    rest = join(rest, value)
                continue
            spread = self.exact_list(value, frame) if rest is None else None
            if spread is not None:
                positional.extend(spread)
            else:
                value = self.element(value, frame)
                rest = value if rest is None else join(rest, value)
        keywords, others = self.keyword_arguments(node, frame)
        return Arguments(tuple(positional), keywords, rest, others)

    def keyword_arguments(self, node: ir.Call, frame: Frame) -> tuple[tuple[tuple[str, Value], ...], Value | None]:
        """Evaluate keyword arguments; `**known_dict` is spread."""
        keywords: list[tuple[str, Value]] = []
        others: Value | None = None
        for name, part in node.keywords:
            value = self.evaluate(part, frame)
            if name:
                keywords.append((name, value))
                continue
            cells = [cell for key in sorted(value.objects) if (cell := frame.now.heap.get(key)) is not None]
            for cell in cells:
                keywords += [(str(k[1]), v) for k, v in cell.items.items() if isinstance(k[1], str)]
            if not cells or not all(cell.exact for cell in cells) or value.taints:
                extra = self.element_of_values(value, frame)
                others = extra if others is None else join(others, extra)
        return tuple(keywords), others


def kept_attribute(node: ir.Attr, frame: Frame) -> Value | None:
    """Give what was stored in an attribute of an instance of which only the class is known."""
    if not isinstance(node.value, ir.Name):
        return None
    owner = frame.now.variables.get(node.value.id)
    return frame.now.variables.get(f"{node.value.id}.{node.name}") if owner is not None and not owner.objects else None


def names_in(target: ir.Expr) -> list[ir.Name]:
    """Give the variables that a target binds."""
    match target:
        case ir.Name():
            return [target]
        case ir.Sequence():
            return [name for item in target.items for name in names_in(item)]
        case ir.Star():
            return names_in(target.value)
        case _:
            return []

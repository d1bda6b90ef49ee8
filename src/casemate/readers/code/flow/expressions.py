"""Expressions: what each form gives, and what of its parts reaches the result."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from casemate.model.finding import Trust
from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments, Base
from casemate.readers.code.flow.containers import numbered
from casemate.readers.code.flow.links import behind, safer, textual
from casemate.readers.code.flow.program import OPERATORS, Class, dotted
from casemate.readers.code.flow.state import Cell, Frame, join_states, shown
from casemate.readers.code.flow.values import (
    BOOL,
    LED,
    ONE_LINE,
    UNKNOWN_VALUE,
    Closure,
    Origin,
    Taint,
    Typed,
    Value,
    cleared,
    constant,
    join,
    join_all,
    kinds_in_order,
    merge_taints,
)
from casemate.readers.code.view import UNKNOWN, Constant

LONGEST_TEXT = 10_000  # of a folded constant
SOMETHING = "?"  # stands for a part of a text that is not known, before one that is


def within(part: Constant, whole: Constant) -> bool:
    """Tell whether a text is part of another. Raises TypeError for what has no parts, or none of this type."""
    if isinstance(part, str) and isinstance(whole, str):
        return part in whole
    if isinstance(part, bytes | int) and isinstance(whole, bytes):
        return part in whole
    raise TypeError(f"{type(part).__name__} in {type(whole).__name__}")


# By name, as typeshed has no type for what takes any two constants and raises TypeError for those that do not fit.
ARITHMETIC: dict[str, Callable[[Constant, Constant], Constant]] = {
    sign: getattr(operator, name)
    for sign, name in {
        "+": "add",
        "-": "sub",
        "*": "mul",
        "//": "floordiv",
        "%": "mod",
        "&": "and_",
        "|": "or_",
        "^": "xor",
        "/": "truediv",
    }.items()
}
COMPARISONS: dict[str, Callable[[Constant, Constant], bool]] = {
    **{
        sign: getattr(operator, name)
        for sign, name in {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}.items()
    },
    "in": within,
    "not in": lambda a, b: not within(a, b),
    "is": lambda a, b: type(a) is type(b) and a == b,
    "is not": lambda a, b: type(a) is not type(b) or a != b,
}


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


class Expressions(Base):
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

    def exact_list(self, value: Value, frame: Frame) -> list[Value] | None:
        """Give the elements of a list or tuple of which all are known."""
        if len(value.objects) != 1 or value.taints:
            return None
        cell = frame.now.heap.get(next(iter(value.objects)))
        if cell is None or not cell.exact or cell.kind not in {"list", "tuple"}:
            return None
        return list(cell.items.values())

    def new_list(self, kind: str, items: Sequence[Value], frame: Frame) -> Value:
        """Put a list, tuple or set of known elements on the heap."""
        if kind == "set":
            cell = Cell(kind, {}, join_all(items) if items else None, {}, exact=False)
            texts = [item.constant for item in items]
            if all(text is not None for text in texts):
                cell = Cell(kind, numbered(items), None, {}, exact=True)
        else:
            cell = Cell(kind, numbered(items), None, {}, exact=True)
        return Value(types=frozenset({kind}), objects=frozenset({self.allocate(frame.now, cell)}))

    def sequence(self, node: ir.Sequence, frame: Frame) -> Value:
        """Evaluate a list, tuple or set display."""
        items: list[Value] = []
        rest: Value | None = None
        for part in node.items:
            value = self.evaluate(part, frame)
            if isinstance(part, ir.Star):
                spread = self.exact_list(value, frame) if rest is None else None
                if spread is not None:
                    items.extend(spread)
                    continue
                whole = bool(value.taints) and not value.objects
                value = self.element(value, frame)
                if whole and rest is None:
                    items.append(value)  # whoever chose all of it chose the first of it
                rest = value if rest is None else join(rest, value)
            elif rest is None and len(items) < 256:
                items.append(value)
            else:
                rest = value if rest is None else join(rest, value)
        if rest is None:
            return self.new_list(node.kind, items, frame)
        cell = Cell(node.kind, numbered(items), rest, {}, exact=False)
        return Value(types=frozenset({node.kind}), objects=frozenset({self.allocate(frame.now, cell)}))

    def mapping(self, node: ir.Mapping, frame: Frame) -> Value:
        """Evaluate a dict display."""
        items: dict[Typed, Value] = {}
        rest: Value | None = None
        keys: list[Value] = []
        exact = True
        for key, part in node.pairs:
            name = None if key is None else self.evaluate(key, frame)
            value = self.evaluate(part, frame)
            if name is not None and name.constant is not None:
                items[name.constant] = value
                continue
            if name is not None and name.constants is not None and not name.taints:  # one of few: it may be each
                for known in sorted(name.constants, key=repr):
                    items[known] = join(items[known], value) if known in items else value
                continue
            if name is None:
                spread = [frame.now.heap[place] for place in sorted(value.objects) if place in frame.now.heap]
                exact = exact and len(spread) < 2  # which of them it is decides which keys there are
                for cell in spread:
                    for known, item in cell.items.items():
                        items[known] = join(items[known], item) if len(spread) > 1 and known in items else item
                    rest = cell.rest if rest is None else join(rest, cell.rest or rest)
                if value.taints or not value.objects:
                    rest = Value(taints=value.taints) if rest is None else join(rest, Value(taints=value.taints))
            else:
                keys.append(name)
                rest = value if rest is None else join(rest, value)
        attributes = {"<keys>": join_all(keys)} if keys else {}
        cell = Cell("dict", items, rest, attributes, exact=exact and rest is None)
        return Value(types=frozenset({"dict"}), objects=frozenset({self.allocate(frame.now, cell)}))

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

    def exact_keys(self, value: Value, frame: Frame) -> list[Value] | None:
        """Give the keys of a dict, or the elements of a set, of which all are known."""
        if len(value.objects) != 1 or value.taints:
            return None
        cell = frame.now.heap.get(next(iter(value.objects)))
        if cell is None or not cell.exact:
            return None
        if cell.kind == "set":
            return list(cell.items.values())
        return [constant(key[1]) for key in cell.items] if cell.kind == "dict" else None

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

    def element_of_values(self, value: Value, frame: Frame) -> Value:
        """Give any value of a dict."""
        rests = [cell.rest for key in sorted(value.objects) if (cell := frame.now.heap.get(key)) and cell.rest]
        return join_all([*rests, Value(taints=value.taints)]) if rests or value.taints else UNKNOWN_VALUE


def fold(sign: str, left: Value, right: Value) -> Value | None:
    """Compute with constants; None where something is unknown, tainted, or would become huge."""
    if left.constants is None or right.constants is None or left.taints or right.taints:
        return None
    compute = ARITHMETIC.get(sign)
    if compute is None or len(left.constants) * len(right.constants) > 16:
        return None
    found: list[Value] = []
    for _, one in sorted(left.constants, key=repr):
        for _, other in sorted(right.constants, key=repr):
            if sign in {"*", "%"} and not small(one, other, sign):
                return None
            try:
                result = compute(one, other)
            except (TypeError, ValueError, ArithmeticError, KeyError):
                return None
            if isinstance(result, str | bytes) and len(result) > LONGEST_TEXT:
                return None
            found.append(constant(result))
    return join_all(found) if found else None


def small(one: Constant, other: Constant, sign: str) -> bool:
    """Tell whether a product or a formatted text stays small."""
    if sign == "%":
        return not isinstance(one, str | bytes) or not any(letter.isdigit() or letter == "*" for letter in str(one))
    numbers = [value for value in (one, other) if isinstance(value, int)]
    texts = [value for value in (one, other) if isinstance(value, str | bytes)]
    return all(abs(number) < 1000 for number in numbers) and all(len(text) < 100 for text in texts)


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

"""Statements: which ways through a body there are, and what holds on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

from casemate.readers.code import ir
from casemate.readers.code.flow.base import NO_ARGUMENTS, Base
from casemate.readers.code.flow.program import OPERATORS, Class
from casemate.readers.code.flow.state import Condition, Frame, State, join_states
from casemate.readers.code.flow.values import UNKNOWN_VALUE, Member, Outside, Package, Value, outside, typed

MOST_ROUNDS = 4  # of a loop; after the second one constants that still change are unknown
CONDITIONS = (ir.Call, ir.Compare, ir.Boolean, ir.Not)
VERDICTS = frozenset({"bool", "NoneType", "re.Match"})  # types of values that say whether something holds
PAIR = frozenset({"tuple"})
FIRST = ir.Const((0, 0), 0)
LEAVING = (ir.Raise, ir.Return)
IN_PLACE = {sign: f"__i{name}__" for sign, name in OPERATORS.items()}


class Statements(Base):
    """Executes statements."""

    def execute(self, block: tuple[ir.Statement, ...], frame: Frame) -> None:
        """Run statements; the frame's state is None where none comes through."""
        for statement in block:
            if frame.state is None:
                return
            self.spend()
            self.run(statement, frame)

    def run(self, node: ir.Statement, frame: Frame) -> None:  # noqa: C901, PLR0912 -- one line for each form
        """Run one statement."""
        match node:
            case ir.Assign():
                self.assign_each(node, frame)
            case ir.Evaluate():
                self.evaluate(node.value, frame)
                self.proven(node.value, frame)
            case ir.If():
                self.branch(node, frame)
            case ir.Return():
                self.finish(node, frame)
            case ir.Define():
                self.define(node, frame)
            case ir.Import():
                self.bind_import(node, frame)
            case ir.For():
                self.iterate(node, frame)
            case ir.While():
                self.repeat(node, frame)
            case ir.Try():
                self.attempt(node, frame)
            case ir.With():
                self.manage(node, frame)
            case ir.Raise():
                if node.value is not None:
                    self.throw(node.value, frame)
                frame.state = None
            case ir.Augmented():
                self.augment(node, frame)
            case ir.Annotated():
                self.annotate(node, frame)
            case ir.DefineClass():
                self.define_class(node, frame)
            case ir.Match():
                self.match(node, frame)
            case ir.Assert():
                self.evaluate(node.test, frame)  # no guard: -O removes it
            case ir.Jump():
                frame.jumps.append((node.kind, frame.now))
                frame.state = None
            case ir.Delete():
                self.delete(node, frame)
            case ir.Outer():
                frame.outer_names.update(dict.fromkeys(node.names, node.is_global))
            case _:
                assert_never(node)

    def assign_each(self, node: ir.Assign, frame: Frame) -> None:
        """Store a value in each target, and learn what the value says of the names in it."""
        value = self.evaluate(node.value, frame)
        if isinstance(node.value, ir.Item) and labelled(node.value.key, frame):
            self.proven(node.value, frame)
        for target in node.targets:
            self.assign(target, value, frame)
        if isinstance(node.value, CONDITIONS) and (value.types & VERDICTS or looks_up(node.value, frame)):
            self.remember(node.value, node.targets, frame)
        elif isinstance(node.value, ir.Call) and value.types == PAIR:
            first = ir.Item(node.value.at, node.value, FIRST)
            firsts = tuple(target.items[0] for target in node.targets if isinstance(target, ir.Sequence))
            self.remember(first, firsts, frame)

    def throw(self, node: ir.Expr, frame: Frame) -> None:
        """`raise Error` makes an object of the class."""
        value = self.evaluate(node, frame)
        classes = frozenset(reference for reference in value.references if isinstance(reference, Class))
        if classes and frame.state is not None:
            self.call(Value(references=classes), NO_ARGUMENTS, frame, ir.Call(node.at, node, (), ()))

    def remember(self, verdict: ir.Expr, targets: tuple[ir.Expr, ...], frame: Frame) -> None:
        """`ok = check(x)`: whether `ok` is true says something of `x`, as long as both stay what they are."""
        if frame.state is None:
            return
        held = frame.state.variables
        parts = tuple((name, held.get(name)) for name in dict.fromkeys(variables_in(verdict)))
        used = {name for name, _ in parts}
        for target in targets:
            if isinstance(target, ir.Name) and target.id in held and target.id not in used:
                if not held[target.id].taints:
                    held[target.id] = held[target.id].but()  # a value of its own: nothing else is this verdict
                frame.conditions[target.id] = Condition(verdict, held[target.id], parts)

    def finish(self, node: ir.Return, frame: Frame) -> None:
        """`return`: remember the value, and what a true result says of the parameters."""
        value = UNKNOWN_VALUE if node.value is None else self.evaluate(node.value, frame)
        if frame.state is not None:
            self.note_return(node, value, frame)
            frame.results.append((value, frame.state, node.value.at if node.value is not None else node.at))
        frame.state = None

    def branch(self, node: ir.If, frame: Frame) -> None:
        """`if`: only the branch that can be taken."""
        known = self.truth(self.evaluate(node.test, frame))
        if known is not None:
            self.refine(node.test, known, frame)
            self.execute(node.body if known else node.other, frame)
            return
        before = frame.now.copy()
        self.spend_on(before)
        self.refine(node.test, True, frame)  # noqa: FBT003 -- the branch taken
        self.execute(node.body, frame)
        after, frame.state = frame.state, before
        self.refine(node.test, False, frame)  # noqa: FBT003 -- the branch taken
        self.execute(node.other, frame)
        frame.state = join_states(after, frame.state)

    def iterate(self, node: ir.For, frame: Frame) -> None:
        """`for`."""
        items = self.evaluate(node.items, frame)

        def body() -> None:
            self.assign(node.target, self.element(items, frame, node.items.at), frame)
            self.execute(node.body, frame)

        self.rounds(frame, body)
        self.looked_through(node, frame)
        self.execute(node.other, frame)

    def looked_through(self, node: ir.For, frame: Frame) -> None:
        """`for bad in BAD: if bad in x: raise`: where the loop ends, the test came out false for each of them."""
        if not isinstance(node.target, ir.Name):
            return
        for statement in node.body:
            if isinstance(statement, ir.If) and not statement.other and self.leaves(statement.body, frame):
                self.refine_for_each(node.target, node.items, statement.test, False, frame)  # noqa: FBT003 -- it came out false

    def leaves(self, block: tuple[ir.Statement, ...], frame: Frame) -> bool:
        """Tell whether a block always leaves the function: it raises, returns, or calls what only raises."""
        last = block[-1] if block else None
        if isinstance(last, ir.Evaluate) and isinstance(last.value, ir.Call) and frame.state is not None:
            callee = self.quiet(last.value.function, frame)
            models = [self.library.find(r.name) for r in callee.references if isinstance(r, Outside)]
            return bool(models) and all(model is not None and model.raises for model in models)
        return isinstance(last, LEAVING)

    def repeat(self, node: ir.While, frame: Frame) -> None:
        """`while`: an endless one is left by `break` only."""
        first = self.truth(self.evaluate(node.test, frame))
        if first is False:
            self.execute(node.other, frame)
            return
        endless = isinstance(node.test, ir.Const) and bool(node.test.value)

        def body() -> None:
            self.evaluate(node.test, frame)
            self.refine(node.test, True, frame)  # noqa: FBT003 -- the branch taken
            self.execute(node.body, frame)

        self.rounds(frame, body, endless=endless)
        if frame.state is not None:
            self.refine(node.test, False, frame)  # noqa: FBT003 -- the branch taken
            self.execute(node.other, frame)

    def rounds(self, frame: Frame, body: Callable[[], None], *, endless: bool = False) -> None:
        """Run a loop to a small fixpoint."""
        outer_jumps, frame.jumps = frame.jumps, []
        entry = frame.now.copy()
        current, youngest = entry, self.fresh
        for number in range(MOST_ROUNDS):
            frame.state = current.copy()
            self.spend_on(current)
            body()
            continued = [state for kind, state in frame.jumps if kind == "continue"]
            frame.jumps = [jump for jump in frame.jumps if jump[0] == "break"]
            after: State | None = frame.state
            for state in continued:
                after = join_states(after, state)
            merged = join_states(current, after) or current
            if merged.same(current, youngest):
                current = merged
                break
            current = widen(current, merged) if number else merged
        left: State | None = None if endless else current
        for _, state in frame.jumps:
            left = join_states(left, state)
        frame.jumps = outer_jumps
        frame.state = left

    def attempt(self, node: ir.Try, frame: Frame) -> None:
        """`try`: a handler begins with what held before, or after any part of the body."""
        before = frame.now.copy()
        middle: State | None = before
        for statement in node.body:
            self.execute((statement,), frame)
            if isinstance(statement, ir.Assign) and node.handlers:
                self.proven(statement.value, frame)
            after = frame.state
            if after is None:
                break
            self.spend_on(after)
            middle = join_states(middle, after.copy())
        if frame.state is not None:
            self.execute(node.other, frame)
        ends = frame.state
        for handler in node.handlers:
            frame.state = (middle or before).copy()
            if handler.type is not None:
                self.evaluate(handler.type, frame)
            if handler.name:
                frame.now.variables[handler.name] = UNKNOWN_VALUE
            self.execute(handler.body, frame)
            ends = join_states(ends, frame.state)
        frame.state = ends
        if node.last:
            reachable = frame.state is not None
            frame.state = frame.state or (middle or before).copy()
            self.execute(node.last, frame)
            if not reachable:
                frame.state = None

    def manage(self, node: ir.With, frame: Frame) -> None:
        """`with`: `__enter__` of a library type by its model, else the object itself."""
        managers: list[tuple[Value, ir.At]] = []
        for item, target in node.items:
            value = self.evaluate(item, frame)
            if any(isinstance(kind, Class) for kind in value.types):
                managers.append((value, item.at))
            entered = self.entered(value, frame, item)
            if target is not None:
                self.assign(target, entered, frame)
        before = frame.now.copy() if managers else None
        self.execute(node.body, frame)
        if before is not None:
            self.exit(managers, before, frame)
        if frame.state is None and any(self.swallows(item) for item, _ in node.items):
            frame.state = State({})

    def exit(self, managers: list[tuple[Value, ir.At]], before: State, frame: Frame) -> None:
        """`__exit__` runs wherever the body was left; what it makes of an exception is not followed."""
        left = frame.state
        if left is None:
            frame.state = before
        for value, at in reversed(managers):
            for name in ("__exit__", "__aexit__"):
                self.special(value, name, (UNKNOWN_VALUE,) * 3, frame, at)
        if left is None or frame.state is None:
            frame.state = left

    def swallows(self, item: ir.Expr) -> bool:
        """Tell whether `with` goes on after an exception: contextlib.suppress."""
        return (
            isinstance(item, ir.Call)
            and isinstance(item.function, ir.Name | ir.Attr)
            and (item.function.id if isinstance(item.function, ir.Name) else item.function.name) == "suppress"
        )

    def entered(self, value: Value, frame: Frame, item: ir.Expr) -> Value:
        """Give what `as` binds."""
        for owner in sorted((t for t in value.types if isinstance(t, str)), key=str):
            model = self.library.member(owner, "__enter__")
            if model is not None and model.returns and model.returns != "self":
                return typed(model.returns).but(taints=value.taints)
        for name in ("__enter__", "__aenter__"):
            result = self.special(value, name, (), frame, item.at)
            if result is not None:
                return result if not result.same(UNKNOWN_VALUE) else value
        return value

    def augment(self, node: ir.Augmented, frame: Frame) -> None:
        """`target += value`."""
        current, value = self.evaluate(node.target, frame), self.evaluate(node.value, frame)
        if node.operator == "+" and "list" in current.types and current.objects:
            call = ir.Call(node.at, ir.Attr(node.at, node.target, "extend"), (node.value,), ())
            self.call_method(current, "extend", NO_ARGUMENTS._replace(positional=(value,)), frame, call)
            return
        result = self.special(current, IN_PLACE.get(node.operator, ""), (value,), frame, node.at)
        if result is None:
            result = self.operate(node.operator, current, value, frame, node.target)
        self.assign(node.target, result, frame)

    def annotate(self, node: ir.Annotated, frame: Frame) -> None:
        """`target: annotation = value`."""
        if frame.function is None and frame.owner is not None and isinstance(node.target, ir.Name):
            frame.owner.annotate(node.target.id)
        if node.value is not None:
            value = self.evaluate(node.value, frame)
            if not value.types and value.constants is None and not value.references:
                kind = self.annotated_type(node.annotation, frame)
                value = value if kind is None else value.but(types=kind.types)
            self.assign(node.target, value, frame)
        elif not (frame.function is None and frame.owner is None):
            kind = self.annotated_type(node.annotation, frame)
            if kind is not None:
                self.assign(node.target, kind, frame)

    def delete(self, node: ir.Delete, frame: Frame) -> None:
        """`del`."""
        for target in node.targets:
            if isinstance(target, ir.Name):
                frame.now.variables.pop(target.id, None)
            elif isinstance(target, ir.Item):
                value, index = self.evaluate(target.value, frame), self.evaluate(target.key, frame)
                if len(value.objects) == 1 and index.constant is not None:
                    place = next(iter(value.objects))
                    cell = frame.now.heap.get(place)
                    if cell is not None and cell.kind == "dict" and index.constant in cell.items:
                        items = {key: item for key, item in cell.items.items() if key != index.constant}
                        frame.now.heap[place] = cell._replace(items=items)

    def match(self, node: ir.Match, frame: Frame) -> None:
        """`match`: cases of literals that cannot be met are not taken."""
        subject = self.evaluate(node.subject, frame)
        ends: State | None = None
        for case in node.cases:
            verdict = self.fits(case, subject)
            if verdict is False or frame.state is None:
                continue
            before = frame.now.copy()
            self.enter_case(case, subject, frame)
            self.execute(case.body, frame)
            ends = join_states(ends, frame.state)
            frame.state = None if verdict is True else before
        frame.state = join_states(ends, frame.state)

    def fits(self, case: ir.Case, subject: Value) -> bool | None:
        """Tell whether a case is met; None where it cannot be told."""
        if case.wildcard and case.guard is None:
            return True
        if case.constants is None or subject.constants is None or subject.taints:
            return None
        met = {
            any(value == other and type(value) is type(other) for other in case.constants)
            for _, value in subject.constants
        }
        outcome = met.pop() if len(met) == 1 else None
        return None if outcome is True and case.guard is not None else outcome

    def enter_case(self, case: ir.Case, subject: Value, frame: Frame) -> None:
        """Bind what a case binds, and know what it says."""
        for name in case.binds:
            bound = subject if case.wildcard else Value(taints=subject.taints)
            frame.now.variables[name.id] = self.stepped(frame, name.at, f"bound to {name.id}", bound)
        if case.constants is not None:
            self.spread(subject, frame, frozenset({"*"}))
        if case.guard is not None:
            self.evaluate(case.guard, frame)
            self.refine(case.guard, True, frame)  # noqa: FBT003 -- the branch taken

    def bind_import(self, node: ir.Import, frame: Frame) -> None:
        """Bind what an import names: a module or member of the program, or something outside."""
        module = self.absolute(node.module, node.level, frame)
        if not node.member:
            self.bind_module(node, module, frame)
        elif node.member == "*":
            self.bind_all(module, frame)
        else:
            frame.now.variables[node.bound] = self.imported_member(module, node, frame)

    def absolute(self, module: str, level: int, frame: Frame) -> str:
        """Make a relative import absolute."""
        if not level:
            return module
        parts = frame.module.package.split(".") if frame.module.package else []
        kept = parts[: len(parts) - level + 1] if level > 1 else parts
        return ".".join([*kept, *([module] if module else [])])

    def bind_module(self, node: ir.Import, name: str, frame: Frame) -> None:
        """`import a.b` binds a; `import a.b as c` binds a.b."""
        wanted = name if node.bound else name.partition(".")[0]
        found = self.program.resolve(wanted, frame.module.path)
        value = Value(references=frozenset({Package(found)})) if found is not None else outside(wanted)
        frame.now.variables[node.bound or wanted] = value

    def bind_all(self, name: str, frame: Frame) -> None:
        """`from a import *`: everything without a leading underscore."""
        found = self.program.resolve(name, frame.module.path)
        if found is None:
            for known in self.library.below(name):
                frame.now.variables.setdefault(known.rpartition(".")[2], outside(known))
            return
        source = self.module_frame(found)
        for key, value in list(source.now.variables.items()):
            if not key.startswith("_"):
                frame.now.variables[key] = self.adopt(value, source.now, frame)

    def imported_member(self, name: str, node: ir.Import, frame: Frame) -> Value:
        """`from name import member`."""
        member, at = node.member, node.at
        inner = self.program.resolve(f"{name}.{member}" if name else member, frame.module.path)
        found = self.program.resolve(name, frame.module.path) if name else None
        if found is not None and found is not frame.module:
            if inner is not None and not found.may_bind(member):
                return Value(references=frozenset({Package(inner)}))
            return Value(references=frozenset({Member(found, member)}))
        if inner is not None:
            return Value(references=frozenset({Package(inner)}))
        return self.outside_value(f"{name}.{member}", frame, at)


def labelled(node: ir.Expr, frame: Frame) -> bool:
    """Tell whether an expression is a variable with a label."""
    value = frame.now.variables.get(node.id) if isinstance(node, ir.Name) else None
    return value is not None and bool(value.taints)


def looks_up(node: ir.Expr, frame: Frame) -> bool:
    """Tell whether a call asks for what stands under a key with a label, which is nothing where there is none."""
    if not isinstance(node, ir.Call) or not isinstance(node.function, ir.Attr):
        return False
    asks = node.function.name.startswith(("get", "find")) and len(node.arguments) == 1
    return asks and labelled(node.arguments[0], frame)


def variables_in(node: ir.Expr) -> Iterator[str]:
    """Yield the variables in a condition, as far as its parts are looked into."""
    if isinstance(node, ir.Name):
        yield node.id
    for part in parts_of(node):
        yield from variables_in(part)


def parts_of(node: ir.Expr) -> tuple[ir.Expr, ...]:  # noqa: PLR0911 -- one line for each form
    """Give the parts of an expression, of those forms that conditions are made of."""
    match node:
        case ir.Attr() | ir.Not():
            return (node.value,)
        case ir.Boolean() | ir.Binary():
            return (node.left, node.right)
        case ir.Compare():
            return node.operands
        case ir.Item():
            return (node.value, node.key)
        case ir.Call():
            return (node.function, *node.arguments, *(value for _, value in node.keywords))
        case ir.Comprehension():
            return (node.element, *(clause.items for clause in node.clauses))
        case _:
            return ()


def widen(before: State, after: State) -> State:
    """Forget constants and beginnings that still change."""
    for name, value in after.variables.items():
        old = before.variables.get(name)
        if old is not None and old.constants != value.constants:
            after.variables[name] = Value(
                taints=value.taints, types=value.types, references=value.references, objects=value.objects
            )
    return after

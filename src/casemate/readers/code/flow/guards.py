"""Guards: what a condition says of the values in it, on the branch where it holds."""

from __future__ import annotations

import re

from casemate.readers.code import ir
from casemate.readers.code.flow.outside import Libraries
from casemate.readers.code.flow.state import Cell, Frame
from casemate.readers.code.flow.values import (
    ONE_LINE,
    Closure,
    Method,
    Outside,
    Taint,
    Token,
    Value,
    cleared,
)

MOST_LINKS = 8  # of a value to what it was taken from
ALL = frozenset({"*"})
TEXT_GUARDS = frozenset(["isdigit", "isalnum", "isidentifier", "isnumeric", "isdecimal", "isalpha"])
NUMERIC = frozenset({"int", "float", "bool", "complex", "uuid.UUID", "datetime.date", "datetime.datetime"})
# What stays dangerous when only a part of a value was compared with a constant: everything but these.
HOST_KINDS = frozenset({"url", "redirect"})
INSIDE = frozenset({"path", "archive"})
PART = {"netloc": HOST_KINDS, "hostname": HOST_KINDS, "host": HOST_KINDS, "parents": INSIDE}


class Guards(Libraries):
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
            case ir.Call():
                self.refine_call(node, outcome, frame)
            case ir.Walrus():
                self.refine(node.value, outcome, frame)
            case ir.Name() | ir.Attr():
                self.refine_truth(node, outcome, frame)
            case _:
                return

    def refine_truth(self, node: ir.Name | ir.Attr, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Take a variable that holds the verdict of a guard for that guard."""
        if not outcome or not isinstance(node, ir.Name):
            return
        value = self.quiet(node, frame)
        if value.link is not None and value.link[0].startswith("verdict "):
            kinds = frozenset(value.link[0].split()[1:])
            self.spread(value.link[1], frame, kinds)

    def refine_either(self, node: ir.Boolean, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Keep what holds either way where `a or b` came out true, or `a and b` false."""
        if frame.state is None:
            return
        before = frame.state
        frame.state = before.copy()
        self.refine(node.left, outcome, frame)
        first, frame.state = frame.state, before.copy()
        self.refine(node.left, not outcome, frame)
        self.refine(node.right, outcome, frame)
        second = frame.state
        for name, value in before.variables.items():
            one, other = first.variables.get(name), second.variables.get(name)
            if one is None or other is None or (one is value or other is value):
                continue
            before.variables[name] = value.but(taints=common(one, other))
        frame.state = before

    def quiet(self, node: ir.Expr, frame: Frame) -> Value:
        """Evaluate what was evaluated before, without its effects on the state."""
        saved = frame.state
        frame.state = frame.now.copy()
        value = self.evaluate(node, frame)
        frame.state = saved
        return value

    def refine_compare(self, node: ir.Compare, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """`x in (constants)`, `x == constant`, `x.netloc == constant`."""
        if len(node.operators) != 1:
            return
        sign = node.operators[0]
        negative = sign in {"not in", "!=", "is not"}
        if outcome == negative:
            self.refine_absence(node, frame)
        if outcome == negative or sign not in {"in", "not in", "==", "!=", "is", "is not"}:
            return
        left, right = node.operands
        if sign in {"in", "not in"}:
            if self.closed(right, frame):
                self.spread(self.quiet(left, frame), frame, ALL)
            else:
                self.contained(right, frame)
            return
        for one, other in ((left, right), (right, left)):
            value = self.quiet(other, frame)
            if foreign(value):
                continue
            if value.constants is not None or isinstance(other, ir.Name | ir.Attr | ir.Call | ir.Item):
                subject = self.quiet(one, frame)
                if subject.taints:
                    self.equal(subject, frame)
                    return

    def refine_absence(self, node: ir.Compare, frame: Frame) -> None:
        """`"\\n" not in x`: the text is one line."""
        left, right = node.operands
        if node.operators[0] in {"in", "not in"} and self.quiet(left, frame).text == "\n":
            self.spread(self.quiet(right, frame), frame, ONE_LINE)

    def equal(self, subject: Value, frame: Frame) -> None:
        """Trust a value that equals something that nobody else chose."""
        self.spread(subject, frame, ALL)
        if subject.link is not None and subject.link[0] == "os.path.commonpath":
            self.spread(subject.link[1], frame, INSIDE)

    def closed(self, node: ir.Expr, frame: Frame) -> bool:
        """Tell whether a collection holds only what the program itself put in: an allow-list."""
        if isinstance(node, ir.Sequence):
            return not any(foreign(self.quiet(part, frame)) for part in node.items)
        value = self.quiet(node, frame)
        if foreign(value):
            return False
        kinds = {cell.kind for cell in self.contents(value, frame)}
        if not kinds:
            if value.constants is not None or value.types & {"str", "bytes"}:
                return False  # a substring is not a member
            return isinstance(node, ir.Name | ir.Attr | ir.Call)
        if "dict" in kinds:
            return not foreign(self.element(value, frame))
        return not any(foreign(item) for cell in self.contents(value, frame) for item in members(cell))

    def contained(self, right: ir.Expr, frame: Frame) -> None:
        """Trust a path with `base in path.parents`: it lies inside."""
        value = self.quiet(right, frame)
        if value.link is not None and value.link[0] == "attribute parents":
            self.spread(value.link[1], frame, INSIDE)

    def refine_call(self, node: ir.Call, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Learn from a call that says something of an argument or of its object."""
        if isinstance(node.function, ir.Attr):
            receiver = self.quiet(node.function.value, frame)
            if self.refine_method(node, node.function, receiver, outcome, frame):
                return
            callee = self.attribute(receiver, node.function.name, frame, node.at)
        else:
            callee = self.quiet(node.function, frame)
        for reference in callee.references:
            if isinstance(reference, Outside):
                self.refine_outside(reference.name, node, outcome, frame)
            elif isinstance(reference, Method):
                self.refine_outside(f"{reference.owner}.{reference.name}", node, outcome, frame)
            elif isinstance(reference, Closure) and outcome:
                self.refine_closure(reference, node, frame)

    def refine_method(
        self,
        node: ir.Call,
        function: ir.Attr,
        receiver: Value,
        outcome: bool,  # noqa: FBT001 -- the branch taken
        frame: Frame,
    ) -> bool:
        """Methods of texts and paths."""
        if not outcome:
            return False
        if function.name in TEXT_GUARDS and not receiver.references:
            self.spread(receiver, frame, ALL)
            return True
        if function.name == "startswith" and node.arguments:
            self.begins(receiver, self.quiet(node.arguments[0], frame), frame)
            return True
        if function.name == "is_relative_to" and node.arguments:
            if not foreign(self.quiet(node.arguments[0], frame)) and resolved(receiver):
                self.spread(receiver, frame, INSIDE)
            return True
        return False

    def begins(self, receiver: Value, beginning: Value, frame: Frame) -> None:
        """`startswith`: of a resolved path its folder, of a URL its host."""
        if foreign(beginning):
            return
        if resolved(receiver):
            self.spread(receiver, frame, INSIDE)
        texts: list[str | None] = [beginning.text] if beginning.text is not None else []
        for cell in self.contents(beginning, frame):
            texts += [item.text for item in members(cell)]
        if texts and all(text is not None and hosted(text) for text in texts):
            self.spread(receiver, frame, HOST_KINDS)

    def refine_outside(self, name: str, node: ir.Call, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Guards of libraries: isinstance, full matches, and what models say."""
        name = self.library.canonical(name)
        if name == "isinstance" and outcome and len(node.arguments) == 2:
            kinds = self.quiet(node.arguments[1], frame)
            items = [v for cell in self.contents(kinds, frame) for v in members(cell)] or [kinds]
            names = {r.name for item in items for r in item.references if isinstance(r, Outside)}
            if names and names <= NUMERIC:
                self.spread(self.quiet(node.arguments[0], frame), frame, ALL)
            return
        if name in {"re.fullmatch", "re.match", "re.search"} and outcome and len(node.arguments) > 1:
            pattern = self.quiet(node.arguments[0], frame).text
            if pattern is not None and harmless_pattern(pattern, name):
                self.spread(self.quiet(node.arguments[1], frame), frame, ALL)
            return
        model = self.library.find(name)
        for guard in model.guards if model is not None else ():
            if guard.negated == outcome or model is None:
                continue
            target = self.argument_node(guard.argument, model.parameters or (), node)
            if target is not None:
                self.spread(self.quiet(target, frame), frame, guard.kinds or ALL)

    def argument_node(self, name: str, parameters: tuple[str, ...], node: ir.Call) -> ir.Expr | None:
        """Give the expression passed for a parameter."""
        if name == "self":
            return node.function.value if isinstance(node.function, ir.Attr) else None
        for keyword, value in node.keywords:
            if keyword == name:
                return value
        place = parameters.index(name) if name in parameters else -1
        return node.arguments[place] if 0 <= place < len(node.arguments) else None

    def refine_closure(self, closure: Closure, node: ir.Call, frame: Frame) -> None:
        """Learn from a predicate of the program what its true result says of its parameters."""
        kinds = self.verdicts(closure, node, frame)
        names = [parameter.name for parameter in closure.function.definition.parameters]
        if closure.receiver is not None:
            names = names[1:]
        for name, cleared_kinds in kinds.items():
            target = self.argument_node(name, tuple(names), node)
            if target is not None and cleared_kinds:
                self.spread(self.quiet(target, frame), frame, cleared_kinds)
        if looks_at_host(closure):
            for target in node.arguments:
                self.spread(self.quiet(target, frame), frame, HOST_KINDS)

    def verdicts(self, closure: Closure, node: ir.Call, frame: Frame) -> dict[str, frozenset[str]]:
        """Give, by parameter, the kinds it is harmless for where the function returned something true."""
        raise NotImplementedError

    def spread(self, value: Value, frame: Frame, kinds: frozenset[str]) -> None:
        """Make a value harmless for these kinds from here on, and what it was taken from as far as that holds there."""
        for _ in range(MOST_LINKS):
            self.replace(value, frame, kinds)
            if value.link is None:
                return
            name, value = value.link
            kinds = narrowed(name, kinds)
            if not kinds:
                return

    def replace(self, value: Value, frame: Frame, kinds: frozenset[str]) -> None:
        """Replace a value wherever a variable, an element or a field holds it."""
        if frame.state is None or not (value.taints or value.objects):
            return
        better = value.but(taints=cleared(value.taints, kinds))
        for name, held in frame.state.variables.items():
            if held is value:
                frame.state.variables[name] = better
        for place, cell in frame.state.heap.items():
            if any(item is value for item in cell.items.values()) or any(
                item is value for item in cell.attributes.values()
            ):
                items = {key: better if item is value else item for key, item in cell.items.items()}
                attributes = {key: better if item is value else item for key, item in cell.attributes.items()}
                frame.state.heap[place] = cell._replace(items=items, attributes=attributes)


def foreign(value: Value) -> bool:
    """Tell whether somebody far away chose a value, or may have: what is local may decide what is allowed."""
    return any(isinstance(taint.origin, Token) or taint.origin.trust.far for taint in value.taints)


def narrowed(name: str, kinds: frozenset[str]) -> frozenset[str]:
    """Give what still holds of the value that a link leads to."""
    last = name.rpartition(".")[2].rpartition(" ")[2]
    if name == "same" or last in {
        "resolve",
        "absolute",
        "realpath",
        "abspath",
        "normpath",
        "Path",
        "PurePath",
        "fspath",
    }:
        return kinds
    if name.startswith("attribute ") and last in PART:
        return PART[last] if "*" in kinds else kinds & PART[last]
    if last in {"urlparse", "urlsplit", "parse_url", "URL", "url_parse"}:
        return kinds & HOST_KINDS
    return frozenset()


def resolved(value: Value) -> bool:
    """Tell whether `..` and links were taken out of a path."""
    for _ in range(MOST_LINKS):
        if value.link is None:
            return False
        name, value = value.link
        if name.rpartition(".")[2] in {"resolve", "realpath", "abspath", "normpath"}:
            return True
    return False


def members(cell: Cell) -> list[Value]:
    """Give all values in a container."""
    return [*cell.items.values(), *((cell.rest,) if cell.rest is not None else ())]


def looks_at_host(closure: Closure) -> bool:
    """Tell whether a predicate of the program takes the host of a URL into account, in whatever way."""
    body = closure.function.node.text or b""
    return b".netloc" in body or b".hostname" in body


def hosted(text: str) -> bool:
    """Tell whether a text fixes the host of a URL that begins with it."""
    scheme, found, rest = text.partition("://")
    return bool(found) and scheme.isalnum() and "/" in rest


def common(one: Value, other: Value) -> tuple[Taint, ...]:
    """Give the labels that remain either way."""
    kept: dict[object, Taint] = {}
    for taint in (*one.taints, *other.taints):
        key = (taint.origin, taint.sure)
        old = kept.get(key)
        kept[key] = taint if old is None else taint._replace(cleared=taint.cleared & old.cleared)
    return tuple(kept.values())


def harmless_pattern(pattern: str, name: str) -> bool:
    """Tell whether a full match admits only letters, digits, `_`, `-` and single dots between them."""
    body = pattern
    ended = name == "re.fullmatch" or body.endswith(("$", r"\Z", r"\z"))
    if not ended or (name == "re.search" and not body.startswith(("^", r"\A"))):
        return False
    body = body.removeprefix("^").removeprefix(r"\A").removesuffix("$").removesuffix(r"\Z").removesuffix(r"\z")
    plain = re.sub(r"\[[\w\-\\]*\]|\\[wdb]|\(\?:|[()?+*|]|\{\d*,?\d*\}|\\\.|\\-", "", body)
    return bool(body) and not re.search(r"[^\w\-]", plain) and "[^" not in body

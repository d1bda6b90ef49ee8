"""Guards: what a condition says of the values in it, on the branch where it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

from casemate.readers.code import ir
from casemate.readers.code.flow.characters import (
    ALL,
    INSIDE,
    NO_PARENT,
    NO_ROOT,
    ONE_LINE,
    PROBES,
    SLASHED,
    harmless_with,
    matched,
    not_beginning,
    settled,
    without,
)
from casemate.readers.code.flow.links import (
    HOST_KINDS,
    MOST_LINKS,
    TEXTUAL,
    foreign,
    narrowed,
    resolved,
    safer,
    textual,
    written,
)
from casemate.readers.code.flow.outside import Libraries
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import (
    Closure,
    Method,
    Outside,
    Taint,
    Token,
    Value,
    constant,
    ordered,
)

MOST_TRIED = 40  # constants of a collection that a check is tried with one by one
NOTHING: frozenset[str] = frozenset()
TEXT_GUARDS = {
    **dict.fromkeys(("isdigit", "isalnum", "isidentifier", "isnumeric", "isdecimal", "isalpha"), ALL),
    "isprintable": ONE_LINE,
}
NUMERIC = frozenset({"int", "float", "bool", "complex", "uuid.UUID", "datetime.date", "datetime.datetime"})
PIECES = frozenset({"split", "attribute parts"})
BUILTIN = frozenset({"any", "all", "bool", "isinstance", "os.path.isabs", "posixpath.isabs"})


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

    def refine_difference(self, node: ir.Binary, frame: Frame) -> None:
        """`if set(name) - ALLOWED: raise`: the text has only allowed characters."""
        subject = set_of(node.left)
        if subject is not None:
            self.only_of(subject, node.right, frame)

    def only_of(self, subject: ir.Expr, allowed: ir.Expr, frame: Frame) -> None:
        """Trust a text that has only characters of a collection that the program fixed."""
        letters = self.letters(self.quiet(allowed, frame), frame)
        if letters is not None:
            self.trust(subject, frame, harmless_with(letters))
        elif self.closed(allowed, frame):
            self.trust(subject, frame, ALL)

    def none_of(self, subject: ir.Expr, refused: ir.Expr, frame: Frame) -> None:
        """Trust a text as far as it goes that has none of some characters."""
        letters = self.letters(self.quiet(refused, frame), frame)
        if letters:
            self.trust(subject, frame, harmless_with(set(PROBES).difference(letters)))

    def letters(self, value: Value, frame: Frame) -> list[str] | None:
        """Give the texts of a collection of which all are known; of a text its characters."""
        if value.taints:
            return None
        if value.text is not None:
            return list(value.text)
        contents = self.contents(value, frame)
        if len(contents) != 1 or not contents[0].exact:
            return None
        cell = contents[0]
        texts = [key[1] for key in cell.items] if cell.kind == "dict" else [item.text for item in cell.items.values()]
        found = [text for text in texts if isinstance(text, str)]
        return found if len(found) == len(texts) else None

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

    def quiet(self, node: ir.Expr, frame: Frame) -> Value:
        """Evaluate what was evaluated before, without its effects on the state; new objects stay."""
        saved = frame.state
        frame.state = frame.now.copy()
        value = self.evaluate(node, frame)
        inner, frame.state = frame.now, saved
        if value.objects:
            self.adopt(value, inner, frame)
        return value

    def refine_compare(self, node: ir.Compare, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """`x in (constants)`, `x == constant`, `x.netloc == constant`, and what of their opposites is a check."""
        if len(node.operators) != 1:
            return
        left, right = node.operands
        holds = outcome != (node.operators[0] in {"not in", "!=", "is not"})
        match node.operators[0]:
            case "in" | "not in":
                refine = self.refine_membership if holds else self.refine_absence
                refine(left, right, frame)
            case "is" | "is not" | "==" | "!=":
                if isinstance(right, ir.Const) and (right.value is None or isinstance(right.value, bool)):
                    self.refine(left, (right.value is True) == holds, frame)
                if holds:
                    self.refine_equality(left, right, frame)
            case "<=" | "<" if outcome:
                self.refine_subset(left, right, frame)
            case _:
                return

    def refine_subset(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> None:
        """`set(name) <= ALLOWED`."""
        subject = set_of(left)
        if subject is not None:
            self.only_of(subject, right, frame)

    def refine_membership(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> None:
        """`x in ALLOWED`, `type(x) in (int, float)`, `base in path.parents`."""
        if self.names_numbers(left, right, frame):
            return
        if self.closed(right, frame):
            self.trust(left, frame, ALL)
        else:
            self.contained(right, frame)

    def refine_equality(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> None:
        """`x == constant`, `x == cleaned(x)`, `type(x) is int`."""
        if self.names_numbers(left, right, frame):
            return
        for one, other in ((left, right), (right, left)):
            value = self.quiet(other, frame)
            if foreign(value):
                self.same_as_cleaned(one, value, frame)
            elif value.constants is not None or isinstance(other, ir.Name | ir.Attr | ir.Call | ir.Item):
                subject = self.quiet(one, frame)
                if subject.taints:
                    self.equal(one, subject, frame)
                    return

    def names_numbers(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> bool:
        """`type(x) is int`: a number is harmless."""
        if not isinstance(left, ir.Call) or not isinstance(left.function, ir.Name) or len(left.arguments) != 1:
            return False
        if left.function.id != "type" or not self.numeric(self.quiet(right, frame), frame):
            return False
        self.trust(left.arguments[0], frame, ALL)
        return True

    def numeric(self, kinds: Value, frame: Frame) -> bool:
        """Tell whether a value is a class of numbers and the like, or several of them."""
        items = [v for cell in self.contents(kinds, frame) for v in cell.members()] or [kinds]
        names = {r.name for item in items for r in item.references if isinstance(r, Outside)}
        return bool(names) and names <= NUMERIC

    def same_as_cleaned(self, node: ir.Expr, clean: Value, frame: Frame) -> None:
        """`if os.path.basename(name) != name: raise`: what cleaning does not change is clean."""
        subject = self.quiet(node, frame)
        origins = {taint.origin for taint in subject.taints}
        if clean.taints and {taint.origin for taint in clean.taints} == origins:
            kinds = clean.taints[0].cleared
            for taint in clean.taints[1:]:
                kinds &= taint.cleared
            self.trust(node, frame, kinds)

    def refine_absence(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> None:
        """`"/" not in x`, `".." not in x.split("/")`, `letter not in "/."`: what a text does not have."""
        part = self.quiet(left, frame)
        if part.text is not None:
            kinds = without(part.text)
            whole = self.quiet(right, frame) if kinds else None
            if whole is not None and textual(whole):
                self.trust(right, frame, kinds)
            elif whole is not None and whole.link is not None and whole.link[0] in PIECES:
                self.spread(whole.link[1], frame, kinds & {NO_PARENT})
            elif whole is not None and set_of(right) is not None:
                self.trust(set_of(right) or right, frame, kinds)

    def equal(self, node: ir.Expr, subject: Value, frame: Frame) -> None:
        """Trust a value that equals something that nobody else chose."""
        self.trust(node, frame, ALL)
        if subject.link is not None and subject.link[0] in {"os.path.commonpath", "os.path.commonprefix"}:
            for cell in self.contents(subject.link[1], frame):
                for item in cell.members():
                    if resolved(item):
                        self.inside(item, frame)
            listed = node.arguments[0] if isinstance(node, ir.Call) and node.arguments else None
            for part in listed.items if isinstance(listed, ir.Sequence) else ():
                path = self.quiet(part, frame)
                if resolved(path):
                    self.inside(path, frame)

    def closed(self, node: ir.Expr, frame: Frame) -> bool:
        """Tell whether a collection holds only what the program itself put in: an allow-list."""
        if isinstance(node, ir.Sequence):
            return not any(foreign(self.quiet(part, frame)) for part in node.items)
        value = self.quiet(node, frame)
        of_module = isinstance(node, ir.Name) and frame.function is not None and node.id not in frame.now.variables
        if foreign(value) or (of_module and isinstance(node, ir.Name) and frame.module.fills(node.id)):
            return False
        kinds = {cell.kind for cell in self.contents(value, frame)}
        if not kinds and value.constants is not None:
            return bool(value.text)  # what is found in it is a part of what the program wrote
        if not kinds:  # of a text that is not known, a part is no member
            return not value.types & {"str", "bytes"} and isinstance(node, ir.Name | ir.Attr | ir.Call | ir.Item)
        if "dict" in kinds:
            return not foreign(self.element(value, frame))
        return not any(foreign(item) for cell in self.contents(value, frame) for item in cell.members())

    def contained(self, right: ir.Expr, frame: Frame) -> None:
        """Trust a path with `base in path.parents`: it lies inside."""
        value = self.quiet(right, frame)
        if value.link is not None and value.link[0] == "attribute parents" and resolved(value.link[1]):
            self.inside(value.link[1], frame)

    def refine_result(self, node: ir.Call | ir.Item, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Learn from a call, or from the first of a pair that a predicate of the program gives: `check(x)[0]`."""
        if isinstance(node, ir.Call):
            self.refine_call(node, outcome, frame)
        elif isinstance(node.value, ir.Call) and isinstance(node.key, ir.Const) and node.key.value == 0:
            for reference in ordered(self.quiet(node.value.function, frame).references):
                if isinstance(reference, Closure):
                    self.refine_closure(reference, node.value, outcome, frame, first=True)

    def refine_call(self, node: ir.Call, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Learn from a call that says something of an argument or of its object."""
        if isinstance(node.function, ir.Attr):
            receiver = self.quiet(node.function.value, frame)
            if self.refine_method(node, node.function, receiver, outcome, frame):
                return
            callee = self.attribute(receiver, node.function.name, frame, node.at)
            asks = node.function.name.startswith(("get", "find")) and len(node.arguments) == 1
            if outcome and asks and not callee.references:
                self.found_by(node.function.value, receiver, node.arguments[0], frame)
        else:
            callee = self.quiet(node.function, frame)
        for reference in ordered(callee.references):
            if isinstance(reference, Outside):
                self.refine_outside(reference.name, node, outcome, frame)
            elif isinstance(reference, Method):
                self.refine_outside(f"{reference.owner}.{reference.name}", node, outcome, frame)
            elif isinstance(reference, Closure):
                self.refine_closure(reference, node, outcome, frame)

    def refine_method(  # noqa: PLR0911 -- one line for each kind of method
        self,
        node: ir.Call,
        function: ir.Attr,
        receiver: Value,
        outcome: bool,  # noqa: FBT001 -- the branch taken
        frame: Frame,
    ) -> bool:
        """Methods of texts, paths and sets."""
        first = node.arguments[0] if node.arguments else None
        if function.name in TEXT_GUARDS and not receiver.references:
            self.trust(function.value, frame, TEXT_GUARDS[function.name] if outcome else NOTHING)
            return True
        if function.name == "is_absolute":
            self.trust(function.value, frame, NOTHING if outcome else frozenset({NO_ROOT}))
            return True
        if first is None:
            return False
        if function.name == "get" and outcome and len(node.arguments) == 1 and receiver.objects:
            self.found_by(function.value, receiver, first, frame)
            return True
        if function.name == "startswith":
            begins = self.begins if outcome else self.begins_not
            begins(function.value, receiver, self.quiet(first, frame), frame)
            return True
        if function.name == "is_relative_to":
            if outcome and not foreign(self.quiet(first, frame)) and resolved(receiver):
                self.inside(receiver, frame)
            return True
        subject = set_of(function.value) if outcome and function.name in {"issubset", "isdisjoint"} else None
        if subject is not None:
            check = self.only_of if function.name == "issubset" else self.none_of
            check(subject, first, frame)
        return subject is not None

    def found_by(self, table: ir.Expr, value: Value, key: ir.Expr, frame: Frame) -> None:
        """`if known.get(x) is None: return`: x is a key of what the program wrote down, or names what exists.

        Who may fill what is not known is not known: then only a name with a line break in it is ruled out.
        """
        if not self.quiet(key, frame).taints:
            return
        written = any(cell.kind == "dict" and (cell.items or cell.rest) for cell in self.contents(value, frame))
        if written and self.closed(table, frame):
            self.trust(key, frame, ALL)
        elif written and foreign(self.element(value, frame)):
            return
        elif not value.taints and not value.types & TEXTUAL:
            self.trust(key, frame, ONE_LINE)

    def begins(self, node: ir.Expr, receiver: Value, beginning: Value, frame: Frame) -> None:
        """`startswith`: of a resolved path its folder, of a URL its host."""
        if foreign(beginning):
            return
        if resolved(receiver):
            self.inside(receiver, frame)
        texts = self.beginnings(beginning, frame)
        if texts and all(hosted(text) for text in texts):
            self.trust(node, frame, HOST_KINDS)
        if texts and all(text and not text.startswith("-") for text in texts):
            self.trust(node, frame, frozenset({"argument"}))
        if texts == ["/"]:
            self.trust(node, frame, frozenset({SLASHED}))

    def begins_not(self, node: ir.Expr, receiver: Value, beginning: Value, frame: Frame) -> None:
        """`if x.startswith("/"): raise`: what does not begin so."""
        for text in self.beginnings(beginning, frame):
            self.trust(node, frame, not_beginning(text, resolved=resolved(receiver)))
            if text in {"..", "../"} and receiver.link is not None and receiver.link[0] == "os.path.relpath":
                self.inside(receiver.link[1], frame)

    def beginnings(self, value: Value, frame: Frame) -> list[str]:
        """Give the texts that `startswith` is asked for, none where one is not known."""
        if value.text is not None:
            return [value.text]
        return self.letters(value, frame) or []

    def refine_outside(self, name: str, node: ir.Call, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """Guards of libraries: isinstance, matches of patterns, and what models say."""
        name = self.library.canonical(name)
        if name in BUILTIN and node.arguments:
            self.refine_builtin(name, node.arguments, outcome, frame)
            return
        if name.startswith("re."):
            if outcome:
                self.refine_match(name, node, frame)
            return
        model = self.library.find(name)
        for guard in model.guards if model is not None else ():
            if guard.negated == outcome or model is None:
                continue
            target = self.argument_node(guard.argument, model.parameters or (), node)
            if target is not None:
                self.trust(target, frame, guard.kinds or ALL)

    def refine_builtin(self, name: str, given: tuple[ir.Expr, ...], outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- the branch taken
        """`any`, `all`, `bool`, `isinstance`, and `isabs` of a path."""
        match name:
            case "any" | "all" if outcome == (name == "all"):
                self.refine_each(given[0], outcome, frame)
            case "bool":
                self.refine(given[0], outcome, frame)
            case "isinstance" if outcome and len(given) == 2 and self.numeric(self.quiet(given[1], frame), frame):
                self.trust(given[0], frame, ALL)
            case "os.path.isabs" | "posixpath.isabs" if not outcome:
                self.trust(given[0], frame, frozenset({NO_ROOT}))
            case _:
                return

    def refine_match(self, name: str, node: ir.Call, frame: Frame) -> None:
        """`re.fullmatch(pattern, x)` and `PATTERN.fullmatch(x)`: the whole text is of the pattern's characters."""
        kind, _, method = name.removeprefix("re.").rpartition(".")
        if method not in {"match", "search", "fullmatch"}:
            return
        parameters = ("string",) if kind == "Pattern" else ("pattern", "string")
        subject = self.argument_node("string", parameters, node)
        if kind == "Pattern":
            compiled = self.quiet(node.function.value, frame) if isinstance(node.function, ir.Attr) else Value()
            pattern = compiled.link[1].text if compiled.link is not None and compiled.link[0] == "re.compile" else None
        else:
            written = self.argument_node("pattern", parameters, node)
            pattern = self.quiet(written, frame).text if written is not None else None
        if pattern is not None and subject is not None:
            self.trust(subject, frame, matched(pattern, method))

    def refine_each(self, node: ir.Expr, outcome: bool, frame: Frame) -> None:  # noqa: FBT001 -- what holds for each
        """`any(bad in x for bad in BAD)` came out false, or `all(c in GOOD for c in x)` true."""
        if not isinstance(node, ir.Comprehension) or len(node.clauses) != 1 or node.value is not None:
            return
        clause = node.clauses[0]
        if isinstance(clause.target, ir.Name) and not clause.conditions:
            self.refine_for_each(clause.target, clause.items, node.element, outcome, frame)

    def refine_for_each(
        self,
        target: ir.Name,
        items: ir.Expr,
        test: ir.Expr,
        outcome: bool,  # noqa: FBT001 -- what holds for each
        frame: Frame,
    ) -> None:
        """Learn from a test that came out one way for every element: constants one by one, characters by trying."""
        if frame.state is None:
            return
        value = self.quiet(items, frame)
        saved = frame.state.variables.get(target.id)
        tried = self.letters(value, frame)
        if tried is not None:
            for text in tried[:MOST_TRIED]:
                frame.now.variables[target.id] = constant(text)
                self.refine(test, outcome, frame)
        elif textual(value):
            self.trust(items, frame, self.of_characters(target, value, test, frame, outcome=outcome))
        elif value.link is not None and value.link[0] in PIECES:
            passing = self.passing(["..", ""], target, test, outcome, frame)
            marks = {NO_PARENT: "..", NO_ROOT: ""}
            self.spread(value.link[1], frame, frozenset(mark for mark, text in marks.items() if text not in passing))
        if saved is None:
            frame.now.variables.pop(target.id, None)
        else:
            frame.now.variables[target.id] = saved

    def of_characters(
        self, target: ir.Name, value: Value, test: ir.Expr, frame: Frame, *, outcome: bool
    ) -> frozenset[str]:
        """Give the kinds for which a text is harmless whose characters all pass a test."""
        saved = frame.now.copy()
        frame.now.variables[target.id] = letter = Value(taints=value.taints, types=frozenset({"str"}))
        self.refine(test, outcome, frame)
        after, frame.state = frame.now.variables.get(target.id), saved
        if after is not None and after is not letter and not after.taints:
            return ALL
        return harmless_with(self.passing(PROBES, target, test, outcome, frame))

    def passing(self, texts: Iterable[str], target: ir.Name, test: ir.Expr, outcome: bool, frame: Frame) -> list[str]:  # noqa: FBT001 -- what holds for each
        """Give the texts for which a test may come out this way."""
        saved = frame.now
        frame.state = saved.copy()
        found: list[str] = []
        for text in texts:
            frame.now.variables[target.id] = constant(text)
            if self.truth(self.evaluate(test, frame)) is not (not outcome):
                found.append(text)
        frame.state = saved
        return found

    def argument_node(self, name: str, parameters: tuple[str, ...], node: ir.Call) -> ir.Expr | None:
        """Give the expression passed for a parameter."""
        if name == "self":
            return node.function.value if isinstance(node.function, ir.Attr) else None
        for keyword, value in node.keywords:
            if keyword == name:
                return value
        place = parameters.index(name) if name in parameters else -1
        return node.arguments[place] if 0 <= place < len(node.arguments) else None

    def refine_closure(
        self,
        closure: Closure,
        node: ir.Call,
        outcome: bool,  # noqa: FBT001 -- the branch taken
        frame: Frame,
        *,
        first: bool = False,
    ) -> None:
        """Learn from a predicate of the program what its result, or the first part of it, says of its parameters."""
        kinds = self.verdicts(closure, node, frame, outcome=outcome, first=first)
        names = [parameter.name for parameter in closure.function.definition.parameters]
        if closure.receiver is not None:
            names = names[1:]
        for name, cleared_kinds in kinds.items():
            target = self.argument_node(name, tuple(names), node)
            if target is not None and cleared_kinds:
                self.trust(target, frame, cleared_kinds)
        if outcome and looks_at_host(closure):
            for target in (*node.arguments, *(value for _, value in node.keywords)):
                self.trust(target, frame, HOST_KINDS)

    def trust(self, node: ir.Expr, frame: Frame, kinds: frozenset[str]) -> None:
        """Make what an expression gives harmless from here on, also where it is written again."""
        if not kinds or frame.state is None:
            return
        value = self.quiet(node, frame)
        self.spread(value, frame, kinds)
        if value.taints and not isinstance(node, ir.Name):
            key = spelled(node)
            if key:
                old = frame.state.facts.get(key, (NOTHING, None))[0]
                fact = (settled(old | kinds), frame.state.variables.get(root(key)))
                frame.state.facts = {**frame.state.facts, key: fact}

    def inside(self, path: Value, frame: Frame) -> None:
        """Trust a resolved path that lies inside a folder, and the parameters that it was made of.

        Whoever passed them makes the same path of them. Only of a parameter is it known that all of a label is it.
        """
        self.spread(path, frame, INSIDE)
        origins = {taint.origin for taint in path.taints}
        if frame.state is None or not all(isinstance(origin, Token) for origin in origins):
            return
        for name, value in frame.state.variables.items():
            if value.taints and origins.issuperset(taint.origin for taint in value.taints):
                frame.state.variables[name] = value.but(taints=safer(value.taints, INSIDE))

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
        better = value.but(taints=safer(value.taints, kinds))
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

    def recalled(self, node: ir.Expr, value: Value, frame: Frame) -> Value:
        """Give a value with what was learnt of the same expression before."""
        key = spelled(node)
        fact = frame.now.facts.get(key) if key else None
        if fact is None or frame.now.variables.get(root(key)) is not fact[1]:
            return value
        return value.but(taints=safer(value.taints, fact[0]))


def spelled(node: ir.Expr) -> str:
    """Write an expression down that gives the same whenever it is evaluated: names, attributes, constant keys."""
    match node:
        case ir.Name():
            return node.id
        case ir.Attr():
            inner = spelled(node.value)
            return f"{inner}.{node.name}" if inner else ""
        case ir.Item() if isinstance(node.key, ir.Const):
            inner = spelled(node.value)
            return f"{inner}[{node.key.value!r}]" if inner else ""
        case ir.Call() if isinstance(node.function, ir.Attr) and node.function.name in {"get", "getlist", "getone"}:
            inner = spelled(node.function)
            keys = [repr(key.value) for key in node.arguments if isinstance(key, ir.Const)]
            plain = len(keys) == len(node.arguments) and not node.keywords
            return f"{inner}({', '.join(keys)})" if inner and plain else ""
        case _:
            return ""


def root(key: str) -> str:
    """Give the variable that a spelled expression starts from."""
    return re.split(r"[.\[(]", key, maxsplit=1)[0]


def set_of(node: ir.Expr) -> ir.Expr | None:
    """Give the text in `set(text)`."""
    if isinstance(node, ir.Call) and isinstance(node.function, ir.Name) and node.function.id in {"set", "frozenset"}:
        return node.arguments[0] if len(node.arguments) == 1 else None
    return None


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

"""Predicates: what a call says of its arguments and of its object, where its result is true or false."""

from __future__ import annotations

from collections.abc import Iterable

from casemate.readers.code import ir
from casemate.readers.code.flow.characters import (
    ALL,
    NO_PARENT,
    NO_ROOT,
    ONE_LINE,
    PROBES,
    SLASHED,
    harmless_with,
    matched,
    not_beginning,
)
from casemate.readers.code.flow.comparisons import PIECES, Comparisons, set_of
from casemate.readers.code.flow.links import HOST_KINDS, TEXTUAL, foreign, resolved, textual
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.trust import NOTHING
from casemate.readers.code.flow.values import Closure, Method, Outside, Value, constant, ordered

MOST_TRIED = 40  # constants of a collection that a check is tried with one by one
TEXT_GUARDS = {
    **dict.fromkeys(("isdigit", "isalnum", "isidentifier", "isnumeric", "isdecimal", "isalpha"), ALL),
    "isprintable": ONE_LINE,
}
BUILTIN = frozenset({"any", "all", "bool", "isinstance", "os.path.isabs", "posixpath.isabs"})


class Predicates(Comparisons):
    """Refines values by the results of calls."""

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

    def argument_node(self, name: str, parameters: tuple[str, ...], node: ir.Call) -> ir.Expr | None:
        """Give the expression passed for a parameter."""
        if name == "self":
            return node.function.value if isinstance(node.function, ir.Attr) else None
        for keyword, value in node.keywords:
            if keyword == name:
                return value
        place = parameters.index(name) if name in parameters else -1
        return node.arguments[place] if 0 <= place < len(node.arguments) else None


def looks_at_host(closure: Closure) -> bool:
    """Tell whether a predicate of the program takes the host of a URL into account, in whatever way."""
    body = closure.function.node.text or b""
    return b".netloc" in body or b".hostname" in body


def hosted(text: str) -> bool:
    """Tell whether a text fixes the host of a URL that begins with it."""
    scheme, found, rest = text.partition("://")
    return bool(found) and scheme.isalnum() and "/" in rest

"""Comparisons: what `==`, `in`, `<=`, `is` and their opposites say of what is compared."""

from __future__ import annotations

from casemate.readers.code import ir
from casemate.readers.code.flow.characters import ALL, NO_PARENT, PROBES, harmless_with, without
from casemate.readers.code.flow.links import foreign, resolved, textual
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.trust import Trusting
from casemate.readers.code.flow.values import Outside, Value

NUMERIC = frozenset({"int", "float", "bool", "complex", "uuid.UUID", "datetime.date", "datetime.datetime"})
PIECES = frozenset({"split", "attribute parts"})


class Comparisons(Trusting):
    """Refines values by comparisons, and by what a collection holds."""

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

    def same_as_cleaned(self, node: ir.Expr, clean: Value, frame: Frame) -> None:
        """`if os.path.basename(name) != name: raise`: what cleaning does not change is clean."""
        subject = self.quiet(node, frame)
        origins = {taint.origin for taint in subject.taints}
        if clean.taints and {taint.origin for taint in clean.taints} == origins:
            kinds = clean.taints[0].cleared
            for taint in clean.taints[1:]:
                kinds &= taint.cleared
            self.trust(node, frame, kinds)

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

    def refine_membership(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> None:
        """`x in ALLOWED`, `type(x) in (int, float)`, `base in path.parents`."""
        if self.names_numbers(left, right, frame):
            return
        if self.closed(right, frame):
            self.trust(left, frame, ALL)
        else:
            self.contained(right, frame)

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

    def refine_subset(self, left: ir.Expr, right: ir.Expr, frame: Frame) -> None:
        """`set(name) <= ALLOWED`."""
        subject = set_of(left)
        if subject is not None:
            self.only_of(subject, right, frame)

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


def set_of(node: ir.Expr) -> ir.Expr | None:
    """Give the text in `set(text)`."""
    if isinstance(node, ir.Call) and isinstance(node.function, ir.Name) and node.function.id in {"set", "frozenset"}:
        return node.arguments[0] if len(node.arguments) == 1 else None
    return None

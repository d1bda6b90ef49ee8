"""Trust: what is known to be harmless from here on, wherever the value is held and however it is written."""

from __future__ import annotations

import re

from casemate.readers.code import ir
from casemate.readers.code.flow.characters import INSIDE, settled
from casemate.readers.code.flow.links import MOST_LINKS, narrowed, safer
from casemate.readers.code.flow.outside import Libraries
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import Token, Value

NOTHING: frozenset[str] = frozenset()


class Trusting(Libraries):
    """Makes values harmless for kinds of sinks."""

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

    def quiet(self, node: ir.Expr, frame: Frame) -> Value:
        """Evaluate what was evaluated before, without its effects on the state; new objects stay."""
        saved = frame.state
        frame.state = frame.now.copy()
        value = self.evaluate(node, frame)
        inner, frame.state = frame.now, saved
        if value.objects:
            self.adopt(value, inner, frame)
        return value


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

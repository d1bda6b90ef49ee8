"""Displays: lists, tuples, sets and dicts as they are written, and what of them is known exactly."""

from __future__ import annotations

from collections.abc import Sequence

from casemate.readers.code import ir
from casemate.readers.code.flow.base import Base
from casemate.readers.code.flow.containers import numbered
from casemate.readers.code.flow.state import Cell, Frame
from casemate.readers.code.flow.values import UNKNOWN_VALUE, Typed, Value, constant, join, join_all


class Displays(Base):
    """Makes collections."""

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

    def exact_list(self, value: Value, frame: Frame) -> list[Value] | None:
        """Give the elements of a list or tuple of which all are known."""
        if len(value.objects) != 1 or value.taints:
            return None
        cell = frame.now.heap.get(next(iter(value.objects)))
        if cell is None or not cell.exact or cell.kind not in {"list", "tuple"}:
            return None
        return list(cell.items.values())

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

    def element_of_values(self, value: Value, frame: Frame) -> Value:
        """Give any value of a dict."""
        rests = [cell.rest for key in sorted(value.objects) if (cell := frame.now.heap.get(key)) and cell.rest]
        return join_all([*rests, Value(taints=value.taints)]) if rests or value.taints else UNKNOWN_VALUE

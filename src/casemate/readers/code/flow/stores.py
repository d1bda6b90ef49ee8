"""Stores: where a value goes that is assigned."""

from __future__ import annotations

from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.classes import Classes, long_passed
from casemate.readers.code.flow.program import Class
from casemate.readers.code.flow.state import Frame
from casemate.readers.code.flow.values import UNKNOWN_VALUE, Value, constant, join, kinds_in_order, ordered


class Stores(Classes):
    """Assigns to variables, attributes, items and patterns of them."""

    def assign(self, target: ir.Expr, value: Value, frame: Frame) -> None:
        """Store a value."""
        match target:
            case ir.Name():
                self.assign_name(target, value, frame)
            case ir.Attr():
                owner = self.evaluate(target.value, frame)
                self.keep_attribute(target, owner, value, frame)
                self.set_field(
                    owner,
                    target.name,
                    self.stepped(frame, target.at, f"stored in .{target.name}", value),
                    frame,
                    target.at,
                )
            case ir.Item():
                owner = self.evaluate(target.value, frame)
                index = self.evaluate(target.key, frame)
                self.store(owner, index, self.stepped(frame, target.at, "stored in a container", value), frame)
                self.set_item_of_library(owner, index, value, frame, target)
            case ir.Sequence():
                self.unpack(target, value, frame)
            case ir.Star():
                self.assign(target.value, self.listed([value], frame), frame)
            case _:
                return

    def assign_name(self, target: ir.Name, value: Value, frame: Frame) -> None:
        """Store in a variable of this frame, of an enclosing one, or of the module."""
        value = self.stepped(frame, target.at, f"assigned to {target.id}", value)
        scope = frame.outer_names.get(target.id)
        if scope is None:
            frame.now.variables[target.id] = value
        elif scope:
            self.stores += 1
            module = frame.module
            old = module.globals.get(target.id)
            module.globals[target.id] = value if old is None else join(old, value)
            frame.now.variables[target.id] = value
        else:
            self.stores += 1
            outer = frame.outer
            while outer is not None and target.id not in outer.now.variables and outer.outer is not None:
                outer = outer.outer
            if outer is not None:
                old = outer.now.variables.get(target.id)
                outer.now.variables[target.id] = value if old is None else join(old, value)
            frame.now.variables[target.id] = value

    def keep_attribute(self, target: ir.Attr, owner: Value, value: Value, frame: Frame) -> None:
        """Remember the object in an attribute, `self.db = connect()`, of an instance that only its class is known of.

        It stands among the variables, under a name that none has.
        """
        if owner.objects or frame.function is None or not isinstance(target.value, ir.Name):
            return
        name = f"{target.value.id}.{target.name}"
        frame.now.variables.pop(name, None)
        objects = any(isinstance(kind, Class) or "." in kind for kind in value.types)
        if objects and any(isinstance(kind, Class) for kind in owner.types):
            frame.now.variables[name] = value
            frame.keeps = True

    def set_field(self, value: Value, name: str, item: Value, frame: Frame, at: ir.At = (0, 0)) -> None:
        """Store an attribute: in the object, or in what is known of all objects of the class."""
        self.mutate(value, frame, lambda cell: cell._replace(attributes={**cell.attributes, name: item}))
        for kind in kinds_in_order(value.types):
            if isinstance(kind, str) and self.library.member(kind, name) is not None:
                model = self.library.member(kind, name)
                for sink in model.sinks if model is not None and model.parameters is None else ():
                    self.arrive(sink.kind, f"{kind}.{name}", name, item, frame, at)
            shared = self.shared(kind, frame) if isinstance(kind, str) else None
            if shared is not None:
                self.share_field(shared, name, long_passed(item))
        if not value.objects:
            for reference in ordered(value.references):
                if isinstance(reference, Class):
                    self.stores += 1
                    old = reference.members.get(name)
                    reference.members[name] = item if old is None else join(old, item)

    def set_item_of_library(self, owner: Value, index: Value, value: Value, frame: Frame, target: ir.Item) -> None:
        """`response.headers["X"] = value` is a call of `__setitem__`."""
        for kind in kinds_in_order(owner.types):
            if isinstance(kind, str) and self.library.member(kind, "__setitem__") is not None:
                call = ir.Call(target.at, target, (), ())
                arguments = Arguments((index, value), (), None, None)
                self.apply_outside(f"{kind}.__setitem__", owner, arguments, frame, call)
            elif isinstance(kind, Class):
                self.special(owner, "__setitem__", (index, value), frame, target.at)

    def unpack(self, target: ir.Sequence, value: Value, frame: Frame) -> None:
        """Store each part: `a, *b = value`."""
        star = next((place for place, part in enumerate(target.items) if isinstance(part, ir.Star)), None)
        items = self.exact_list(value, frame)
        for place, part in enumerate(target.items):
            if star is None or place < star:
                index = place
            elif place > star and items is not None:
                index = len(items) - len(target.items) + place
            elif items is not None:
                rest = items[star : len(items) - len(target.items) + star + 1]
                self.assign(ir.Star(part.at, part), UNKNOWN_VALUE, frame)
                self.assign(part.value if isinstance(part, ir.Star) else part, self.exact_items(rest, frame), frame)
                continue
            else:
                inner = part.value if isinstance(part, ir.Star) else part
                element = self.element(value, frame)
                self.assign(inner, self.listed([element], frame) if isinstance(part, ir.Star) else element, frame)
                continue
            self.assign(part, self.item(value, constant(index), frame), frame)

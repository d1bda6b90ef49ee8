"""Decorators: what they make of a function, worked out where they stand or when it is first asked for."""

from __future__ import annotations

from casemate.libraries import Library
from casemate.readers.code import ir
from casemate.readers.code.flow.annotations import Annotations
from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.calls import bound
from casemate.readers.code.flow.program import Class, Program
from casemate.readers.code.flow.state import Frame, Heap
from casemate.readers.code.flow.values import UNKNOWN_VALUE, Closure, Deferred, Outside, Reference, Value, join


class Decorators(Annotations):
    """Defines functions, and applies their decorators."""

    def __init__(self, library: Library, program: Program) -> None:
        """Begin with nothing analysed."""
        super().__init__(library, program)
        self.harmless: set[tuple[str, int]] = set()  # decorators of the program that were seen to change nothing else
        self.made_of: dict[object, Value] = {}

    def define(self, node: ir.Define, frame: Frame) -> None:
        """`def`: the decorators are applied from the last to the first."""
        value = self.function_value(node.function, frame)
        for decorator in reversed(node.function.decorators):
            value = self.decorated(decorator, value, frame)
        frame.now.variables[node.function.name] = value

    def decorated(self, decorator: ir.Expr, value: Value, frame: Frame) -> Value:
        """Apply one decorator; one that is not known leaves the function what it is."""
        if isinstance(decorator, ir.Attr) and decorator.name in {"setter", "deleter", "getter"}:
            return self.marked("property", value)
        maker = decorator.function if isinstance(decorator, ir.Call) else decorator
        makers = self.evaluate(maker, frame).references
        if makers and all(isinstance(maker, Outside) and self.unheard_of(maker.name) for maker in makers):
            return value
        own = frozenset(reference for reference in map(definition, makers) if reference is not None)
        if frame.function is None and len(own) == len(makers) and own and own <= self.harmless:
            return self.deferred(decorator, makers, value, frame)
        youngest = self.fresh
        before = self.effects(frame, youngest)
        result = self.decorated_now(decorator, value, frame)
        if frame.state is not None and self.effects(frame, youngest) == before:
            self.harmless |= own
        return result

    def decorated_now(self, decorator: ir.Expr, value: Value, frame: Frame) -> Value:
        """Call a decorator with a function; where its result is not known, the function may be what it was."""
        callee = self.evaluate(decorator, frame)
        if not callee.references:
            return value
        call = ir.Call(decorator.at, decorator, (), ())
        result = self.call(callee, Arguments((value,), (), None, None), frame, call)
        if all(isinstance(reference, Closure | Deferred) for reference in callee.references):
            return self.replaced(decorator, value, result, frame) if frame.state is not None else value
        return result if any(isinstance(r, Closure | Class) for r in result.references) else value

    def replaced(self, decorator: ir.Expr, value: Value, result: Value, frame: Frame) -> Value:
        """Put what a decorator gave in the place of the function, if that is another function."""
        functions = [reference for reference in value.references if isinstance(reference, Closure)]
        same = any(isinstance(r, Closure) and r.function is f.function for r in result.references for f in functions)
        if len(functions) != 1 or same or not any(isinstance(r, Closure | Class) for r in result.references):
            return join(value, result)
        later = Deferred(decorator, value, functions[0], frame, made=result)
        return join(value, Value(references=frozenset({later}), types=result.types, objects=result.objects))

    def deferred(self, decorator: ir.Expr, makers: frozenset[Reference], value: Value, frame: Frame) -> Value:
        """Put off a decorator that was seen to change nothing else; an object made of a function is no sink."""
        functions = [reference for reference in value.references if isinstance(reference, Closure)]
        if len(functions) != 1 or not all(isinstance(reference, Closure) for reference in makers):
            return value
        later = Deferred(decorator, value, functions[0], frame)
        return Value(
            references=value.references | {later}, taints=value.taints, types=value.types, objects=value.objects
        )

    def forced(self, reference: Deferred) -> Value:
        """Give what a decorator makes of a function, worked out once."""
        key = (
            reference.closure.function.module.path,
            reference.closure.function.definition.node,
            reference.decorator.at,
        )
        made = self.made_of.get(key) if reference.made is None else reference.made
        if made is None:
            self.made_of[key] = UNKNOWN_VALUE  # a decorator that calls what it decorates
            frame = reference.frame
            made = (
                UNKNOWN_VALUE
                if frame.state is None
                else self.decorated_now(reference.decorator, reference.function, frame)
            )
            made = self.made_of[key] = Value(references=made.references - reference.function.references)
        return made if reference.receiver is None else bound(made, reference.receiver)

    def effects(self, frame: Frame, youngest: int) -> tuple[object, ...]:
        """Give what changes where a call does more than give a value; `youngest` is the last object of before."""
        heap = frame.now.heap if frame.state is not None else Heap()
        known = frozenset((key.number, id(cell)) for key, cell in heap.items() if key.number <= youngest)
        return (len(self.entries), len(self.hits), len(frame.hits), self.stores, known)


def definition(reference: Reference) -> tuple[str, int] | None:
    """Name a function or class of the program by where it is defined."""
    match reference:
        case Closure():
            return (reference.function.module.path, reference.function.definition.node)
        case Class():
            return (reference.module.path, reference.at[0])
        case _:
            return None

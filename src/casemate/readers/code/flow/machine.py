"""The interpreter as a whole: names, modules, and where analysis starts."""

from __future__ import annotations

from casemate.libraries import Library
from casemate.readers.code.flow.classes import long_passed, share
from casemate.readers.code.flow.functions import around
from casemate.readers.code.flow.natives import NAMES
from casemate.readers.code.flow.program import Module, Program
from casemate.readers.code.flow.state import Frame, State
from casemate.readers.code.flow.stores import Stores
from casemate.readers.code.flow.summaries import Return, Simple, Summary
from casemate.readers.code.flow.values import UNKNOWN_VALUE, Member, Value, constant, join, outside


class Machine(Stores):
    """One analysis of one program."""

    def __init__(self, library: Library, program: Program) -> None:
        """Begin with nothing analysed."""
        super().__init__(library, program)
        self.summaries: dict[object, Summary] = {}
        self.running: dict[object, bool] = {}
        self.shapes: dict[object, int] = {}
        self.numbers: dict[object, int] = {}
        self.simple: Simple = {}
        self.fresh_token = 0
        self.last_return: Return
        self.settled: set[int] = set()  # numbers of frames

    def lookup(self, name: str, frame: Frame) -> Value | None:
        """Give the value of a name, None where nothing is known of it."""
        here = frame.now.variables
        value = here.get(name) if not frame.outer_names.get(name) else None
        if value is not None:
            return self.resolved_import(name, value, frame)
        outer = frame.outer
        while outer is not None and outer.function is not None:
            value = outer.now.variables.get(name)
            if value is not None:
                return self.opened(self.adopt(value, outer.now, frame), frame)
            outer = outer.outer
        return self.of_module_scope(name, frame)

    def resolved_import(self, name: str, value: Value, frame: Frame) -> Value:
        """Look into an import when it is first used."""
        if any(isinstance(reference, Member) for reference in value.references):
            value = self.opened(value, frame)
            frame.now.variables[name] = value
        return value

    def of_module_scope(self, name: str, frame: Frame) -> Value | None:
        """Look a name up in the module, then among the builtins."""
        module = frame.module
        source = self.module_frame(module)
        value = source.now.variables.get(name) if source is not frame else None
        if value is not None:
            if name in module.written_globals:
                value = join(value.but(), module.globals[name]) if name in module.globals else value
                value = Value(
                    taints=value.taints, types=value.types, references=value.references, objects=value.objects
                )
            return self.opened(self.adopt(value, source.now, frame), frame)
        if name in module.globals:
            return module.globals[name]
        if name in NAMES:
            return outside(name)
        return constant(frame.module.path) if name == "__file__" else None

    def adopt(self, value: Value, source: State, frame: Frame) -> Value:
        """Bring a value of another state into this one, with the objects it holds."""
        heap = frame.now.heap
        if source.heap is heap or not value.objects:
            return value
        waiting = [value]
        while waiting:
            current = waiting.pop()
            for key in current.objects:
                cell = source.heap.get(key)
                if cell is not None and key not in heap:
                    heap[key] = cell
                    waiting += cell.everything()
        return value

    def settle_around(self, frame: Frame | None) -> None:
        """Mark what stands for arguments in the bodies around a function that is called when these have long ended.

        No call that is still being summarised will ever say what was passed.
        """
        for outer in around(frame):
            if outer.function is None or outer.number in self.settled or outer.state is None:
                continue
            self.settled.add(outer.number)
            state = outer.state
            for name, value in state.variables.items():
                state.variables[name] = long_passed(value)
            for place, cell in state.heap.items():
                state.heap[place] = cell.mapped(long_passed)

    def module_frame(self, module: Module) -> Frame:
        """Give the frame of a module whose body was executed."""
        if module.frame is None:
            depth = 0 if self.enters(module.path) else 1  # a factory may hold what a framework calls
            module.frame = Frame(module, None, None, depth)
            module.frame.root = True
            module.frame.now.variables["__name__"] = UNKNOWN_VALUE
            frame = module.frame
            before, self.executing = self.executing, module.path
            try:
                self.unhurried(lambda: self.execute(module.body, frame))
            finally:
                self.executing = before
            if module.frame.state is None:
                module.frame.state = State({})
            share(module.frame.now)
        return module.frame

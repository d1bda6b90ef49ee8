"""A quick look at what an identifier may mean, from its text and the imports of its file, before anything is run."""

from __future__ import annotations

from collections.abc import Collection

from tree_sitter import Node

from casemate.readers.code.flow.machine import Machine
from casemate.readers.code.flow.natives import NAMES
from casemate.readers.code.flow.program import Class, Module
from casemate.readers.code.flow.values import Closure, Outside, Package, Value

PARTS = frozenset({"attribute", "call", "subscript", "parenthesized_expression", "await"})


class Names:
    """Answers for one file."""

    def __init__(self, machine: Machine, module: Module) -> None:
        """Execute the module, to know what its imports bind."""
        self.machine, self.module = machine, module
        self.frame = machine.module_frame(module)

    def renamed(self, wanted: Collection[str]) -> dict[str, set[str]]:
        """Give the names of the module under which something is known that is called otherwise, with what it is."""
        found: dict[str, set[str]] = {}
        for word, value in self.frame.now.variables.items():
            known = {self.machine.library.canonical(r.name) for r in value.references if isinstance(r, Outside)}
            known |= {kind for kind in value.types if isinstance(kind, str)}
            meant = {name for name in known.intersection(wanted) if name.rpartition(".")[2] != word}
            if meant:
                found[word] = meant
        return found

    def may_mean(self, node: Node, wanted: Collection[str]) -> bool:
        """Tell whether an identifier, as the last name of something, may be one of these qualified names."""
        parent = node.parent
        word = (node.text or b"").decode("utf-8", "replace")
        if parent is not None and parent.type == "attribute" and parent.child_by_field_name("attribute") == node:
            return self.attribute(parent, wanted)
        if parent is not None and parent.type in {"keyword_argument", "parameters", "default_parameter", "dotted_name"}:
            return parent.type == "keyword_argument" and parent.child_by_field_name("value") == node
        return self.plain(word, wanted)

    def plain(self, word: str, wanted: Collection[str]) -> bool:
        """Tell it of a name that stands alone: a builtin, or bound by an import."""
        value = self.frame.now.variables.get(word)
        if value is None:
            return (word in wanted and word in NAMES) or self.imported_inside(word)
        value = self.machine.opened(value, self.frame)
        known = [self.machine.library.canonical(r.name) for r in value.references if isinstance(r, Outside)]
        return any(name == one or name.startswith(f"{one}.") for one in known for name in wanted) or self.object(
            value, wanted
        )

    def attribute(self, node: Node, wanted: Collection[str]) -> bool:
        """Tell it of a name after a dot: what stands first decides."""
        first = node
        while first.type in PARTS:
            first = first.named_child(0)
        if first.type != "identifier":
            return True
        word = (first.text or b"").decode("utf-8", "replace")
        value = self.frame.now.variables.get(word)
        if value is None:
            methods = any(name.rpartition(".")[0] in self.machine.library.models for name in wanted)
            return methods or self.imported_inside(word)
        value = self.machine.opened(value, self.frame)
        for reference in value.references:
            if isinstance(reference, Outside):
                start = self.machine.library.canonical(reference.name)
                if any(name.startswith(f"{start}.") for name in wanted) or self.gives(start, wanted):
                    return True
            elif isinstance(reference, Package | Class | Closure):
                return True
        return self.object(value, wanted)

    def gives(self, start: str, wanted: Collection[str]) -> bool:
        """Tell whether something in this module may give an object with one of these methods."""
        top = start.partition(".")[0]
        owners = {name.rpartition(".")[0] for name in wanted}
        return any(owner.partition(".")[0] == top and owner in self.machine.library.models for owner in owners)

    def object(self, value: Value, wanted: Collection[str]) -> bool:
        """Tell whether an object of the module may have one of these methods."""
        if not value.types:
            return not value.references and value.constants is None
        return any(
            isinstance(kind, Class)
            or any(
                name.startswith(f"{kind}.") or self.machine.library.is_a(kind, name.rpartition(".")[0])
                for name in wanted
            )
            for kind in value.types
        )

    def imported_inside(self, word: str) -> bool:
        """Tell whether some function of the file imports a name."""
        return word.encode() in self.module.source.imported

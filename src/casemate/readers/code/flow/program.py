"""The program as a whole: its modules by file and by name, its functions and classes."""
# ruff: noqa: PTH120, PTH206 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from tree_sitter import Node

from casemate.readers.code import ir
from casemate.readers.code.flow.state import State
from casemate.readers.code.lower import Lowering
from casemate.readers.code.parse import Source

if TYPE_CHECKING:
    from casemate.readers.code.flow.state import Frame
    from casemate.readers.code.flow.values import Value


OPERATORS = {  # and the methods of classes that they call, without underscores
    "+": "add",
    "-": "sub",
    "*": "mul",
    "@": "matmul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "<<": "lshift",
    ">>": "rshift",
    "&": "and",
    "|": "or",
    "^": "xor",
}
LONGEST_NAME = 500  # characters of a name, and of the path of names before it


class Module:
    """One file of the program; parsed and lowered when first needed."""

    def __init__(self, path: str, name: str, is_package: bool, load: Callable[[str], Source]) -> None:  # noqa: FBT001 -- a fact, not an option
        """Remember where it is."""
        self.path, self.name, self.is_package = path, name, is_package
        self._load = load
        self.lowering = Lowering()
        self.functions: dict[int, Function] = {}
        self.frame: Frame | None = None  # of its body, once executed
        self.busy = False
        self.globals: dict[str, Value] = {}  # what functions store in it
        self.filled: dict[str, bool] = {}

    @cached_property
    def source(self) -> Source:
        """Its text and tree."""
        return self._load(self.path)

    @cached_property
    def body(self) -> tuple[ir.Statement, ...]:
        """Its statements."""
        return self.lowering.block(self.source.tree.root_node)

    @cached_property
    def written_globals(self) -> frozenset[str]:
        """Names that some function declares global."""
        found: set[str] = set()
        data, place = self.source.data, -1
        while (place := data.find(b"global ", place + 1)) >= 0:
            end = data.find(b"\n", place)
            line = data[place + 7 : end if end >= 0 else len(data)]
            found |= {name.strip().decode("utf-8", "replace") for name in line.split(b"#")[0].split(b",")}
        return frozenset(found)

    def fills(self, name: str) -> bool:
        """Tell by the text whether a function of a module stores under keys that are not constant in what it holds."""
        found = self.filled.get(name)
        if found is None:
            word = re.escape(name.encode())
            stored = rb"\[(?![ \t]*[\"'])[^\]\n]+\][ \t]*=(?!=)|\.(?:update|setdefault|add|append)\((?![ \t]*[\"'])"
            pattern = rb"^[ \t]+(?:[^#\n]*[^#\n\w.])?%b(?:%b)" % (word, stored)
            found = self.filled[name] = re.search(pattern, self.source.data, re.MULTILINE) is not None
        return found

    def may_bind(self, name: str) -> bool:
        """Tell by the text whether a module may give a name a meaning of its own: else it is that of a module below."""
        data, word = self.source.data, name.encode()
        if word in self.source.imported or b"import *" in data:
            return True
        bound = rb"^[ \t]*(?:def|class|async def)[ \t]+%b\b|^[ \t]*%b[ \t]*[:=,]|\bas[ \t]+%b\b"
        return re.search(bound.replace(b"%b", re.escape(word)), data, re.MULTILINE) is not None

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def function(self, definition: ir.Definition, owner: Class | None, qualified: str) -> Function:
        """Give the one object that stands for a definition."""
        found = self.functions.get(definition.node)
        if found is None:
            found = self.functions[definition.node] = Function(self, definition, owner, qualified)
        return found

    def __repr__(self) -> str:
        """Show the name."""
        return f"Module({self.name})"


class Function:
    """A function or lambda; its body is lowered when first needed."""

    def __init__(self, module: Module, definition: ir.Definition, owner: Class | None, qualified: str) -> None:
        """Remember where it is."""
        self.module, self.definition, self.owner, self.qualified = module, definition, owner, qualified
        self.kind = ""  # staticmethod, classmethod, property, contextmanager

    @cached_property
    def node(self) -> Node:
        """Its tree."""
        return self.module.lowering.definitions[self.definition.node]

    @cached_property
    def body(self) -> tuple[ir.Statement, ...]:
        """Its statements; of a lambda, the one that returns."""
        inner = self.node.child_by_field_name("body")
        if self.node.type == "lambda":
            at = self.node.byte_range
            return (ir.Return(at, self.module.lowering.expression(inner)),)
        return self.module.lowering.block(inner)

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.node.end_byte - self.node.start_byte

    @property
    def at(self) -> ir.At:
        """Where its name is."""
        return self.definition.at

    @property
    def name(self) -> str:
        """Its name."""
        return self.definition.name

    def __repr__(self) -> str:
        """Show the name."""
        return f"Function({self.module.name}.{self.qualified})"


class Class:
    """A class of the program: its bases and what its body defined.

    The body of most classes is never needed: `later` runs it when somebody first asks for what is in it.
    """

    def __init__(self, module: Module, at: ir.At, name: str, qualified: str) -> None:
        """Begin empty."""
        self.module, self.at, self.name, self.qualified = module, at, name, qualified
        self.later: Callable[[], None] | None = None
        self.fields: dict[str, Value] = {}  # of instances, from every method
        self.store = State({})  # the objects that members and fields hold
        self.filled = False
        self.end = at[1]
        self._bases: tuple[Class, ...] = ()
        self._outside: tuple[str, ...] = ()
        self._members: dict[str, Value] = {}
        self._annotated: list[str] = []

    def settle(self) -> None:
        """Run the body, if that was put off."""
        if self.later is not None:
            later, self.later = self.later, None
            later()

    def derive(self, bases: tuple[Class, ...], outside: tuple[str, ...]) -> None:
        """Remember what the class extends: classes of the program, and names of libraries."""
        self._bases, self._outside = bases, outside

    def define(self, members: dict[str, Value]) -> None:
        """Remember what the body defined."""
        self._members = members

    def annotate(self, name: str) -> None:
        """Remember a field that the body declares."""
        self._annotated.append(name)

    @property
    def bases(self) -> tuple[Class, ...]:
        """Its direct bases in the program."""
        self.settle()
        return self._bases

    @property
    def outside(self) -> tuple[str, ...]:
        """Its direct bases in libraries."""
        self.settle()
        return self._outside

    @property
    def members(self) -> dict[str, Value]:
        """What its body defined, by name."""
        self.settle()
        return self._members

    @property
    def annotated(self) -> list[str]:
        """The fields that its body declares, in order."""
        self.settle()
        return self._annotated

    def line(self) -> Iterable[Class]:
        """Yield the class and its ancestors in the program, nearest first."""
        seen: list[Class] = []
        waiting: list[Class] = [self]
        while waiting:
            owner = waiting.pop(0)
            if owner not in seen:
                seen.append(owner)
                waiting.extend(owner.bases)
        return seen

    def member(self, name: str) -> Value | None:
        """Give what the class or the nearest ancestor in the program defines under a name."""
        for owner in self.line():
            if name in owner.members:
                return owner.members[name]
        return None

    def named(self, patterns: Iterable[str]) -> list[str]:
        """Give the names of members that are asked for; `clean_*` are all that begin so, `*` all public ones."""
        found: dict[str, None] = {}
        for pattern in patterns:
            if not pattern.endswith("*"):
                found[pattern] = None
                continue
            every = (name for owner in self.line() for name in owner.members)
            private = "_" if pattern == "*" else " "
            found.update((name, None) for name in every if name.startswith(pattern[:-1]) and name[:1] != private)
        return list(found)

    def ancestors_outside(self) -> tuple[str, ...]:
        """Give the library classes it extends, at any distance."""
        return tuple(dict.fromkeys(name for owner in self.line() for name in owner.outside))

    def __repr__(self) -> str:
        """Show the name."""
        return f"Class({self.module.name}.{self.qualified})"


class Program:
    """All files of an audit, and which of them an import means."""

    def __init__(self, paths: Iterable[str], roots: Iterable[str], load: Callable[[str], Source]) -> None:
        """`paths` are the files; `roots` the directories that were asked for."""
        self.paths = dict.fromkeys(paths)
        self.directories = above(self.paths)
        self.roots = tuple(dict.fromkeys(roots))
        self.modules: dict[str, Module] = {}
        self._load = load
        self._found: dict[tuple[str, str], str | None] = {}
        self._bases: dict[str, tuple[str, ...]] = {}
        names = {part for path in self.paths for part in path.split(os.sep)}
        self._parts = {part.removesuffix(".py") for part in names}

    def module(self, path: str) -> Module:
        """Give the module of a file."""
        found = self.modules.get(path)
        if found is None:
            top = self.top(folder_of(path))
            relative = path if top == os.curdir else path.removeprefix(top).lstrip(os.sep)
            parts = [*relative.removesuffix(".pyw").removesuffix(".py").split(os.sep)]
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            found = self.modules[path] = Module(path, name, is_package, self._load)
        return found

    def top(self, directory: str) -> str:
        """Give the directory in which the outermost package of a directory lies."""
        while below(directory, "__init__.py") in self.paths and folder_of(directory) != directory:
            directory = folder_of(directory)
        return directory

    def resolve(self, name: str, origin: str) -> Module | None:
        """Give the module of the program that an absolute import means in a file, if it is one."""
        directory = folder_of(origin)
        key = (directory, name)
        if key not in self._found:
            self._found[key] = self._look_up(name, directory)
        path = self._found[key]
        return self.module(path) if path is not None else None

    def _look_up(self, name: str, directory: str) -> str | None:
        if name.partition(".")[0] not in self._parts or name.rpartition(".")[2] not in self._parts:
            return None
        relative = name.replace(".", os.sep)
        ends = (f"{relative}{os.sep}__init__.py", f"{relative}.py")
        for base in self.bases(directory):
            for end in ends:
                path = base + end
                if path in self.paths:
                    return path
        return None

    def bases(self, directory: str) -> tuple[str, ...]:
        """Give what may stand before the relative path of a module that a file of a directory imports."""
        found = self._bases.get(directory)
        if found is None:
            top = self.top(directory)
            above = [folder for folder in parents(below(top, "x")) if self.within(folder)]
            folders = dict.fromkeys((top, *above, *self.roots))
            roots = [root for folder in folders for root in (folder, below(folder, "src"))]
            there = [root for root in roots if root in self.directories or root == os.curdir]
            found = self._bases[directory] = tuple(below(root, "") for root in there)
        return found

    def within(self, folder: str) -> bool:
        """Tell whether a folder is one of the roots or inside one."""
        relative = not folder.startswith((os.sep, os.pardir))
        return any(
            relative if root == os.curdir else folder == root or folder.startswith(below(root, ""))
            for root in self.roots
        )

    def namespace(self, name: str, origin: str) -> bool:
        """Tell whether a name is a directory with modules of the program but no `__init__`."""
        relative = name.replace(".", os.sep)
        directory = folder_of(origin)
        bases = (self.top(directory), *self.roots)
        return any(below(base, relative) in self.directories for base in bases)


def dotted(outer: str, name: str) -> str:
    """Give the path of a definition inside of another; of one without end the end."""
    return f"{outer[-LONGEST_NAME:]}.{name[:LONGEST_NAME]}" if outer else name[:LONGEST_NAME]


def folder_of(path: str) -> str:
    """Give the directory of a path, `.` for a bare name."""
    return os.path.dirname(path) or os.curdir


def below(folder: str, name: str) -> str:
    """Give the path of something in a directory, as a walk over it writes it."""
    return name if folder == os.curdir else f"{folder.rstrip(os.sep)}{os.sep}{name}"


def above(paths: Iterable[str]) -> set[str]:
    """Give every directory above one of these paths."""
    found: set[str] = set()
    for path in paths:
        directory = folder_of(path)
        while directory not in found:
            found.add(directory)
            directory = folder_of(directory)
    return found


def parents(path: str) -> list[str]:
    """Give the directories above a path, nearest first."""
    found: list[str] = []
    directory = folder_of(path)
    while directory not in found:
        found.append(directory)
        directory = folder_of(directory)
    return found

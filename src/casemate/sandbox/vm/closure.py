"""Which files a module of ours needs: found by reading import statements, without importing anything.

Only what is imported when a module is loaded counts: the guest must not need anything later, when the files of a
program are the only ones that it sees.
"""

import ast
import importlib.machinery
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

ALWAYS = (  # what Python loads at its start, or when it has to say what went wrong
    *("abc", "codecs", "encodings", "encodings.aliases", "encodings.ascii", "encodings.latin_1", "encodings.utf_8"),
    *("_collections_abc", "genericpath", "io", "os", "posixpath", "site", "stat", "zipimport"),
    *("linecache", "traceback"),
)
EMPTY = frozenset({"casemate", "casemate.sandbox", "casemate.sandbox.native", "casemate.model"})


def closure(modules: tuple[str, ...], ours: Path) -> dict[str, Path]:
    """Give the files of these modules and of all that they import, by name. `ours` holds the package casemate."""
    found, left = dict[str, Path](), [*ALWAYS, *modules]
    while left:
        name = left.pop()
        if name in found or name in sys.builtin_module_names or not name:
            continue
        path = _file(name, ours)
        if path is None:
            continue
        found[name] = path
        left.append(name.rpartition(".")[0])
        if path.suffix == ".py" and not _is_empty(name):
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            left += _imported(ast.parse(path.read_bytes()).body, package)
    return found


def _is_empty(name: str) -> bool:
    """Tell whether a module is put into the guest empty: packages of ours, which only lead to others."""
    return name in EMPTY


def _file(name: str, ours: Path) -> Path | None:
    below = name.replace(".", "/")
    standard = Path(sysconfig.get_path("stdlib"))
    tops = (ours,) if name.partition(".")[0] == "casemate" else (standard, standard / "lib-dynload")
    for top in tops:
        candidates = [top / below / "__init__.py", top / f"{below}.py"]
        candidates += [top / f"{below}{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES]
        for path in candidates:
            if path.is_file():
                return path
    return None


def _imported(body: list[ast.stmt], package: str) -> Iterator[str]:
    """Yield what these statements import when they are executed; functions are not."""
    for statement in body:
        match statement:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module, names, level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                yield base
                yield from (f"{base}.{name.name}" for name in names)
            case ast.If(test=ast.Name("TYPE_CHECKING"), orelse=otherwise):
                yield from _imported(otherwise, package)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case _:
                for part in ("body", "orelse", "finalbody"):
                    yield from _imported(getattr(statement, part, []), package)
                for handler in getattr(statement, "handlers", []):
                    yield from _imported(handler.body, package)

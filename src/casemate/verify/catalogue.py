"""The probes that there are, read from the text of their files. Nothing of them is imported or executed here.

A probe is a function with the decorator `@probe(class, reference, ...)` in a file of `probes/`; the first line of
its docstring says what it does. The canaries that it needs are those that its text names: `canary.port`, for instance.
"""

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from casemate.model.errors import UsageError
from casemate.model.verification import Probe

FOLDER = Path(__file__).parent / "probes"
OURS = ("harness", "toolkit")  # what every probe is executed with


@functools.cache
def source(name: str) -> str:
    """Give the text of a file of probes, or of what they are executed with."""
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


@functools.cache
def catalogue() -> tuple[Probe, ...]:
    """Give every probe, in the order of the files and of the lines in them."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in OURS)
    return tuple(found for name in names for found in _probes(name))


def _probes(file: str) -> Iterator[Probe]:
    functions = {node.name: node for node in ast.parse(source(file)).body if isinstance(node, ast.FunctionDef)}
    for function in functions.values():
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name):
                yield _probe(file, function, decorator, functions)


def _probe(file: str, function: ast.FunctionDef, decorator: ast.Call, others: Mapping[str, ast.FunctionDef]) -> Probe:
    kind, reference = (ast.literal_eval(argument) for argument in decorator.args)
    said = {str(word.arg): ast.literal_eval(word.value) for word in decorator.keywords}
    summary = (ast.get_docstring(function) or "").partition("\n")[0].rstrip(".")
    uses = frozenset(_uses(function, others))
    return Probe(file, function.name, kind, summary, reference, **said, uses=uses)


def _uses(function: ast.FunctionDef, others: Mapping[str, ast.FunctionDef]) -> Iterator[str]:
    """Yield the canaries that the text of a probe speaks of, and that of the functions that it calls."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "canary":
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in others and node.id != function.name:
            yield from _uses(others[node.id], others)


def chosen(words: Iterable[str]) -> tuple[Probe, ...]:
    """Give the probes that these words mean: a class, a capability, a family, a file, or one by name."""
    words, everything = list(words), catalogue()
    if not words:
        return everything
    for word in words:
        if not any(_means(word, probe) for probe in everything):
            raise UsageError(f"no probe is called {word}, and no class of them (casemate verify --list)")
    return tuple(probe for probe in everything if any(_means(word, probe) for word in words))


def _means(word: str, probe: Probe) -> bool:
    return word in (probe.name, probe.file, probe.kind, probe.capability.value, probe.capability.family)

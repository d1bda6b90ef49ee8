"""The probes that there are, read from the text of their files. Nothing of them is imported or executed here.

A probe is a function with the decorator `@probe(capability, reference, ...)` in a file of `probes/`; the first line of
its docstring says what it does. The canaries that it needs are those that its text names: `canary.port`, for instance.
"""

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from casemate.model.capability import Capability
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
    for node in ast.parse(source(file)).body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name):
                    yield _probe(file, node, decorator)


def _probe(file: str, function: ast.FunctionDef, decorator: ast.Call) -> Probe:
    capability, reference = (ast.literal_eval(argument) for argument in decorator.args)
    said = {word.arg: ast.literal_eval(word.value) for word in decorator.keywords}
    summary = (ast.get_docstring(function) or "").partition("\n")[0].rstrip(".")
    return Probe(file, function.name, Capability(capability), summary, reference, **said, uses=_uses(function))


def _uses(function: ast.FunctionDef) -> frozenset[str]:
    """Name the canaries that the text of a probe speaks of."""
    named = (node for node in ast.walk(function) if isinstance(node, ast.Attribute))
    return frozenset(node.attr for node in named if isinstance(node.value, ast.Name) and node.value.id == "canary")


def chosen(words: Iterable[str]) -> tuple[Probe, ...]:
    """Give the probes that these words mean: a capability or a family, a file, or one by name. Raises UsageError."""
    words, everything = list(words), catalogue()
    if not words:
        return everything
    for word in words:
        if not any(_means(word, probe) for probe in everything):
            raise UsageError(f"no probe is called {word}, and no class of them (casemate verify --list)")
    return tuple(probe for probe in everything if any(_means(word, probe) for word in words))


def _means(word: str, probe: Probe) -> bool:
    return word in (probe.name, probe.file, probe.capability.value, probe.capability.family)

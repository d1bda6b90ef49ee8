"""Rules turn facts into hits. A rule is a module in a folder below this one, found by being there."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from functools import cache
from inspect import cleandoc
from typing import Any, TypeVar

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Evidence, Severity
from casemate.model.rule import Hit, Needle, Rule
from casemate.readers.code import Code

T = TypeVar("T")


def rule(  # noqa: PLR0913 -- the metadata of a rule, all by name
    *,
    severity: Severity,
    confidence: Confidence,
    cwe: int | tuple[int, ...],
    example: str,
    kinds: tuple[str, ...] = (),
    needles: tuple[str | Needle, ...] = (),
    capabilities: tuple[Capability, ...] = (),
) -> Callable[[Callable[[T], Iterable[Hit]]], Rule[T]]:
    """Make a function a rule. Its module's docstring is the documentation, the file's name is the rule's name.

    `kinds` are the sink kinds a flow rule asks for: they make it a rule of evidence FLOW. `needles` are texts one of
    which stands in every file where the rule can be met (case counts).
    """

    def decorate(check: Callable[[T], Iterable[Hit]]) -> Rule[T]:
        module = sys.modules[check.__module__]
        return Rule(
            name=check.__module__.rpartition(".")[2].replace("_", "-"),
            summary=(module.__doc__ or "").strip().partition("\n")[0],
            documentation=cleandoc(module.__doc__ or ""),
            severity=severity,
            confidence=confidence,
            evidence=Evidence.FLOW if kinds else Evidence.PATTERN,
            cwe=(cwe,) if isinstance(cwe, int) else cwe,
            capabilities=capabilities,
            example=cleandoc(example),
            check=check,
            kinds=kinds,
            needles=needles,
        )

    return decorate


@cache
def about_code() -> tuple[Rule[Code], ...]:
    """Give every rule in rules/code, by name."""
    import casemate.rules.code as package  # noqa: PLC0415 -- rules import this module

    found: list[Rule[Code]] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        module: Any = importlib.import_module(f"{package.__name__}.{info.name}")
        found.append(getattr(module, info.name))
    return tuple(sorted(found, key=lambda rule: rule.name))

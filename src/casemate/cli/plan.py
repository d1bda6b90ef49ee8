"""What `run --dry-run` prints: the command, everything that would be done in order, and what withholds what."""

from collections.abc import Iterator
from shlex import quote

from casemate.model.sandbox import Operation, Plan
from casemate.model.visible import visible
from casemate.reports.layers import withheld
from casemate.reports.paint import Ink, Style

LEFT = 13  # columns of the name of an operation


def printed(plan: Plan, style: Style) -> str:
    """Give the whole plan as text that ends with a line end. It names variables and not their values."""
    return "".join(f"{line}\n" for line in _lines(plan, style))


def _lines(plan: Plan, style: Style) -> Iterator[str]:
    """Yield the lines."""
    yield f"backend    {plan.backend}"
    yield f"command    {visible(' '.join(map(quote, plan.command)))}"
    yield f"directory  {visible(plan.directory)}"
    yield f"variables  {' '.join(map(visible, plan.environment))}"
    yield ""
    yield style.paint("what would be done, in this order", Ink.NAME)
    yield from map(_operation, plan.operations)
    yield ""
    yield style.paint("what withholds each capability", Ink.NAME)
    yield from withheld(plan.coverage, style)


def _operation(operation: Operation) -> str:
    """Write one operation: its name, then its arguments below those of the others."""
    name, _, arguments = str(operation).partition(" ")
    return f"    {visible(name):<{LEFT}}{visible(arguments)}".rstrip()

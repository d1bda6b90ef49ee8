"""Which layers withhold what, as a table: for `casemate backends` and for the plan of a run."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from casemate.model.sandbox import Coverage, Enforcement
from casemate.model.visible import visible
from casemate.reports.paint import Ink, Style

LEFT = 4  # columns in front of a row
NARROWEST = 24  # columns of text
INK = {
    Enforcement.ENFORCED: Ink.GOOD,
    Enforcement.SINGLE: Ink.LOW,
    Enforcement.PARTLY: Ink.MEDIUM,
    Enforcement.NOT: Ink.HIGH,
    Enforcement.DESCRIBED: Ink.FAINT,
}


def withheld(coverage: Sequence[Coverage], style: Style) -> Iterator[str]:
    """Yield one row for each capability that can be withheld, and at the end the names of all that never are."""
    for entry in coverage:
        if entry.enforcement is not Enforcement.DESCRIBED:
            word = style.paint(f"{entry.enforcement:<16}", INK[entry.enforcement])
            note = f"({entry.note})" if entry.note else ""
            text = f"{', '.join(entry.layers)} {note}".strip()
            yield from row(f"{entry.capability:<17}  {word}", 35, text, style)
    described = [str(entry.capability) for entry in coverage if entry.enforcement is Enforcement.DESCRIBED]
    if described:
        yield ""
        said = f"only described, by no backend withheld: {', '.join(described)}"
        yield from wrap(said, style.width, initial_indent="  ", subsequent_indent="    ")


def by_class(coverage: Sequence[Coverage], style: Style) -> Iterator[str]:
    """Yield one row for each class of acts."""
    for entry in coverage:
        for part in entry.classes:
            word = style.paint(f"{part.enforcement:<14}", INK[part.enforcement])
            note = f"({part.note})" if part.note else ""
            yield from row(f"{part.name:<24}  {word}", 40, f"{', '.join(part.layers)} {note}".strip(), style)


def row(lead: str, columns: int, text: str, style: Style) -> Iterator[str]:
    """Yield one row of a table whose lead takes so many columns; long text continues below its column."""
    begin = LEFT + columns + 2
    first, *rest = wrap(visible(text), max(NARROWEST, style.width - begin)) or [""]
    yield f"{' ' * LEFT}{lead}  {first}".rstrip()
    yield from (f"{' ' * begin}{line}" for line in rest)

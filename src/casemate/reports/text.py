"""The report for people: grouped by file, the file with the worst finding first; then what was looked at.

Everything that comes from the target goes through `visible`: no file name, message or line of source reaches the
terminal with a character that could steer it. All that casemate adds itself is ASCII.
"""

from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap

from casemate.model.finding import Finding, Skipped
from casemate.model.location import Location
from casemate.model.report import Report
from casemate.model.visible import inert, visible
from casemate.reports.coverage import count, statements, verdict
from casemate.reports.excerpt import marked, numbered
from casemate.reports.paint import SEVERITY, Ink, Style
from casemate.reports.place import Source, masked

LISTED = 20  # skipped files named for each reason; JSON and SARIF name all
SHOWN_LINES = 3  # of a place that spans several
LONGEST = 2000  # characters of a message


def no_source(_path: str, _line: int) -> str | None:
    """Stand for sources that cannot be read: what the report itself holds is shown."""
    return None


def render(report: Report, *, style: Style = Style(), source: Source = no_source) -> str:  # noqa: B008 -- it is frozen
    """Give the report as text that ends with a line end. `source` gives lines of the audited files."""
    lines: list[str] = []
    for path, group in _by_file(report):
        lines += [style.paint(visible(path), Ink.NAME), ""]
        for finding in group:
            lines += [*_finding(finding, style, source), ""]
    lines += _summary(report, style)
    return "\n".join(map(inert, lines)) + "\n"


def _by_file(report: Report) -> list[tuple[str, list[Finding]]]:
    """Group the findings by file: worst first inside a group, groups by their worst finding."""
    by_path = sorted(report.findings, key=lambda finding: (finding.location.path, finding.order))
    groups = [(path, list(group)) for path, group in groupby(by_path, key=lambda finding: finding.location.path)]
    return sorted(groups, key=lambda group: group[1][0].order)


def _finding(finding: Finding, style: Style, source: Source) -> Iterator[str]:
    """Yield one finding: what, where, the source, the way that leads there, what it rests on."""
    ink = SEVERITY[finding.severity]
    weaknesses = "".join(f" (CWE-{cwe})" for cwe in finding.cwe[:1])
    head = f"{style.paint(f'{finding.severity!s:<8}', ink)} {style.paint(finding.rule, Ink.NAME)}{weaknesses}"
    yield f"  {head}  {visible(str(finding.location))}"
    yield from _wrapped(finding.message, "    ", style)
    yield from _place(finding, style, source)
    if finding.flow and len(finding.flow.steps) > 1:
        yield "    how the value gets there:"
        above = shown = (finding.location.path, finding.location.line)
        for number, step in enumerate(finding.flow.steps, 1):
            yield from _wrapped(f"{number}. {step.location}  {step.message}", "      ", style, hang="   ")
            line = (step.location.path, step.location.line)
            if line not in (above, shown):
                yield from _station(step.location, style, source)
            shown = line
    gains = f"; gains: {', '.join(finding.capabilities)}" if finding.capabilities else ""
    yield style.paint(f"    evidence: {finding.evidence}; confidence: {finding.confidence}{gains}", Ink.FAINT)


def _place(finding: Finding, style: Style, source: Source) -> Iterator[str]:
    """Yield the source of a finding with a mark under it, or its excerpt where the file cannot be read any more."""
    place = finding.location
    first = source(place.path, place.line)
    if first is None:
        for offset, kept in enumerate(finding.excerpt.split("\n") if finding.excerpt else []):
            yield numbered(masked(finding, kept), place.line + offset, style)
        return
    yield from marked(
        masked(finding, first), place.line, _columns(place, first), style=style, ink=SEVERITY[finding.severity]
    )
    for number in range(place.line + 1, min(place.end_line, place.line + SHOWN_LINES - 1) + 1):
        if (line := source(place.path, number)) is not None:
            yield numbered(masked(finding, line), number, style)


def _columns(place: Location, line: str) -> tuple[int, int]:
    """Give the part of a place that lies on its first line."""
    return place.column, place.end_column if place.end_line == place.line else len(line) + 1


def _station(place: Location, style: Style, source: Source) -> Iterator[str]:
    """Yield the source of one station of a flow."""
    if (line := source(place.path, place.line)) is not None:
        yield from marked(line, place.line, _columns(place, line), style=style, ink=Ink.FAINT)


def _summary(report: Report, style: Style) -> Iterator[str]:
    """Yield the counts, the coverage statement and what was skipped."""
    first = verdict(report)
    for line in _wrapped(f"{first[:1].upper()}{first[1:]}", "", style):
        yield style.paint(line, Ink.NAME)
    for statement in statements(report):
        yield from _wrapped(statement, "  ", style, hang="  ")
    yield from _skips(report, style)


def _skips(report: Report, style: Style) -> Iterator[str]:
    """Yield what was not analysed, by reason."""
    by_reason = sorted(report.skipped, key=lambda skipped: (skipped.why, skipped))
    for why, group in groupby(by_reason, key=lambda skipped: skipped.why):
        every = list(group)
        yield ""
        yield style.paint(f"Not analysed: {why} ({len(every):,})", Ink.MEDIUM)
        for skipped in every[:LISTED]:
            yield from _wrapped(_skip(skipped), "  ", style, hang="  ")
        if len(every) > LISTED:
            yield f"  and {count(len(every) - LISTED, 'more place')}: --format json names all"


def _skip(skipped: Skipped) -> str:
    """Name a place that was not analysed."""
    place = f"{skipped.path}:{skipped.line}" if skipped.line else skipped.path
    return f"{place}  {skipped.detail}"


def _wrapped(text: str, indent: str, style: Style, *, hang: str = "") -> list[str]:
    """Break text into lines of the width; a long path stays whole, so that a terminal can follow it."""
    return wrap(
        visible(text[:LONGEST]),
        max(40, style.width),
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )

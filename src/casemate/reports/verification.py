"""The attack battery as text and as JSON: a table by class, and in full whatever got through."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from casemate.model.classes import CLASSES
from casemate.model.sandbox import ClassCoverage, Enforcement, Json
from casemate.model.verification import Probe, Result, Verdict, Verification, by_class
from casemate.model.visible import visible
from casemate.reports.coverage import count
from casemate.reports.layers import INK, row
from casemate.reports.paint import Ink, Style

SCHEMA = "casemate.verification/1"
COLUMNS = 59  # of a row of the table, in front of the layers


def as_text(verification: Verification, style: Style, *, every: bool = False) -> str:
    """Write the table, what got through, and the verdict; with `every`, each probe with what was seen."""
    return "".join(f"{line}\n" for line in _lines(verification, style, every=every))


def _lines(verification: Verification, style: Style, *, every: bool) -> Iterator[str]:
    head = f"{'class':<22}  {'held':>4}  {'through':>7}  {'n/a':>3}  {'the table says':<15}"
    yield style.paint(f"    {head}  withheld by", Ink.NAME)
    for covered in by_class(verification.coverage):
        if results := [result for result in verification.results if result.probe.kind == covered.name]:
            yield from _row(covered, results, style)
    for verdict, ink in ((Verdict.THROUGH, Ink.HIGH), (Verdict.AS_SAID, Ink.MEDIUM)):
        if found := list(verification.of(verdict)):
            yield ""
            yield style.paint(str(verdict), ink)
            for result in found:
                yield from _in_full(result, style)
    yield ""
    yield from _not_applicable(verification, style, every=every)
    if every:
        yield from _held(verification, style)
    yield from _verdict(verification, style)


def _row(covered: ClassCoverage, results: list[Result], style: Style) -> Iterator[str]:
    """Write one class: how many probes, and what the coverage table says of it."""
    counts = Counter(result.verdict for result in results)
    through = counts[Verdict.THROUGH] + counts[Verdict.AS_SAID]
    number = f"{through or '-':>7}"
    if through:
        number = style.paint(number, Ink.HIGH if counts[Verdict.THROUGH] else Ink.MEDIUM)
    word = style.paint(f"{covered.enforcement:<15}", INK[covered.enforcement])
    lead = (
        f"{covered.name:<22}  {counts[Verdict.HELD] or '-':>4}  {number}  "
        f"{counts[Verdict.NOT_APPLICABLE] or '-':>3}  {word}"
    )
    note = f"({covered.note})" if covered.note and covered.enforcement is not Enforcement.ENFORCED else ""
    yield from row(lead, COLUMNS, f"{', '.join(covered.layers)} {note}".strip(), style)


def _in_full(result: Result, style: Style) -> Iterator[str]:
    probe = result.probe
    yield f"  {style.paint(probe.name, Ink.NAME)}  {probe.kind}"
    yield f"    act        {visible(probe.summary)}"
    yield f"    seen       {visible(result.reason)}"
    if probe.granted:
        yield f"    granted    {', '.join(probe.granted)} (canaries only)"
    yield f"    reference  {visible(probe.reference)}"


def _not_applicable(verification: Verification, style: Style, *, every: bool) -> Iterator[str]:
    """Say how many acts there was nothing to show with, and why."""
    left = list(verification.of(Verdict.NOT_APPLICABLE))
    if left and every:
        yield style.paint(f"not applicable: {len(left)}", Ink.NAME)
        for result in left:
            yield f"  {result.probe.name:<44}  {visible(result.reason)}"
        yield ""
    elif left:
        yield f"not applicable: {count(len(left), 'probe')}; --verbose says why"


def _held(verification: Verification, style: Style) -> Iterator[str]:
    yield style.paint("held", Ink.NAME)
    for result in verification.of(Verdict.HELD):
        yield f"  {result.probe.name:<44}  {visible(result.reason)}"
    yield ""


def _verdict(verification: Verification, style: Style) -> Iterator[str]:
    counts = Counter(result.verdict for result in verification.results)
    tried = len(verification.results) - counts[Verdict.NOT_APPLICABLE]
    if unjudged := verification.unjudged():
        yield f"nothing of these could be tried here: {', '.join(unjudged)}"
    said = f"{counts[Verdict.HELD]} of {count(tried, 'act')} that succeed outside were withheld inside"
    if counts[Verdict.AS_SAID]:
        said += f"; {counts[Verdict.AS_SAID]} got through, as the table says"
    if counts[Verdict.THROUGH]:
        said += f"; {counts[Verdict.THROUGH]} got through"
    ink = Ink.HIGH if counts[Verdict.THROUGH] or not tried else Ink.GOOD
    yield style.paint(f"{verification.backend}: {said}", ink)


def as_json(verification: Verification) -> str:
    """Write all of it as one JSON object."""
    counts = Counter(result.verdict for result in verification.results)
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "backend": verification.backend,
        "code": int(verification.code),
        "counts": {str(verdict): counts[verdict] for verdict in Verdict},
        "unjudged": list(verification.unjudged()),
        "probes": [
            {**described(result.probe), "verdict": str(result.verdict), "reason": result.reason}
            for result in verification.results
        ],
        "coverage": [
            {
                "class": entry.name,
                "enforcement": str(entry.enforcement),
                "layers": list(entry.layers),
                "note": entry.note,
            }
            for entry in by_class(verification.coverage)
            if entry.enforcement is not Enforcement.DESCRIBED
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def described(probe: Probe) -> dict[str, Json]:
    """Say what a probe is."""
    return {
        "probe": probe.name,
        "class": probe.kind,
        "summary": probe.summary,
        "reference": probe.reference,
        "granted": list(probe.granted),
    }


def listed(probes: Iterable[Probe], style: Style) -> str:
    """List probes by class."""
    kinds = dict[str, list[Probe]]()
    for probe in probes:
        kinds.setdefault(probe.kind, []).append(probe)
    lines = list[str]()
    for kind, found in kinds.items():
        lines.append(style.paint(f"{kind}: {CLASSES.get(kind, 'a capability without classes')}", Ink.NAME))
        lines += [f"  {probe.name:<44}  {probe.summary} [{probe.reference}]" for probe in found]
    return "".join(f"{line}\n" for line in lines)

"""How bad a flow is depends on who chose the value: somebody far away, or the person who started the program."""

from collections.abc import Iterator
from dataclasses import replace

from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Code, FlowHit


def rank(found: FlowHit) -> tuple[bool, bool]:
    """Order flows that end in one place: the furthest source first, then the surest way."""
    return (not found.trust.far, not found.sure)


def worst(code: Code, *kinds: str) -> Iterator[FlowHit]:
    """Yield one flow for each place where any ends: a place is repaired once, however many ways lead there."""
    places: dict[Location, FlowHit] = {}
    for found in code.flows(*kinds):
        known = places.get(found.location)
        if known is None or rank(found) < rank(known):
            places[found.location] = found
    yield from places.values()


def flows(code: Code, *kinds: str, message: str, remote: Severity, local: Severity | None = None) -> Iterator[Hit]:
    """Yield a hit for every place that these kinds of flow reach; without `local`, the starter's values are left out.

    A flow through something that is not modelled has low confidence.
    """
    for found in worst(code, *kinds):
        severity = remote if found.trust.far else local
        if severity is not None:
            yield hit(found, message, severity)


def started(found: FlowHit, severity: Severity) -> Severity:
    """Give how bad it is that the starter chooses what runs: who may start this could run it, and must also reach it.

    Where it is not even sure that the value arrives, as where a file is loaded that it only names, that is a note.
    """
    return severity if found.sure else Severity.INFO


def hit(found: FlowHit, message: str, severity: Severity) -> Hit:
    """Make a flow a hit of this severity."""
    return replace(found.hit(message), severity=severity, confidence=None if found.sure else Confidence.LOW)

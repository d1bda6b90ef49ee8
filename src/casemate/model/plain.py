"""Findings and skips as plain JSON values and back: how they cross a process and how they are kept.

What comes back was written by anybody: every value is checked, and what does not fit raises ValueError.
"""

from casemate.model.capability import Capability
from casemate.model.checked import Plain, items, number, one
from casemate.model.finding import Confidence, Evidence, Finding, Severity, Skipped, Why
from casemate.model.location import Flow, Location, Step


def from_finding(finding: Finding) -> Plain:
    """Give a finding as a list, in the order of its fields."""
    flow = finding.flow
    return [
        finding.rule,
        finding.message,
        from_location(finding.location),
        int(finding.severity),
        int(finding.confidence),
        int(finding.evidence),
        list(finding.cwe),
        finding.fingerprint,
        [str(capability) for capability in finding.capabilities],
        None if flow is None else [[from_location(step.location), step.message] for step in flow.steps],
        finding.excerpt,
    ]


def from_location(location: Location) -> Plain:
    """Give a location as a list."""
    return [location.path, location.line, location.column, location.end_line, location.end_column]


def from_skipped(skipped: Skipped) -> Plain:
    """Give a skip as a list."""
    return [skipped.path, skipped.line, str(skipped.why), skipped.detail]


def to_finding(plain: Plain) -> Finding:
    """Give the finding that a list stands for."""
    rule, message, location, severity, confidence, evidence, cwe, mark, gains, steps, excerpt = items(plain, 11)
    return Finding(
        rule=one(rule, str),
        message=one(message, str),
        location=to_location(location),
        severity=Severity(number(severity)),
        confidence=Confidence(number(confidence)),
        evidence=Evidence(number(evidence)),
        cwe=tuple(number(item) for item in items(cwe)),
        fingerprint=one(mark, str),
        capabilities=tuple(Capability(one(name, str)) for name in items(gains)),
        flow=None if steps is None else Flow(tuple(map(to_step, items(steps)))),
        excerpt=one(excerpt, str),
    )


def to_step(plain: Plain) -> Step:
    """Give the station of a flow that a list stands for."""
    location, message = items(plain, 2)
    return Step(to_location(location), one(message, str))


def to_location(plain: Plain) -> Location:
    """Give the location that a list stands for."""
    path, *numbers = items(plain, 5)
    line, column, end_line, end_column = (number(item) for item in numbers)
    return Location(one(path, str), line, column, end_line, end_column)


def to_skipped(plain: Plain) -> Skipped:
    """Give the skip that a list stands for."""
    path, line, why, detail = items(plain, 4)
    return Skipped(one(path, str), number(line), Why(one(why, str)), one(detail, str))

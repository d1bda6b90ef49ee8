"""Findings cross a process and come back the same; what is no finding raises ValueError and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Evidence, Finding, Severity, Skipped, Why
from casemate.model.location import Flow, Location, Step
from casemate.model.plain import from_finding, from_skipped, to_finding, to_skipped
from casemate.part import packed, unpacked

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates too: names of files that are no UTF-8
NUMBERS = st.integers(0, 10**6)
LOCATIONS = st.builds(Location, TEXTS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
FLOWS = st.builds(Flow, st.lists(st.builds(Step, LOCATIONS, TEXTS), max_size=3).map(tuple))
FINDINGS = st.builds(
    Finding,
    rule=TEXTS,
    message=TEXTS,
    location=LOCATIONS,
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    evidence=st.sampled_from(Evidence),
    cwe=st.lists(NUMBERS, max_size=3).map(tuple),
    fingerprint=TEXTS,
    capabilities=st.lists(st.sampled_from(Capability), max_size=3).map(tuple),
    flow=st.none() | FLOWS,
    excerpt=TEXTS,
)
SKIPS = st.builds(Skipped, TEXTS, NUMBERS, st.sampled_from(Why), TEXTS)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner))


@given(FINDINGS)
def test_a_finding_comes_back(finding: Finding) -> None:
    assert to_finding(unpacked(packed(from_finding(finding)))) == finding


@given(SKIPS)
def test_a_skip_comes_back(skipped: Skipped) -> None:
    assert to_skipped(unpacked(packed(from_skipped(skipped)))) == skipped


@given(JSON)
def test_anything_else_is_refused(value: object) -> None:
    for read in (to_finding, to_skipped):
        try:
            read(value)  # type: ignore[arg-type]  # -- it is whatever a file says
        except ValueError:
            continue

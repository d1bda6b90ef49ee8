"""Reports to print: a small one like an audit gives, and one that is hostile in every string; the schemas they meet."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Evidence, Finding, Severity, Skipped, Why
from casemate.model.location import Flow, Location, Step
from casemate.model.report import Counts, Report
from casemate.model.rule import Rule
from casemate.model.scope import Scope

SHOP = """\
from flask import request

def search():
\tword = request.args["q"]
    query = f"select * from items where name like '%{word}%'"
    return connect().execute(query).fetchall()

TOKEN = "hunter2-hunter2"
"""
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILES = {"shop/search.py": SHOP, "app.py": "import hashlib\nhashlib.md5(password)\n"}


INJECTION = Finding(
    rule="sql-injection",
    message='The query parameter "q" becomes a part of the statement that `execute` sends to the database.',
    location=Location("shop/search.py", 6, 12, 6, 36),
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    evidence=Evidence.FLOW,
    cwe=(89,),
    fingerprint="4f1d2c",
    capabilities=(Capability.FS_READ,),
    flow=Flow(
        (
            Step(Location("shop/search.py", 4, 9, 4, 26), "whoever sends the request chooses it"),
            Step(Location("shop/search.py", 5, 13, 5, 62), "becomes a part of this text"),
            Step(Location("shop/search.py", 6, 30, 6, 35), "arrives as the statement"),
        )
    ),
    excerpt="    return connect().execute(query).fetchall()",
)
SECRET = Finding(
    rule="hardcoded-secret",
    message="A password stands in the source.",
    location=Location("shop/search.py", 8, 1, 8, 26),
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    evidence=Evidence.PATTERN,
    cwe=(798,),
    fingerprint="9a",
    excerpt='TOKEN = "hunter2-hunter2"',
)
WEAK_HASH = Finding(
    rule="weak-hash",
    message="MD5 is broken.",
    location=Location("app.py", 2, 1, 2, 22),
    severity=Severity.HIGH,
    confidence=Confidence.LOW,
    evidence=Evidence.PATTERN,
    cwe=(327, 328),
    fingerprint="77",
    excerpt="hashlib.md5(password)",
)
REPORT = Report(
    findings=(INJECTION, WEAK_HASH, SECRET),
    skipped=(
        Skipped("old/broken.py", 12, Why.SYNTAX, "not understood from here to line 14"),
        Skipped("huge.py", 0, Why.TOO_LARGE, "1,073,741,824 bytes; at most 16,777,216 are read"),
    ),
    counts=Counts(files_seen=4, files_analysed=3, files_out_of_scope=40, lines=1234, rules=20),
    scope=Scope(paths=("shop", "app.py"), exclude=("vendor/",)),
)

# Escape sequences, bidirectional overrides, line breaks, tags, bytes that are no text, a separator of lines.
EVIL = "::stop-commands::##vso[task.setvariable]a\x1b[2J\x1b]0;t\x07\r\n\u202ee\u2066\x00\x7f\x9b\u2028\U000e0041\udcff%2F#?:é{0}[x](http://h)"


@pytest.fixture
def hostile() -> Report:
    """Give a report in which everything that a target can choose is hostile."""
    place = Location(EVIL, 1, 2, 1, 5)
    finding = dataclasses.replace(
        INJECTION,
        message=EVIL,
        location=place,
        excerpt=EVIL,
        flow=Flow((Step(place, EVIL), Step(dataclasses.replace(place, path="/" + EVIL), EVIL))),
    )
    return Report(
        findings=(finding, dataclasses.replace(SECRET, location=place, excerpt=EVIL)),
        skipped=(Skipped(EVIL, 3, Why.ENCODING, EVIL), Skipped(EVIL, 0, Why.INTERNAL, "")),
        counts=Counts(1, 1, 0, 1, 1),
        scope=Scope(paths=(EVIL,), exclude=(EVIL,)),
    )


@pytest.fixture
def evil() -> str:
    """Give the text that a hostile report is made of."""
    return EVIL


@pytest.fixture
def report() -> Report:
    """Give a report as an audit makes it."""
    return REPORT


@pytest.fixture
def nothing() -> Report:
    """Give a report of an audit that found nothing."""
    return Report(counts=Counts(files_seen=2, files_analysed=2, lines=10, rules=20))


@pytest.fixture(params=["report", "nothing", "hostile", "empty"])
def every(request: pytest.FixtureRequest) -> Report:
    """Give one report after the other."""
    return Report() if request.param == "empty" else request.getfixturevalue(request.param)  # type: ignore[no-any-return] -- a fixture of this file


@pytest.fixture
def source() -> Callable[[str, int], str | None]:
    """Read the files of this corpus."""

    def read(path: str, line: int) -> str | None:
        lines = FILES.get(path, "").splitlines()
        return lines[line - 1] if 0 < line <= len(lines) else None

    return read


@pytest.fixture
def rules() -> tuple[Rule[object], ...]:
    """Give the rules that could have made the findings."""
    return tuple(rule(finding) for finding in (SECRET, INJECTION, WEAK_HASH))


def rule(finding: Finding) -> Rule[object]:
    """Give a rule that could have made the finding."""
    return Rule(
        name=finding.rule,
        summary=f"About {finding.rule}.",
        documentation=f"About {finding.rule}.\n\n## Why\nBecause.",
        severity=finding.severity,
        confidence=finding.confidence,
        evidence=finding.evidence,
        cwe=finding.cwe,
        capabilities=finding.capabilities,
        example="",
        check=lambda _: (),
    )


@pytest.fixture(scope="session")
def report_schema() -> Any:  # noqa: ANN401 -- what json.loads gives
    """Give our own schema."""
    return json.loads((ROOT / "docs/reference/report.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sarif_schema() -> Any:  # noqa: ANN401 -- likewise
    """Give the schema of SARIF 2.1.0."""
    return json.loads((HERE / "sarif-2.1.0.schema.json").read_text(encoding="utf-8"))

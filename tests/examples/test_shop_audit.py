"""Every hole of the shop is found with its flow, and none of its neighbours."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Evidence, Finding, Severity
from casemate.model.report import Report

SHOP = Path(__file__).parents[2] / "examples" / "shop"

# Where each hole does harm, and the files and functions that its value passes.
HOLES = {
    "sql-injection": (
        "database.py",
        "return connection.execute(query, parameters).fetchall()",
        ("catalogue.py", "database.py"),
    ),
    "path-traversal": ("receipts.py", 'return Response(path.read_bytes(), mimetype="text/plain")', ("receipts.py",)),
    "unsafe-deserialization": ("basket.py", "return pickle.loads(base64.b64decode(text))", ("basket.py",)),
    "server-side-request-forgery": (
        "prices.py",
        "answer = requests.get(url, timeout=5, allow_redirects=False)",
        ("prices.py",),
    ),
    "template-injection": (
        "labels.py",
        'return render_template_string(frame(request.form.get("text", "")))',
        ("labels.py",),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def report() -> Report:
    return audit([SHOP])


def line_of(finding: Finding) -> str:
    lines = Path(finding.location.path).read_text(encoding="utf-8").splitlines()
    return lines[finding.location.line - 1].strip()


def of_the_program(report: Report) -> list[Finding]:
    """Leave out what stands beside the program: its attackers."""
    return [finding for finding in report.findings if Path(finding.location.path).parent.name == "shop"
            and Path(finding.location.path).name not in {"demo.py", "exploits.py"}]  # fmt: skip


def test_everything_is_read(report: Report) -> None:
    assert report.skipped == ()


def test_exactly_the_holes_are_found(report: Report) -> None:
    found = sorted(
        (finding.rule, Path(finding.location.path).name, line_of(finding)) for finding in of_the_program(report)
    )
    assert found == sorted((rule, file, line) for rule, (file, line, _) in HOLES.items())


@pytest.mark.parametrize("rule", HOLES)
def test_a_hole_comes_with_its_whole_flow(report: Report, rule: str) -> None:
    (finding,) = [finding for finding in of_the_program(report) if finding.rule == rule]
    assert finding.evidence is Evidence.FLOW
    assert finding.severity >= Severity.HIGH
    assert finding.flow is not None
    assert len(finding.flow.steps) >= 2
    assert finding.flow.sink.location.line == finding.location.line
    passed = [Path(step.location.path).name for step in finding.flow.steps]
    assert tuple(dict.fromkeys(passed)) == HOLES[rule][2]


def test_the_unchecked_fetch_is_found_and_the_checked_ones_are_not(report: Report) -> None:
    (finding,) = [finding for finding in of_the_program(report) if finding.rule == "server-side-request-forgery"]
    text = (SHOP / "shop" / "prices.py").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(text, 1) if line.startswith("def fetch(url)"))
    assert start < finding.location.line < start + 5

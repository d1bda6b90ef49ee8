"""Every rule says what it finds and what it leaves alone, in its own example."""

from pathlib import Path

import pytest

from casemate import rules
from casemate.audit import audit
from casemate.model.finding import Evidence
from casemate.model.rule import Rule
from casemate.readers.code import Code

EVERY = rules.about_code()


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_the_marked_lines_of_an_example_are_met_and_no_others(rule: Rule[Code], tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(rule.example, encoding="utf-8")
    expected = {n for n, line in enumerate(rule.example.splitlines(), 1) if line.endswith("# flag")}

    report = audit([path], select={rule.name})

    assert report.complete, report.skipped
    assert expected
    assert {finding.location.line for finding in report.findings} == expected


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_a_rule_says_why_and_what_to_do(rule: Rule[Code]) -> None:
    assert rule.summary
    assert "## Why" in rule.documentation
    assert "## Fix" in rule.documentation
    assert rule.cwe


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_a_rule_says_which_files_can_meet_it(rule: Rule[Code]) -> None:
    assert rule.kinds or rule.needles
    assert bool(rule.kinds) == (rule.evidence is Evidence.FLOW)


def test_a_rule_is_found_by_being_there() -> None:
    folder = Path(rules.__file__).parent / "code"
    names = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--"}
    assert {rule.name for rule in EVERY} == names

"""The report for people: what it says, to the letter, and what no target can make it say."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from casemate.model.finding import Skipped, Why
from casemate.model.report import Counts, Report
from casemate.reports import text
from casemate.reports.paint import Style

Source = Callable[[str, int], str | None]
GOLDEN = Path(__file__).with_name("golden.txt")
SGR = re.compile(r"\x1b\[[0-9;]*m")


def test_the_report_reads_like_this(report: Report, source: Source) -> None:
    assert text.render(report, style=Style(width=80), source=source) == GOLDEN.read_text(encoding="utf-8")


def test_colours_change_no_word(every: Report, source: Source) -> None:
    plain = text.render(every, style=Style(), source=source)
    assert SGR.sub("", text.render(every, style=Style(colours=True), source=source)) == plain
    assert "\x1b" not in plain


def test_no_line_is_wider_than_the_terminal(report: Report, source: Source) -> None:
    for width in (60, 80, 120):
        lines = text.render(report, style=Style(width=width), source=source).splitlines()
        assert max(map(len, lines)) <= width


def test_nothing_of_a_target_steers_the_terminal(hostile: Report, evil: str) -> None:
    for source in (text.no_source, lambda _path, _line: evil):
        lines = text.render(hostile, style=Style(), source=source).split("\n")
        assert [line for line in lines if not line.isprintable()] == []
        assert [line for line in lines if re.search(r"##\w*\[|^\s*::", line)] == []


def test_no_findings_never_stands_alone(nothing: Report) -> None:
    said = text.render(nothing)
    assert "No findings in 2 of 2 files (10 lines)" in said
    assert "in scope, not tested: data files, packages, host" in said


def test_an_audit_of_nothing_says_so() -> None:
    said = text.render(Report())
    assert "Nothing was analysed" in said
    assert "findings" not in said.lower()


def test_no_findings_in_an_incomplete_audit_says_so_in_the_same_line(nothing: Report) -> None:
    report = replace(nothing, skipped=(Skipped("a.py", 3, Why.BUDGET, "not followed"),))
    assert text.render(report).startswith("No findings in 2 of 2 files (10 lines); 1 place not analysed\n")


def test_files_are_ordered_by_their_worst_finding(report: Report) -> None:
    mild, worst = report.findings[2], report.findings[0]
    mild = replace(mild, location=replace(mild.location, path="a.py"))
    said = text.render(replace(report, findings=(mild, worst)))
    assert said.index("shop/search.py\n") < said.index("a.py\n")


def test_a_secret_is_not_repeated(report: Report, source: Source) -> None:
    assert "hunter2" not in text.render(report, source=source)
    assert "hunter2" not in text.render(report)


@pytest.mark.parametrize("line", ['KEY = """-----BEGIN RSA', "MIIEpAIBAAKCAQEA75", "x = b'hunter2' + 'hunter2'"])
def test_a_secret_of_several_lines_is_not_repeated(report: Report, line: str) -> None:
    said = text.render(replace(report, findings=(report.findings[2],)), source=lambda _path, _line: line)
    assert not re.search("BEGIN|MII|hunter2", said)


def test_many_skipped_places_are_counted_and_the_first_named() -> None:
    skipped = tuple(Skipped(f"{number:04}.py", 0, Why.SYNTAX, "broken") for number in range(1000))
    said = text.render(Report(skipped=skipped, counts=Counts(files_seen=1001, files_analysed=1)))
    assert "Not analysed: syntax (1,000)" in said
    assert "0019.py" in said
    assert "0020.py" not in said
    assert "980 more places" in said


def test_a_source_that_is_gone_leaves_the_excerpt(report: Report) -> None:
    assert "return connect().execute(query).fetchall()" in text.render(report)

"""Files made to cost time or memory, or to hide something behind a limit: each ends, and what was cut is listed."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Why
from casemate.model.report import Report

HEAD = "import os, sys\n"


def report(folder: Path, text: str) -> Report:
    (folder / "hostile.py").write_text(HEAD + text, encoding="utf-8")
    return audit([folder])


def test_a_sink_below_seventy_branches_is_listed_as_cut(tmp_path: Path) -> None:
    branches = "".join("    " * depth + f"if x{depth}:\n" for depth in range(70))
    found = report(tmp_path, branches + "    " * 70 + "os.system(sys.argv[1])\n")
    assert [skip.why for skip in found.skipped] == [Why.BUDGET]
    assert not found.complete


def test_a_source_inside_a_hundred_thousand_brackets_is_found(tmp_path: Path) -> None:
    found = report(tmp_path, "eval(" + "(" * 100_000 + "sys.argv[1]" + ")" * 100_000 + ")\n")
    assert [finding.rule for finding in found.findings] == ["code-injection"]


@pytest.mark.parametrize("line", ["eval(sys.argv[1])\n", "# argv\n"], ids=["code", "comments"])
def test_a_word_that_stands_everywhere_is_listed_as_not_looked_at(line: str, tmp_path: Path) -> None:
    found = report(tmp_path, "eval(sys.argv[1])\n" + line * 30_000)
    assert {skip.why for skip in found.skipped} == {Why.BUDGET}


def test_five_thousand_functions_that_call_each_other_end(tmp_path: Path) -> None:
    text = "".join(f"def f{n}(x):\n    return f{(n + 1) % 5000}(x)\n" for n in range(5000))
    found = report(tmp_path, text + "eval(f0(sys.argv[1]))\neval(sys.argv[1])\n")
    assert 10_003 in {finding.location.line for finding in found.findings}


def test_a_method_stored_in_its_own_object_does_not_grow_without_end(tmp_path: Path) -> None:
    """Each round bound a method to what held the method of the round before: 17 GB for one real file."""
    text = "class Box:\n    def get(self, *a):\n        self.a = self.get\n        return self.a\n"
    text += "box = Box()\nfor name in sys.argv:\n    box.a = box.get(box.a, box.get)\n    box = box.get(box, box.a)\n"
    found = report(tmp_path, text * 5 + "eval(sys.argv[1])\n")
    assert "code-injection" in {finding.rule for finding in found.findings}

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


FILLER = "b = 1; " * 20_000


@pytest.mark.parametrize(
    "text",
    [
        FILLER + "import sys; eval(sys.argv[1])\n",
        "import sys; eval(sys.argv[1]); " + FILLER + "\n",
        "x = '''" + "argv eval( os.system( " * 30_000 + "'''; eval(sys.argv[1])\n",
        "x = " + "'a' " * 30_000 + "; eval(sys.argv[1])\n",
        "x = " + " + ".join(["'a'"] * 30_000) + " + sys.argv[1]\neval(x)\n",
        "x = " + "'a' f'{b}'" + " + b" * 200 + " - b" * 200 + "\neval(sys.argv[1])\n",
        "x = {" + "'key': 1, " * 30_000 + "'a': eval(sys.argv[1])}\n",
        "import a; " * 10_000 + "import yaml\neval(sys.argv[1])\n",
    ],
    ids=["late", "early", "text", "texts", "sum", "sum-of-both", "dict", "imports"],
)
def test_what_stands_on_a_line_without_end_is_found_or_listed(text: str, tmp_path: Path) -> None:
    found = report(tmp_path, text)
    assert found.findings or found.skipped
    assert Why.INTERNAL not in {skip.why for skip in found.skipped}


def test_a_thousand_findings_on_one_line_do_not_repeat_it_a_thousand_times(tmp_path: Path) -> None:
    found = report(tmp_path, "eval(sys.argv[1]); " * 1000 + "\n")
    assert len(found.findings) == 1000
    assert len({finding.fingerprint for finding in found.findings}) == 1000
    assert max(len(finding.excerpt) for finding in found.findings) < 5000


PAGE = "from flask import Flask, request\napp = Flask(__name__)\n@app.route('/')\ndef page(key):\n    x = y = ''\n"
CLASS = "class C{0}(C{1}):\n    def run(self, a):\n        self.a{0} = a\n        super().run(self.a{0})\n"


@pytest.mark.parametrize(
    "text",
    [
        PAGE + "    if key == '': pass\n" + "    elif key == 'a':\n        x = y + request.args['a']\n" * 3000,
        PAGE + "    match key:\n" + "        case 'a':\n            x = y + request.args['a']\n" * 3000,
        PAGE + "    try:\n        x += request.args['a']\n    except E:\n        y = x\n" * 3000,
        PAGE + "    x = x + request.args['a']\n" * 20_000,
        "def d(f):\n    return f\n" + "@d\n" * 2000 + "def g():\n    os.system(sys.argv[1])\n",
        "x = " + "[" * 10_000 + "sys.argv" + " for a in b]" * 10_000 + "\n",
        "x = " + "lambda: " * 10_000 + "eval(sys.argv[1])\n",
        "f(" + "sys.argv[1], " * 5000 + ")\n",
        "x = sys.argv" + ".a" * 20_000 + "\n",
        "x = " + "'a' if b else " * 20_000 + "sys.argv[1]\n",
        "class C0:\n    pass\n" + "".join(CLASS.format(n, n - 1) for n in range(1, 500)) + "C499().run(sys.argv[1])\n",
    ],
    ids=["elif", "match", "try", "lines", "decorators", "lists", "lambdas", "arguments", "attributes", "or", "classes"],
)
def test_what_is_long_or_deep_ends_without_a_fault(text: str, tmp_path: Path) -> None:
    end = "    os.system(x)\n" if text.startswith(PAGE) else "eval(sys.argv[1])\n"
    found = report(tmp_path, text + end)
    assert found.findings or found.skipped
    assert Why.INTERNAL not in {skip.why for skip in found.skipped}


def test_two_thousand_modules_that_import_each_other_end(tmp_path: Path) -> None:
    for number in range(2000):
        text = f"from m{(number + 1) % 2000} import run as after\n\n\ndef run(x):\n    return after(x)\n"
        (tmp_path / f"m{number}.py").write_text(text, encoding="utf-8")
    found = report(tmp_path, "from m0 import run\neval(run(sys.argv[1]))\neval(sys.argv[1])\n")
    assert found.findings
    assert Why.INTERNAL not in {skip.why for skip in found.skipped}

"""Files made to cost time or memory, or to hide something behind a limit: each ends, and what was cut is listed."""

import subprocess
import sys
from cProfile import Profile
from pathlib import Path
from textwrap import dedent

import pytest

from casemate import rules
from casemate.audit import audit
from casemate.model.finding import Why
from casemate.model.report import Report
from casemate.model.rule import Rule
from casemate.readers.code import Code, analysis

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


LATEST = 120  # seconds: what grew with the square of its length took hours, or all memory
MOST_MEMORY = 3 << 30
ALONE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from casemate.audit import audit
report = audit([sys.argv[1]])
print(len(report.findings), len(report.skipped), *{skip.why for skip in report.skipped})
"""


def alone(folder: Path, data: bytes) -> tuple[int, set[str]]:
    """Audit one file in a process of its own, which may take long but not for ever, nor all memory."""
    (folder / "hostile.py").write_bytes(data)
    command = [sys.executable, "-c", ALONE, str(folder), str(MOST_MEMORY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LATEST, check=True)
    findings, _, *reasons = done.stdout.split()
    return int(findings), set(reasons)


def filled(unit: str, size: int) -> str:
    return unit * (size // len(unit) + 1)


LIVE = "\neval(sys.argv[1])\n"
LINES = {
    "imports": filled("import a; ", 9_000_000) + "yaml.load(x)",
    "columns": ("eval(sys.argv[1]); " + filled("ä='ü'; ", 400)) * 1900,
    "passwords": filled("password='hX7!pq02-Lm'; ", 8_000_000),
    "returns": filled("\r", 2_000_000),
    "no-python": filled("$()?", 2_000_000),
    "sum": "x = " + filled("x + ", 9_000_000) + "x",
    "backslashes": filled("\\\n", 2_000_000),
    "backslashes-and-comments": filled("#\n\\\n", 1_000_000),
    "names-of-characters": "x = '" + filled("\\N{", 1_000_000) + "'",
    "type-parameters": "$\n" + filled("type a[", 300_000),
    "one-word": "x." + filled("password", 1_000_000),
    "blanks": "password =" + " " * 1_000_000 + "x\n    y" + " " * 1_000_000 + "z",
    "decorators": "def d(f):\n    return f\n" + "@d\n" * 100_000 + "def g():\n    pass",
    "lambdas": "x = " + "lambda: " * 40_000 + "1",
    "calls-in-calls": "import flask\nx.debug = 1\ny = " + "a.run(" * 1500 + "'" + "q" * 6_000_000 + "'" + ")" * 1500,
    "a-long-name": "class " + "A" * 200_000 + ":\n" + "    def f(self): pass\n" * 20_000,
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES.keys())
def test_megabytes_made_to_cost_time_or_memory_end(lines: str, tmp_path: Path) -> None:
    findings, reasons = alone(tmp_path, (HEAD + lines + LIVE).encode())
    assert findings or reasons
    assert "internal" not in reasons


def test_a_file_without_end_of_dense_code_is_listed_and_not_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(HEAD + "x = " + filled("x + ", 9_000_000) + "x" + LIVE, encoding="utf-8")
    found = audit([tmp_path])
    assert [(skip.why, skip.line) for skip in found.skipped] == [(Why.BUDGET, 0)]
    assert not found.complete


def test_ten_thousand_findings_of_one_rule_are_listed_up_to_a_number(tmp_path: Path) -> None:
    found = report(tmp_path, "password = 'hX7!pq02-Lm'\n" * 3000)
    assert len(found.findings) == 2000
    assert [(skip.why, skip.line) for skip in found.skipped] == [(Why.BUDGET, 2002)]


ROUTE = (
    "@app.route('/{0}')\ndef f{0}(x=''):\n    y = request.args['a'] + x\n    os.system(f{1}(y))\n    return f{2}(y)\n"
)


def test_what_arrives_at_one_place_from_everywhere_is_kept_a_few_times(tmp_path: Path) -> None:
    head = "from flask import Flask, request\napp = Flask(__name__)\n"
    text = head + "".join(ROUTE.format(n, n * 7 % 200, (n + 1) % 200) for n in range(200))
    found = report(tmp_path, text)
    assert {finding.location.line for finding in found.findings} == set(range(7, 1004, 5))


def test_a_part_in_which_everything_costs_much_is_cut_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"def f{n}(x):\n    os.system(sys.argv[{n}])\n" for n in range(200))
    monkeypatch.setattr(analysis, "MOST_WORK", 500 - len(HEAD + text))
    found = report(tmp_path, text)
    assert 0 < len(found.findings) < 200
    assert [(skip.why, skip.line) for skip in found.skipped] == [(Why.BUDGET, 0)]


@pytest.mark.parametrize("rule", rules.about_code(), ids=lambda rule: rule.name)
def test_the_work_of_a_rule_grows_with_the_file_and_no_faster(rule: Rule[Code], tmp_path: Path) -> None:
    """Its example many times over, and twice as many times: counted in calls of functions, which no clock disturbs."""
    example = dedent(rule.example).replace("# flag", "")
    once = example * (20_000 // len(example) + 1)
    few, many = calls(tmp_path / "few", once), calls(tmp_path / "many", once * 4)
    assert many < 6 * few


def calls(folder: Path, text: str) -> int:
    folder.mkdir()
    (folder / "example.py").write_text(text, encoding="utf-8")
    profile = Profile()
    profile.runcall(audit, [folder])
    return sum(entry.callcount for entry in profile.getstats())


def test_a_lone_return_does_not_hide_what_follows_a_comment(tmp_path: Path) -> None:
    found = report(tmp_path, "# harmless\reval(sys.argv[1])\r# so is this\r")
    assert [(finding.rule, finding.location.line) for finding in found.findings] == [("code-injection", 3)]


def test_what_a_function_imports_in_brackets_is_known(tmp_path: Path) -> None:
    text = (
        "def page():\n    from flask import (\n        Flask,\n        request,\n    )\n    eval(request.args['a'])\n"
    )
    assert [finding.location.line for finding in report(tmp_path, text).findings] == [7]

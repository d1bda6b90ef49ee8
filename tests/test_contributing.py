"""The steps of CONTRIBUTING.md lead where they say: each is followed here in a copy of the source."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

RULE = '''"""`telnetlib` sends what it is given in the clear.

## Why
Everybody on the way reads the password.

## Fix
Use SSH.

## Known misses
A client that is written on sockets.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import rule

EXAMPLE = """
    import telnetlib
    telnetlib.Telnet("host.example")    # flag
    print("telnetlib")
"""


@rule(severity=Severity.LOW, confidence=Confidence.HIGH, cwe=319, needles=("telnetlib",), example=EXAMPLE)
def plaintext_telnet(code: Code) -> Iterator[Hit]:
    """Flag every Telnet client."""
    for call in code.calls("telnetlib.Telnet"):
        yield Hit(call.location, "this connection is not encrypted")
'''

FORMAT = '''"""One line for each finding."""

from casemate.model.report import Report


def render(report: Report) -> str:
    """Give path, line and rule."""
    return "".join(f"{finding.location.path}:{finding.location.line} {finding.rule}\\n" for finding in report.findings)
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what a contributor edits."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(checkout: Path, code: str) -> str:
    packages = [path for path in sys.path if path.endswith("site-packages")]
    paths = f"import sys; sys.path[:0] = {[str(checkout / 'src'), *packages]!r}\n"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", paths + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_has_the_three_ways_to_extend_and_names_what_exists() -> None:
    for what in ("rule", "report format", "backend"):
        assert f"## How to add a {what}" in GUIDE
    named = re.findall(r"`((?:src|docs|tests)/[\w./]+)`", GUIDE)
    placeholders = {"src/casemate/rules/code/your_rule.py"}
    assert [
        path for path in named if path not in placeholders and "NAME" not in path and not (ROOT / path).exists()
    ] == []


def test_a_rule_is_one_file_and_nothing_else_is_edited(checkout: Path) -> None:
    (checkout / "src/casemate/rules/code/plaintext_telnet.py").write_text(RULE, encoding="utf-8")
    (checkout / "old.py").write_text('import telnetlib\ntelnetlib.Telnet("h")\n', encoding="utf-8")
    found = python(
        checkout,
        "from pathlib import Path; from casemate.audit import audit\n"
        f"found = audit([Path({str(checkout / 'old.py')!r})], select=['plaintext-telnet']).findings\n"
        "print([(f.rule, f.location.line) for f in found])",
    )
    assert found == "[('plaintext-telnet', 2)]\n"


def test_a_report_format_is_a_function_of_the_report(checkout: Path) -> None:
    (checkout / "src/casemate/reports/lines.py").write_text(FORMAT, encoding="utf-8")
    (checkout / "old.py").write_text("import yaml\nyaml.load(open('x'))\n", encoding="utf-8")
    printed = python(
        checkout,
        "from pathlib import Path; from casemate.audit import audit; from casemate.reports import lines\n"
        f"print(lines.render(audit([Path({str(checkout / 'old.py')!r})])), end='')",
    )
    assert printed == f"{checkout / 'old.py'}:2 unsafe-yaml-load\n"


def test_a_backend_has_the_members_that_the_guide_names() -> None:
    section = GUIDE.partition("## How to add a backend")[2].partition("## ")[0]
    members = {name for name in re.findall(r"`(\w+)\(\)`", section) if name not in ("names", "choose")}
    from casemate import sandbox  # noqa: PLC0415 -- only this test needs it

    assert members == {"runtime", "gaps", "plan"}
    for backend in map(sandbox.choose, sandbox.names()):
        everything = {*members, "layers", "coverage", "start"}
        assert [name for name in everything if not callable(getattr(backend, name, None))] == []

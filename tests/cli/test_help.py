"""The help that is written down is the help that is printed."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.cli import VERBS
from casemate.model.exits import Exit

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).with_name("casemate")
PAGE = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
WRITTEN = dict(re.findall(r"^## (casemate[a-z ]*)\n```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL))
Casemate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("heading", WRITTEN)
def test_the_reference_shows_what_is_printed(heading: str, casemate: Casemate) -> None:
    done = casemate(*heading.split()[1:], "--help", env={"COLUMNS": "37", "FORCE_COLOR": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip() == WRITTEN[heading], "run python docs/generate.py"


def test_every_verb_stands_in_the_reference(casemate: Casemate) -> None:
    assert [
        heading for heading in ("casemate", *(f"casemate {verb}" for verb in VERBS)) if heading not in WRITTEN
    ] == []
    (choices,) = re.findall(
        r"^usage: casemate policy \[options\] (\S+)$", casemate("policy", "--help").stdout, re.MULTILINE
    )
    assert [verb for verb in choices.split("|") if f"casemate policy {verb}" not in WRITTEN] == []


def test_no_help_is_wider_than_the_page() -> None:
    assert [line for text in WRITTEN.values() for line in text.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("exit_code", Exit)
def test_every_exit_code_is_explained(exit_code: Exit) -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    written = "128+N" if exit_code is Exit.SIGNAL else str(int(exit_code))
    assert f"\n| {written} |" in page

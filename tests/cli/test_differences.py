"""What `--diff` prints is bounded and steers nothing, and it says plainly where there is nothing to show."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.cli.differences import CHANGES, TEXT, printed
from casemate.model.sandbox import ChangeKind, FileChange
from casemate.reports.paint import Style

Casemate = Callable[..., subprocess.CompletedProcess[str]]
PLAIN = Style(colours=False)
NASTY = "\x1b[2J\u202e\r\n::error::x ##vso[task] \udcff"


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a").write_text("one\n", encoding="utf-8")
    return folder


def test_changes_are_shown_and_copied_out(casemate: Casemate, out: Path) -> None:
    code = "open('out/a', 'w').write('two\\n'); open('out/x.pth', 'w').write('import os\\n'); print('program')"
    done = casemate("run", "--write", "out", "--diff", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "program\n"
    assert done.stderr.splitlines() == [
        "changes: 1 copied out, 1 not",
        f"  ~ {out}/a  4 → 4 bytes",
        "      @@ -1 +1 @@",
        "      -one",
        "      +two",
        f"  + {out}/x.pth  10 bytes",
        "      persistence point: something later executes or trusts this file",
        "      not copied out: something later executes or trusts what is written there (fs.persist)",
        "      @@ -0,0 +1 @@",
        "      +import os",
    ]
    assert (out / "a").read_text(encoding="utf-8") == "two\n"


def test_discarded_changes_are_shown_recorded_and_gone(casemate: Casemate, out: Path, tmp_path: Path) -> None:
    record = tmp_path / "run.jsonl"
    code = "open('out/a', 'w').write('two\\n')"
    done = casemate("run", "--write", "out", "--diff", "--discard", "--record", record, "-c", code)
    assert done.returncode == 0
    assert "not copied out: discarded" in done.stderr
    assert "+two" in done.stderr
    assert (out / "a").read_text(encoding="utf-8") == "one\n"
    events = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    (change,) = [event for event in events if event["event"] == "change"]
    assert (change["copied"], change["reason"]) == (False, "discarded")
    assert "two" not in str(change)


@pytest.mark.usefixtures("out")
def test_nothing_to_show_is_one_line(casemate: Casemate) -> None:
    def said(*options: str) -> str:
        done = casemate("run", "--diff", *options, "-c", "pass")
        assert done.returncode == 0
        return done.stderr

    assert said("--write", "out") == "no changes\n"
    assert said() == "casemate: --diff has nothing to show: nothing may be written (--write PATH)\n"
    assert said("--dry-run", "--write", "out") == "casemate: --diff has nothing to show: a dry run starts nothing\n"
    direct = said("--write-direct", "out", "--accept", "fs.persist", "--accept", "res.disk")
    assert "written directly" in direct
    assert direct.count("\n") == 1


@pytest.mark.usefixtures("out")
def test_a_name_or_a_text_steers_no_terminal(casemate: Casemate) -> None:
    code = f"open('out/b', 'w').write({NASTY[:-1]!r}); open(b'out/\\xff\\xe2\\x80\\xae', 'w')"
    said = casemate("run", "--write", "out", "--diff", "-c", code).stderr
    assert "\\x1b[2J\\u202e" in said
    assert not set("\x1b\u202e\r") & set(said)
    assert not any(line.strip().startswith("::") or "##vso[" in line for line in said.splitlines())


def test_there_is_an_end_to_it() -> None:
    lines = tuple("+" + "x" * 100_000 for _ in range(60))
    changes = [FileChange("/" + "y" * 100_000 + NASTY, ChangeKind.ADDED, after=1, difference=lines)] * 10_000
    text = printed(changes, PLAIN)
    assert text.count("\n") <= 3 * CHANGES + TEXT + 2
    assert len(text) < 1 << 20
    assert f"… and {len(changes) - CHANGES} more" in text


def test_colour_says_nothing_that_the_words_do_not() -> None:
    change = FileChange("/a", ChangeKind.ADDED, after=1, persist=True, difference=("@@ x @@", "+a", "-b", " c"))
    plain, coloured = printed([change], PLAIN), printed([change], Style(colours=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain

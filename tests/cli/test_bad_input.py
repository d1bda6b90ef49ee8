"""`casemate audit` and input that is wrong, hostile or damaged: a clear message, the right code, nothing left."""

import ctypes
import json
import os
import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Casemate = Callable[..., subprocess.CompletedProcess[str]]
GIB = 1024 * 1024 * 1024


def report(done: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 -- what json.loads gives
    """Give the report, and make sure that nothing else was said."""
    assert "Traceback" not in done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def skipped(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Give why each file was skipped, by its name."""
    return {Path(skip["path"]).name: skip["why"] for skip in report(done)["skipped"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--unknown", "."), "--unknown"),
        (("--select", "no-such-rule", "."), "no-such-rule"),
        (("--fail-on", "terrible", "."), "terrible"),
        (("missing/path.py",), "missing/path.py"),
        (("--models", "missing.toml", "."), "missing.toml"),
        (("plain.py/below.py",), "plain.py/below.py"),
        (("x" * 300 + ".py",), "xxx"),
        (("",), "audit"),
        (("a\x1b[31m\n.py",), r"a\x1b[31m\n.py"),
    ],
)
def test_wrong_arguments_are_one_line_and_2(
    arguments: tuple[str, ...], said: str, clean: Path, casemate: Casemate
) -> None:
    done = casemate("audit", *arguments, cwd=clean)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"casemate: [^\n]+\n", done.stderr)
    assert said in done.stderr
    assert done.stderr[:-1].isprintable()


def test_a_working_directory_that_is_gone_is_one_line_and_2(tmp_path: Path, clean: Path, casemate: Casemate) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = casemate("audit", ".", cwd=gone, preexec_fn=gone.rmdir)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("casemate: the working directory is gone: ")  # sh may say it too
    gone.mkdir()
    assert casemate("audit", clean, cwd=gone, preexec_fn=gone.rmdir).returncode == 0


def test_a_broken_model_is_one_line_and_2(clean: Path, casemate: Casemate) -> None:
    (clean / "model.toml").write_text("[[[\n", encoding="utf-8")
    done = casemate("audit", "--models", "model.toml", ".", cwd=clean)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"casemate: model.toml[^\n]+\n", done.stderr)


def test_damaged_files_are_skipped_each_with_its_reason_and_the_rest_is_analysed(
    project: Path, casemate: Casemate
) -> None:
    (project / "syntax.py").write_text("import os\ndef f(:\n    os.system(x)\n", encoding="utf-8")
    (project / "encoding.py").write_bytes(b"import os\nos.system('\xff\xfe')\n")
    (project / "coding.py").write_bytes(b"# coding: no-such-codec\nimport os\nos.system('x')\n")
    (project / "nul.py").write_bytes(b"import os\nos.system(x)\0\n")
    (project / "dangling.py").symlink_to("nowhere.py")
    (project / "loop.py").symlink_to("loop.py")
    (project / "around").symlink_to(".")
    os.mkfifo(project / "pipe.py")
    (project / "folder.py").mkdir()
    done = casemate("audit", "--format", "json", project)
    why = skipped(done)
    assert done.returncode == 1
    assert {finding["rule"] for finding in report(done)["findings"]} == {"sql-injection"}
    assert why["syntax.py"] == "syntax"
    assert why["encoding.py"] == "encoding"
    assert why["coding.py"] == "encoding"
    assert why["nul.py"] in ("syntax", "encoding")
    assert {why[name] for name in ("dangling.py", "loop.py")} <= {"link", "unreadable"}
    assert why["pipe.py"] == "not-a-file"
    assert "plain.py" not in why


def test_incomplete_without_findings_is_3(clean: Path, casemate: Casemate) -> None:
    (clean / "syntax.py").write_text("import os\ndef f(:\n    os.system(x)\n", encoding="utf-8")
    done = casemate("audit", clean)
    assert done.returncode == 3
    assert "Not analysed: syntax (1)" in done.stdout


def test_a_line_of_a_gigabyte_is_skipped_without_reading_it(clean: Path, casemate: Casemate) -> None:
    with (clean / "large.py").open("wb") as file:
        file.write(b"x = '")
        file.truncate(GIB)
    done = casemate(
        *("audit", "--format", "json", clean),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB)),
    )
    assert done.returncode == 3
    assert skipped(done) == {"large.py": "too-large"}


def test_a_long_line_that_is_read_does_not_flood_the_terminal(
    project: Path, example: Callable[[str], str], casemate: Casemate
) -> None:
    injected = example("sql-injection").replace("connection.execute(f", f"{'x = 1; ' * 10_000}connection.execute(f")
    (project / "people.py").write_text(injected, encoding="utf-8")
    done = casemate("audit", project)
    assert done.returncode == 1
    assert "sql-injection" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 400


HOSTILE = (
    b"line\nbreak.py",
    b"\x1b[2J\x1b]0;title\x07.py",
    b"not\xfftext.py",
    "right\u202eleft.py".encode(),
    b"::stop-commands::x.py",
    b"##vso[task.setvariable variable=PATH].py",
    b" .py",
    b"-rf.py",
    b"%2e%2e.py",
    b"a#b?c:d.py",
    "\U000e0041\u200b.py".encode(),
)


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_hostile_names_steer_nothing(form: str, clean: Path, example: Callable[[str], str], casemate: Casemate) -> None:
    for name in HOSTILE:
        with open(os.fsencode(clean) + b"/" + name, "w", encoding="utf-8") as file:  # noqa: PTH123 -- the name is bytes
            file.write(example("sql-injection"))
    done = casemate("audit", "--format", form, ".", cwd=clean)
    assert (done.returncode, done.stderr) == (1, "")
    assert len(re.findall(r"\.py:\d+|\"uri\": \"|\"path\": \"", done.stdout)) >= len(HOSTILE)
    assert [line for line in done.stdout.split("\n") if not line.isprintable()] == []
    assert not re.search(r"##\w*\[|^\s*::", done.stdout, re.MULTILINE)
    if form != "text":
        assert done.stdout.isascii()
        json.loads(done.stdout)


@pytest.mark.parametrize("deep", ["(" * 50_000, "-" * 50_000 + "1", "a." * 50_000 + "b", "[" * 3_000 + "]" * 3_000])
def test_deeply_nested_source_is_no_fault_of_ours(deep: str, clean: Path, casemate: Casemate) -> None:
    (clean / "deep.py").write_text(f"import os\nos.system({deep})\n", encoding="utf-8")
    done = casemate("audit", "--format", "json", clean)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "internal" not in skipped(done).values()


def without_privilege() -> None:
    """Be somebody whom the modes of files bind: root without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH after exec."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                os._exit(99)


def test_who_may_not_read_is_told_what_was_not_read(project: Path, casemate: Casemate) -> None:
    (project / "closed.py").write_text("x = 1\n", encoding="utf-8")
    (project / "closed.py").chmod(0)
    (project / "shut").mkdir(mode=0)
    done = casemate("audit", "--format", "json", project, preexec_fn=without_privilege)
    (project / "shut").chmod(0o700)
    why = skipped(done)
    assert done.returncode == 1
    assert why["closed.py"] == "unreadable"
    assert why["shut"] == "unreadable"


def test_who_may_not_write_there_is_told_so(clean: Path, casemate: Casemate) -> None:
    clean.chmod(0o555)
    done = casemate("audit", "--output", clean / "report", clean, preexec_fn=without_privilege)
    clean.chmod(0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"casemate: cannot write {clean}/report: Permission denied\n"

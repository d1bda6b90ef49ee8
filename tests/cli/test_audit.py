"""`casemate audit`: what it prints where, and what it ends with."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.processes import Started

COMMAND = Path(sys.executable).with_name("casemate")
Casemate = Callable[..., subprocess.CompletedProcess[str]]


def test_findings_end_with_1_and_are_shown_with_their_flow(project: Path, casemate: Casemate) -> None:
    done = casemate("audit", project)
    assert (done.returncode, done.stderr) == (1, "")
    assert "critical sql-injection (CWE-89)" in done.stdout
    assert 'connection.execute(f"SELECT' in done.stdout
    assert "how the value gets there:" in done.stdout
    assert "analysed: 2 of 2 files" in done.stdout
    assert "out of scope: 1 file of kinds that no reader knows" in done.stdout
    assert "in scope, not tested: data files, packages, host" in done.stdout


def test_nothing_found_ends_with_0_and_says_where_it_looked(clean: Path, casemate: Casemate) -> None:
    done = casemate("audit", clean)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No findings in 1 of 1 file (1 line)\n")


@pytest.mark.parametrize(("level", "code"), [("info", 1), ("critical", 1), ("low", 1)])
def test_fail_on_counts_what_is_as_bad_or_worse(level: str, code: int, project: Path, casemate: Casemate) -> None:
    assert casemate("audit", "--fail-on", level, project).returncode == code


def test_fail_on_lets_milder_findings_pass_but_shows_them(
    tmp_path: Path, example: Callable[[str], str], casemate: Casemate
) -> None:
    (tmp_path / "temporary.py").write_text(example("insecure-temporary-file"), encoding="utf-8")
    done = casemate("audit", "--fail-on", "critical", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "insecure-temporary-file" in done.stdout


def test_select_applies_only_these_rules(project: Path, casemate: Casemate) -> None:
    done = casemate("audit", "--select", "weak-hash", project)
    assert done.returncode == 0
    assert "1 rule" in done.stdout


def test_exclude_is_a_declared_scope(project: Path, casemate: Casemate) -> None:
    done = casemate("audit", "--exclude", "people.py", project)
    assert done.returncode == 0, done.stdout
    assert "excluded: people.py" in done.stdout
    assert "analysed: 1 of 1 file" in done.stdout


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_machine_formats_hold_nothing_else_on_standard_output(form: str, project: Path, casemate: Casemate) -> None:
    done = casemate("audit", "--format", form, project)
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    findings = document["findings"] if form == "json" else document["runs"][0]["results"]
    assert {finding["rule" if form == "json" else "ruleId"] for finding in findings} == {"sql-injection"}


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_the_same_program_gives_the_same_bytes_wherever_it_lies(
    form: str, project: Path, tmp_path: Path, casemate: Casemate
) -> None:
    one = casemate("audit", "--format", form, ".", cwd=project)
    moved = project.rename(tmp_path / "moved")
    assert one.stdout == casemate("audit", "--format", form, ".", cwd=moved, env={"PYTHONHASHSEED": "1"}).stdout
    assert str(project) not in one.stdout


class TestAnEmptyProjectIsNotAGreenOne:
    @pytest.mark.parametrize("name", ["nothing.txt", "code.pyc", "notebook.ipynb"])
    def test_without_python_files(self, name: str, tmp_path: Path, casemate: Casemate) -> None:
        (tmp_path / name).write_bytes(b"{}")
        done = casemate("audit", tmp_path)
        assert done.returncode == 3
        assert "Nothing was analysed" in done.stdout

    def test_with_no_file_at_all(self, tmp_path: Path, casemate: Casemate) -> None:
        assert casemate("audit", tmp_path).returncode == 3

    def test_with_everything_excluded(self, project: Path, casemate: Casemate) -> None:
        assert casemate("audit", "--exclude", "*.py", project).returncode == 3


class TestTheReportGoesToAFile:
    def test_whole_private_and_with_a_summary_on_standard_error(
        self, project: Path, tmp_path: Path, casemate: Casemate
    ) -> None:
        report = tmp_path / "report.json"
        report.write_text("old", encoding="utf-8")
        done = casemate("audit", "--format", "json", "--output", report, project)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("casemate: 2 findings (2 critical) in 2 of 2 files")
        assert json.loads(report.read_text(encoding="utf-8"))["complete"] is True
        assert report.stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "report.json"]

    def test_a_link_is_not_followed(self, project: Path, tmp_path: Path, casemate: Casemate) -> None:
        victim, link = tmp_path / "victim", tmp_path / "link"
        victim.write_text("precious", encoding="utf-8")
        link.symlink_to(victim)
        done = casemate("audit", "--output", link, project)
        assert done.returncode == 2
        assert "symbolic link" in done.stderr
        assert victim.read_text(encoding="utf-8") == "precious"
        assert link.is_symlink()

    @pytest.mark.parametrize("target", ["/dev/null", "/dev/stdout", "/", "missing/report.txt"])
    def test_what_is_no_regular_file_is_refused_before_the_work(
        self, target: str, tmp_path: Path, casemate: Casemate
    ) -> None:
        before = Path("/dev/null").stat()
        done = casemate("audit", "--output", target, tmp_path / "not-even-there")
        assert done.returncode == 2
        assert "cannot write" in done.stderr or "no such file" in done.stderr
        assert done.stderr.count("\n") == 1
        assert Path("/dev/null").stat().st_rdev == before.st_rdev

    def test_a_disk_that_is_full_leaves_the_old_report(self, project: Path, tmp_path: Path, casemate: Casemate) -> None:
        report = tmp_path / "report.txt"
        report.write_text("old", encoding="utf-8")

        def little_room() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

        casemate("audit", project)  # the interpreter would keep compiled modules that were cut at the limit
        done = casemate("audit", "--output", report, project, preexec_fn=little_room)
        assert done.returncode == 2, done.stderr
        assert done.stderr == f"casemate: cannot write {report}: File too large\n"
        assert report.read_text(encoding="utf-8") == "old"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "report.txt"]

    def test_a_dash_is_standard_output(self, project: Path, casemate: Casemate) -> None:
        assert "sql-injection" in casemate("audit", "--output", "-", project).stdout


def test_a_full_standard_output_is_said(project: Path, casemate: Casemate) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 -- a device
        done = casemate("audit", project, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "casemate: cannot write to standard output: No space left on device\n")


def test_a_reader_that_goes_away_ends_it_quietly(project: Path) -> None:
    process = subprocess.Popen([COMMAND, "audit", project], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stderr:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_the_finding_is_marked_in_colour_on_a_terminal(project: Path) -> None:
    main, other = pty.openpty()
    with Started(
        [COMMAND, "audit", project], stdout=other, stderr=subprocess.DEVNULL, env={"PATH": os.defpath, "TERM": "xterm"}
    ):
        os.close(other)
        shown = b""
        while True:
            try:
                shown += os.read(main, 65536)
            except OSError:  # EIO: the other side is closed
                break
    os.close(main)
    assert b"\x1b[1;31mcritical\x1b[0m" in shown


@pytest.fixture
def large(tmp_path: Path, example: Callable[[str], str]) -> Path:
    """Give a folder that takes seconds to audit."""
    body = "    c = [a, b]\n    for d in c:\n        if d:\n            b = d + f{0}(b, a)\n    return b\n"
    functions = "\n\n".join(f"def f{number}(a, b):\n{body.format(number)}" for number in range(150))
    source = f"{example('sql-injection')}\n\n{functions}"
    for number in range(200):
        (tmp_path / f"m{number}.py").write_text(source + f"\nX = {number}\n", encoding="utf-8")
    return tmp_path


def test_ctrl_c_in_the_middle_ends_everything_with_one_line(large: Path, tmp_path: Path) -> None:
    main, other = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "audit", "--output", tmp_path / "report", large],
        stdout=subprocess.DEVNULL,
        stderr=other,
        start_new_session=True,
        env={"PATH": os.defpath, "TERM": "xterm"},
    )
    os.close(other)
    time.sleep(1.5)
    assert process.poll() is None  # it is in the middle
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group gets it
    shown = b""
    try:
        while block := os.read(main, 4096):
            shown += block
    except OSError:  # EIO: everybody has closed it
        pass
    os.close(main)
    assert process.wait(timeout=5) == 130
    said = shown.replace(b"\r\n", b"\n").rpartition(b"\r\x1b[K")[2].decode()
    assert said in ("casemate: interrupted\n", "^Ccasemate: interrupted\n")
    assert not (tmp_path / "report").exists()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _group(process.pid):
        time.sleep(0.05)
    assert _group(process.pid) == []


def _group(leader: int) -> list[str]:
    """Name what is left of a process group."""
    left: list[str] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            left.append(str(stat))
    return left


def test_no_progress_where_standard_error_is_no_terminal(large: Path, casemate: Casemate) -> None:
    done = casemate("audit", "--output", large / "report", *sorted(large.glob("m1?.py")))
    assert done.stderr.count("\n") == 1
    assert "\r" not in done.stderr

"""What is done in the guest while a run waits: it works, nothing of the program runs there, nothing of it is left."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.processes import Started
from tests.sandbox.vm.conftest import SECONDS, until_it_rests, words

from casemate.sandbox.vm import warming
from casemate.sandbox.waiting import telling

LOOK = """
import os, sys
way = sys.argv[1].split("/")
print(sorted({*os.listdir("/tmp")} - {*way}), sorted(os.listdir("/dev/shm")), sorted(os.listdir(sys.argv[1])))
print(sorted(name for name in os.listdir("/proc") if name.isdigit()), os.environ["GREETING"])
"""


def test_it_does_to_the_end_what_a_python_does_at_its_start_and_says_nothing() -> None:
    done = subprocess.run([sys.executable, *warming.WORDS], capture_output=True, check=False, env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_nothing_of_the_environment_of_a_program_runs_in_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = tmp_path.glob("venv/lib/python*/site-packages")
    said = f"open({str(tmp_path / 'ran')!r}, 'a').close()"
    (packages / "one.pth").write_text(f"import os; {said}\n")
    for name in ("sitecustomize", "usercustomize", "json", "dataclasses"):
        for folder in (packages, tmp_path):
            (folder / f"{name}.py").write_text(said)
    python = tmp_path / "venv" / "bin" / "python"
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py")}
    subprocess.run([python, *warming.WORDS], check=True, cwd=tmp_path, env=environment)
    assert not (tmp_path / "ran").exists()
    subprocess.run([python, "-c", "pass"], check=True, cwd=tmp_path)
    assert (tmp_path / "ran").exists()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("way", [["--write"], ["--accept", "fs.persist", "--accept", "res.disk", "--write-direct"]])
def test_nothing_of_it_is_left_when_the_program_starts(tmp_path: Path, way: list[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    started = Started(
        words("--wait", "--env", "GREETING=hello", *way, out, "-c", LOOK, out),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with started:
        until_it_rests(started.pid)
        said, errors = started.communicate(telling([]), timeout=SECONDS)
    assert said.decode() == "[] [] []\n['2'] hello\n", errors
    assert list(out.iterdir()) == []

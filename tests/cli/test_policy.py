"""`casemate policy`: infer from a program, show, trust; and a program that runs under what was inferred for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.model.capability import Capability
from casemate.policy.file import load

Casemate = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = Path(sys.executable).with_name("casemate")

PROGRAM = '''\
"""Copy numbers."""
import os
from helper import log

SOURCE = os.environ.get("SOURCE", "in/numbers.txt")


def main():
    with open("in/numbers.txt", encoding="utf-8") as file:
        numbers = [int(line) for line in file]
    os.makedirs("out", exist_ok=True)
    with open("out/sum.txt", "w", encoding="utf-8") as file:
        file.write(f"{os.environ.get('LABEL', 'sum')} {sum(numbers)}")
    log("done")


if __name__ == "__main__":
    main()
'''
HELPER = """\
def log(text):
    with open("out/log.txt", "a", encoding="utf-8") as file:
        file.write(text)


def read_anything(name):
    return open(name).read()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "program").mkdir(parents=True)
    (folder / "in").mkdir()
    (folder / "in/numbers.txt").write_text("1\n2\n", encoding="utf-8")
    (folder / "program/app.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "program/helper.py").write_text(HELPER, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def refused(done: subprocess.CompletedProcess[str], said: str, code: int = 2) -> None:
    assert done.returncode == code
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


# infer


def test_a_program_runs_under_what_was_inferred_for_it_and_a_change_of_it_does_not(
    casemate: Casemate, project: Path
) -> None:
    done = casemate("policy", "infer", "program/app.py")
    assert done.returncode == 0, done.stderr
    assert f"create {project}/out before the first run" in done.stderr
    (project / "out").mkdir()

    done = casemate("run", "--policy", "casemate.toml", "program/app.py", env=os.environ | {"LABEL": "total"})
    assert (done.returncode, done.stderr) == (0, "")
    assert (project / "out/sum.txt").read_text(encoding="utf-8") == "total 3"
    assert (project / "out/log.txt").read_text(encoding="utf-8") == "done"

    (project / "secret.txt").write_text("s3cret", encoding="utf-8")
    with (project / "program/app.py").open("a", encoding="utf-8") as file:
        file.write("    print(open('secret.txt').read())\n")
    done = casemate("run", "--policy", "casemate.toml", "program/app.py")
    assert done.returncode == 1
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.usefixtures("project")
def test_an_inferred_policy_names_the_line_of_each_grant_and_what_it_leaves_out(casemate: Casemate) -> None:
    text = casemate("policy", "infer", "program/app.py", "-o", "-").stdout
    assert '"in/numbers.txt",  # app.py:9 needs this: with open("in/numbers.txt", encoding="utf-8") as file:' in text
    assert '"LABEL",  # app.py:13 needs this' in text
    assert '"out",  # app.py:11 needs this' in text
    unresolved = text[text.index("# Not resolved") :]
    assert "helper.py:7 fs.read" in unresolved


def test_the_same_program_gives_the_same_bytes(casemate: Casemate, project: Path) -> None:
    once = casemate("policy", "infer", "program/app.py", "-o", "-").stdout
    assert once == casemate("policy", "infer", str(project / "program/app.py"), "-o", "-").stdout


def test_a_policy_is_not_overwritten_unasked(casemate: Casemate, project: Path) -> None:
    (project / "casemate.toml").write_text("mine", encoding="utf-8")
    refused(casemate("policy", "infer", "program/app.py"), "--force overwrites it")
    assert (project / "casemate.toml").read_text(encoding="utf-8") == "mine"
    assert casemate("policy", "infer", "--force", "program/app.py").returncode == 0
    assert list(load(str(project / "casemate.toml")).policy.of(Capability.FS_WRITE))


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
def test_nobody_who_hears_what_was_written_is_no_fault(stream: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" policy infer program/app.py {stream}', COMMAND], check=False, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert load("casemate.toml").policy.name == "app"


def test_what_cannot_be_written_is_said_before_the_work(casemate: Casemate, project: Path) -> None:
    (project / "program/app.py").write_bytes(b"x = (\n")  # would be told about
    refused(casemate("policy", "infer", "--force", "-o", "in", "program/app.py"), "no regular file")
    refused(casemate("policy", "infer", "-o", "no/such/p.toml", "program/app.py"), "there is no directory no/such")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", [("",), ("program/app.py", ""), ("-o", "", "program/app.py")])
def test_an_empty_path_is_not_this_folder(casemate: Casemate, arguments: tuple[str, ...]) -> None:
    refused(casemate("policy", "infer", *arguments), "empty path")


@pytest.mark.parametrize("arguments", [("infer", "app.py"), ("infer", "/etc", "-o", "-"), ("show", "p.toml")])
def test_a_folder_that_is_gone_is_said(casemate: Casemate, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    (tmp_path / "p.toml").write_text("[policy]\nversion = 1\n", encoding="utf-8")
    words = [str(tmp_path / "p.toml") if word.endswith("p.toml") else word for word in arguments]
    done = casemate("policy", *words, cwd=gone, preexec_fn=gone.rmdir)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("casemate: the working directory is gone: ")  # sh may say it too
    assert "Traceback" not in done.stderr


def test_infer_runs_nothing(casemate: Casemate, project: Path) -> None:
    (project / "program/app.py").write_text("open('ran', 'w')\nraise SystemExit(9)\n", encoding="utf-8")
    assert casemate("policy", "infer", "program/app.py", "-o", "-").returncode == 0
    assert not (project / "ran").exists()


def test_what_cannot_be_read_is_told_and_the_exit_code_says_so(casemate: Casemate, project: Path) -> None:
    (project / "program/helper.py").write_bytes(b"def (:\n\xff\n")
    done = casemate("policy", "infer", "program/app.py", "-o", "-")
    assert done.returncode == 3
    assert "helper.py" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("project")
def test_a_missing_program_is_one_line(casemate: Casemate) -> None:
    refused(casemate("policy", "infer", "no/such.py"), "no/such.py")
    refused(casemate("policy", "infer", "--python", "/no/such", "program/app.py"), "/no/such")


# show and trust


def test_show_expands_every_set(casemate: Casemate, project: Path, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (project / "p.toml").write_text(
        '[policy]\nversion = 1\nname = "x"\n[fs]\nread = ["@python", "@program", "in", "gone"]\n'
        '[net]\nconnect = ["a.example:1"]\n[env]\nset = { A = "b\\u001b" }\n',
        encoding="utf-8",
    )
    done = casemate("policy", "show", "p.toml", env=os.environ | {"HOME": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "fs.read      @python" in lines
    assert any(line.endswith("/os.py") or "/lib/python3" in line for line in lines)
    assert "(known when a program is named)" in lines
    assert f"fs.read      {project}/in" in lines
    assert f"fs.read      {project}/gone  (does not exist)" in lines
    assert "net.connect  a.example:1" in lines
    assert "env.set      A=b\\x1b" in lines
    assert str(tmp_path / ".ssh") in lines
    assert {"res.memory   4GiB", "res.cpu      10m", "res.wall     no limit"} <= set(lines)
    assert max(map(len, lines)) < 120


def test_a_wrong_policy_is_one_line(casemate: Casemate, project: Path) -> None:
    (project / "p.toml").write_text("[policy]\nversion = 1\nwho = 1\n", encoding="utf-8")
    refused(casemate("policy", "show", "p.toml"), "p.toml: policy.who: unknown key; allowed here: version")
    (project / "casemate.toml").write_text("[policy]\nversion = 1\nwho = 1\n", encoding="utf-8")
    refused(casemate("policy", "trust", "casemate.toml"), "unknown key")
    refused(casemate("policy", "show", "gone.toml"), "No such file")


def test_trust_refuses_what_others_can_change(casemate: Casemate, project: Path) -> None:
    (project / "casemate.toml").write_text("[policy]\nversion = 1\n", encoding="utf-8")
    (project / "casemate.toml").chmod(0o666)
    refused(casemate("policy", "trust", "casemate.toml"), "anybody")


def test_trust_is_about_the_file_that_run_looks_for(casemate: Casemate, project: Path, tmp_path: Path) -> None:
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    for name in ("p.toml", "casemate.toml"):
        (project / name).write_text("[policy]\nversion = 1\n", encoding="utf-8")
    refused(casemate("policy", "trust", "p.toml", env=environment), "--policy FILE")
    hostile = project / "\x1b[2J\n"
    hostile.mkdir()
    (project / "casemate.toml").rename(hostile / "casemate.toml")
    done = casemate("policy", "trust", hostile / "casemate.toml", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout[:-1].isprintable()


def test_a_sub_verb_is_required(casemate: Casemate) -> None:
    refused(casemate("policy"), "infer|show|export|trust")

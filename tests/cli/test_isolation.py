"""Nothing of a target runs inside casemate: modules that shadow ours, start-up hooks and variables, for every verb."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.cli import VERBS

Casemate = Callable[..., subprocess.CompletedProcess[str]]
SHADOWS = (
    "casemate",
    "argparse",
    "json",
    "os",
    "dataclasses",
    "tomllib",
    "rich",
    "tree_sitter",
    "enum",
    "re",
    "pathlib",
)
HOOKS = ("sitecustomize", "usercustomize", "startup")
ARGUMENTS = {
    "audit": ["."],
    "explain": ["sql-injection"],
    "rules": [],
    "policy": ["show", "casemate.toml"],
    "run": ["--dry-run", "app.py"],
    "backends": [],
    "verify": ["--only", "environment/variable"],
}


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder in which every module, hook and .pth file that runs leaves a mark beside the folder."""
    folder = tmp_path / "hostile"
    site = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    site.mkdir(parents=True)
    act = f"import builtins; builtins.open({str(tmp_path / 'mark')!r}, 'a').write(__name__ + ' ')"
    for name in (*SHADOWS, *HOOKS):
        (folder / f"{name}.py").write_text(f"{act}\n", encoding="utf-8")
    for place in (folder, site):
        (place / "evil.pth").write_text(f"{act}\n", encoding="utf-8")
    (folder / "app.py").write_text("print('the target')\n", encoding="utf-8")
    (folder / "casemate.toml").write_text("[policy]\nversion = 1\n", encoding="utf-8")
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    return folder


def variables(folder: Path) -> dict[str, str]:
    """Give the caller's environment with everything that makes a Python run something of the folder."""
    return os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONHOME": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONUSERBASE": str(folder),
        "PYTHONINSPECT": "1",
        "PYTHONPLATLIBDIR": "lib",
        "PYTHONBREAKPOINT": "startup.act",
        "PYTHONWARNINGS": "error::startup.Act",
        "VIRTUAL_ENV": str(folder),
        "PYTHONEXECUTABLE": str(folder / "bin/python"),
        "__PYVENV_LAUNCHER__": str(folder / "bin/python"),
    }


def test_the_marks_work(hostile: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(hostile)}
    subprocess.run([sys.executable, "-c", "pass"], env=environment, check=False, capture_output=True)
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_runs_anything_of_the_folder(casemate: Casemate, hostile: Path, tmp_path: Path, verb: str) -> None:
    done = casemate(verb, *ARGUMENTS[verb], env=variables(hostile), stdin=subprocess.DEVNULL)
    assert not (tmp_path / "mark").exists(), (tmp_path / "mark").read_text(encoding="utf-8")
    assert "Traceback" not in done.stderr


def test_every_verb_is_tested() -> None:
    assert set(ARGUMENTS) == set(VERBS)


def test_started_as_a_module_it_says_so_and_does_not_run_a_target(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "casemate", "run", "-c", "print('ran')"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 125
    assert done.stdout == ""
    assert "not started apart" in done.stderr
    assert done.stderr.count("\n") == 2


def test_hooks_of_the_targets_python_run_under_the_policy_and_not_before(
    casemate: Casemate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([Path(sys.executable).resolve(), "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    act = (
        f"import os, sys; sys.stderr.write('NAME: sees ' + str(os.path.exists({str(tmp_path / 'secret')!r})) + chr(10))"
    )
    (tmp_path / "secret").touch()
    for name, text in (("sitecustomize.py", "sitecustomize"), ("usercustomize.py", "usercustomize"), ("x.pth", "pth")):
        (site / name).write_text(act.replace("NAME", text) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    outside = subprocess.run([venv / "bin/python", "-c", "pass"], capture_output=True, text=True, check=True)
    assert "pth: sees True" in outside.stderr  # Debian's own sitecustomize comes before that of an environment
    inside = casemate("run", "--python", str(venv), "-c", "pass")
    assert inside.returncode == 0
    assert "pth: sees False" in inside.stderr
    assert "sitecustomize: sees False" in inside.stderr
    assert "True" not in inside.stderr

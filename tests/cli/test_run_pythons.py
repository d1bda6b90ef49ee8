"""`casemate run` with every layout of a Python that can be made here: an ordinary script just runs."""

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

Casemate = Callable[..., subprocess.CompletedProcess[str]]
BASE = Path(sys.base_prefix).resolve()
NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ORDINARY = """
import ctypes, datetime, decimal, hashlib, json, multiprocessing, sqlite3, ssl, subprocess, sys, threading, zoneinfo
import packaged._bisect, sibling
assert not any(name in sys.modules for name in ("casemate", "pytest"))
with open(__file__) as own: assert own.read()
thread = threading.Thread(target=print, args=("in a thread",)); thread.start(); thread.join()
print(sys.prefix, zoneinfo.ZoneInfo("Europe/Berlin"), sqlite3.connect(":memory:").execute("select 1").fetchall())
"""


def environment(folder: Path, base: Path, *options: str) -> Path:
    """Make an environment with a package that has a compiled module, as a wheel would bring it."""
    subprocess.run([base, "-m", "venv", "--without-pip", *options, folder], check=True)
    package = next(folder.glob("lib/python*/site-packages")) / "packaged"
    package.mkdir()
    (package / "__init__.py").touch()
    compiled = next(Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("_bisect*.so"), None)
    if compiled is None:  # built into this interpreter
        (package / "_bisect.py").touch()
    else:
        (package / compiled.name).write_bytes(compiled.read_bytes())
    return folder


def linked(tmp_path: Path) -> Path:
    """Make an environment over a linked installation, as uv keeps them."""
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv/cpython-3-linux").symlink_to(BASE)
    folder = environment(tmp_path / "venv", BASE / "bin" / NAME)
    (folder / "bin/python3").unlink()
    (folder / "bin/python3").symlink_to(tmp_path / "uv/cpython-3-linux/bin" / NAME)
    (folder / "pyvenv.cfg").write_text(f"home = {tmp_path}/uv/cpython-3-linux/bin\n", encoding="utf-8")
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "venv with links": lambda tmp_path: environment(tmp_path / "venv", BASE / "bin" / NAME, "--symlinks"),
    "venv with a copy": lambda tmp_path: environment(tmp_path / "venv", BASE / "bin" / NAME, "--copies"),
    "venv over a linked installation": linked,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_ordinary_script_just_runs(casemate: Casemate, tmp_path: Path, layout: str) -> None:
    folder = LAYOUTS[layout](tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    (project / "sibling.py").touch()
    (project / "app.py").write_text(ORDINARY, encoding="utf-8")
    done = casemate("run", "--python", str(folder), "app.py", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{folder} Europe/Berlin [(1,)]"
    assert sorted(path.name for path in project.iterdir()) == ["app.py", "sibling.py"]


@pytest.mark.parametrize("python", ["/usr/bin/python3", "/usr/local/bin/python3", str(BASE / "bin" / NAME)])
def test_an_installed_python_just_runs(casemate: Casemate, python: str) -> None:
    if not Path(python).exists():
        pytest.skip(f"{python} is not on this host")
    code = "import ssl, sqlite3, ctypes, sys; print(sys.executable)"
    done = casemate("run", "--python", python, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{python}\n", "")

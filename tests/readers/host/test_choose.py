import shutil
import sys
from pathlib import Path

import pytest

from casemate.model.errors import InputError, Refused
from casemate.readers.host.choose import Own, choose, own
from casemate.readers.host.pyenv import behind

BINARY = Path(sys.executable).resolve()


def install(prefix: Path, version: str = "3.12") -> Path:
    (prefix / f"lib/python{version}/site-packages").mkdir(parents=True)
    (prefix / f"lib/python{version}/os.py").touch()
    (prefix / "bin").mkdir()
    shutil.copy(BINARY, prefix / f"bin/python{version}")
    (prefix / "bin/python3").symlink_to(f"python{version}")
    (prefix / "bin/python").symlink_to("python3")
    return prefix / "bin/python3"


def environment(folder: Path, base: Path) -> Path:
    (folder / "lib/python3.12/site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n", encoding="utf-8")
    return folder / "bin/python3"


@pytest.fixture
def ours(tmp_path: Path) -> Own:
    """Make an environment of casemate's own, over a Python beneath."""
    environment(tmp_path / "casemate", install(tmp_path / "beneath"))
    return Own(str(tmp_path / "casemate"), str(tmp_path / "casemate/lib/python3.12/site-packages/casemate"))


def chosen(ours: Own, named: str | None = None, **variables: object) -> str:
    return choose(named, {name: str(value) for name, value in variables.items()}, "/", ours).interpreter.executable


def test_the_named_python_wins(tmp_path: Path, ours: Own) -> None:
    named, other = install(tmp_path / "named"), install(tmp_path / "other")
    assert chosen(ours, str(named), VIRTUAL_ENV=other.parents[1], PATH=other.parent) == str(named)
    assert chosen(ours, str(named.parents[1]), PATH=other.parent) == str(named)
    assert chosen(ours, "python3.12", PATH=other.parent) == str(other.parent / "python3.12")
    assert choose("named", {}, str(tmp_path), ours).interpreter.executable == str(named)


def test_the_active_environment_comes_before_path(tmp_path: Path, ours: Own) -> None:
    base = install(tmp_path / "base")
    venv = environment(tmp_path / "venv", base)
    assert chosen(ours, VIRTUAL_ENV=tmp_path / "venv", PATH=base.parent) == str(venv)
    assert chosen(ours, PATH=base.parent) == str(base)


def test_casemates_own_environment_is_passed_over_and_it_is_said(tmp_path: Path, ours: Own) -> None:
    base = install(tmp_path / "base")
    path = f"{ours.prefix}/bin:{base.parent}"
    choice = choose(None, {"VIRTUAL_ENV": ours.prefix, "PATH": path}, "/", ours)
    assert choice.interpreter.executable == str(base)
    assert "casemate's own environment" in choice.note


def test_beneath_casemate_there_is_always_a_python(tmp_path: Path, ours: Own) -> None:
    assert chosen(ours, PATH=f"{ours.prefix}/bin") == str(tmp_path / "beneath/bin/python3.12")


def test_casemates_own_environment_is_refused_where_it_is_named(ours: Own) -> None:
    with pytest.raises(Refused, match="installed apart"):
        chosen(ours, f"{ours.prefix}/bin/python3")
    with pytest.raises(Refused, match="installed apart"):
        chosen(ours, ours.prefix)


def test_a_link_to_casemates_own_environment_is_that_environment(tmp_path: Path, ours: Own) -> None:
    (tmp_path / "link").symlink_to(ours.prefix)
    with pytest.raises(Refused, match="installed apart"):
        chosen(ours, str(tmp_path / "link"))


def test_an_installation_that_casemate_lives_in_is_its_own_too(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    ours = Own("/nowhere", str(tmp_path / "base/lib/python3.12/site-packages/casemate"))
    with pytest.raises(Refused, match="installed apart"):
        chosen(ours, str(base))


def test_relative_entries_of_path_do_not_count(tmp_path: Path, ours: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "hostile")
    monkeypatch.chdir(tmp_path / "hostile/bin")
    assert chosen(ours, PATH=".:") == str(tmp_path / "beneath/bin/python3.12")


def test_what_is_not_there_is_said(ours: Own) -> None:
    with pytest.raises(InputError, match="no such Python on PATH"):
        chosen(ours, "python9", PATH="/usr/bin")
    with pytest.raises(InputError, match="--python"):
        choose(None, {"PATH": "/nonexistent"}, "/", Own("/nowhere", "/nowhere"))


def test_the_tests_own_environment_is_casemates(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="installed apart"):
        choose(sys.executable, {}, str(tmp_path), own())


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """Make a pyenv root with three versions."""
    root = tmp_path / ".pyenv"
    for version in ("3.11.7", "3.12.1", "3.12.10"):
        install(root / "versions" / version, version[:4])
    (root / "shims").mkdir()
    (root / "shims/python3").write_text("#!/usr/bin/env bash\nexit 1\n", encoding="utf-8")
    (root / "shims/python3").chmod(0o755)
    (root / "version").write_text("3.11.7\n", encoding="utf-8")
    return root / "shims/python3"


def version_of(path: str | None) -> str:
    return Path(path or "/no/such/x").parts[-3]


def test_a_shim_of_pyenv_leads_to_the_version_that_pyenv_would_start(shim: Path, tmp_path: Path) -> None:
    project = tmp_path / "project/inner"
    project.mkdir(parents=True)
    assert version_of(behind(str(shim), {}, str(project))) == "3.11.7"
    (tmp_path / "project/.python-version").write_text("# ours\n3.12.1\n", encoding="utf-8")
    assert version_of(behind(str(shim), {}, str(project))) == "3.12.1"
    assert version_of(behind(str(shim), {"PYENV_VERSION": "3.12"}, str(project))) == "3.12.10"


@pytest.mark.parametrize("name", ["../../../evil", "/evil", "..", "3.12.1/../../../evil", "", "-x", "system", "\0"])
def test_a_version_that_leaves_pyenv_is_none(shim: Path, tmp_path: Path, name: str) -> None:
    install(tmp_path / "evil")
    (tmp_path / ".python-version").write_text(f"{name}\n", encoding="utf-8")
    found = behind(str(shim), {}, str(tmp_path))
    assert found is None or found.startswith(str(shim.parents[1]) + "/versions/3.11.7/")


def test_a_shim_on_path_or_by_name_is_resolved(shim: Path, tmp_path: Path, ours: Own) -> None:
    real = str(shim.parents[1] / "versions/3.11.7/bin/python3")
    assert chosen(ours, PATH=shim.parent) == real
    assert chosen(ours, str(shim)) == real
    (shim.parents[1] / "version").write_text("system\n", encoding="utf-8")
    base = install(tmp_path / "base")
    assert chosen(ours, PATH=f"{shim.parent}:{base.parent}") == str(base)

"""Each layout is made as its maker makes it; where the real thing is at hand, its own `sys.path` is the judge."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from casemate.model.errors import InputError
from casemate.model.tree import below
from casemate.readers.host.interpreter import Interpreter, read

BINARY = Path(sys.executable).resolve()


def install(prefix: Path, version: str = "3.12", lib: str = "lib") -> Path:
    """Lay out an installation as `make install` does; the binary is a real one, so that its headers are."""
    library = prefix / lib / f"python{version}"
    (library / "site-packages").mkdir(parents=True)
    (library / "os.py").touch()
    (prefix / "bin").mkdir(exist_ok=True)
    shutil.copy(BINARY, prefix / f"bin/python{version}")
    (prefix / "bin/python3").symlink_to(f"python{version}")
    return prefix / "bin/python3"


def environment(folder: Path, home: Path, *options: str, name: str = "python3.12") -> Path:
    """Lay out a virtual environment over the interpreter in `home`."""
    (folder / f"lib/{name}/site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(home / "python3")
    (folder / "pyvenv.cfg").write_text("\n".join([f"home = {home}", *options]) + "\n", encoding="utf-8")
    return folder / "bin/python"


def opens(interpreter: Interpreter, path: Path) -> bool:
    """Tell whether a path can be read under what the interpreter needs."""
    return any(below(str(path), tree) for tree in interpreter.read)


def test_an_interpreter_in_a_home_opens_nothing_else_of_that_home(tmp_path: Path) -> None:
    python = read(str(install(tmp_path / "home/.pyenv/versions/3.12.1")))
    assert python.version == "3.12"
    assert python.prefix == python.base_prefix == str(tmp_path / "home/.pyenv/versions/3.12.1")
    assert python.venv == ""
    for name in ("home", "home/.ssh/id", "home/.pyenv/versions/3.11.7/lib", "home/.pyenv/versions/3.12.1/share"):
        assert not opens(python, tmp_path / name)


def test_an_interpreter_that_was_installed_into_a_shared_prefix_opens_its_library_alone(tmp_path: Path) -> None:
    python = read(str(install(tmp_path / ".local")))
    (tmp_path / ".local/lib/other").mkdir()
    assert opens(python, tmp_path / ".local/lib/python3.12/json/__init__.py")
    assert not opens(python, tmp_path / ".local/lib/other")
    assert not opens(python, tmp_path / ".local/bin/other")


def test_a_virtual_environment_has_its_own_packages_and_not_those_beneath(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    python = read(str(environment(tmp_path / "venv", base.parent)))
    assert python.executable == str(tmp_path / "venv/bin/python")
    assert python.binary == str(tmp_path / "base/bin/python3.12")
    assert python.prefix == python.venv == str(tmp_path / "venv")
    assert python.site_packages == (str(tmp_path / "venv/lib/python3.12/site-packages"),)
    assert opens(python, tmp_path / "venv/pyvenv.cfg")
    assert not opens(python, tmp_path / "venv/bin/activate")


def test_system_site_packages_are_added_where_the_environment_says_so(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    python = read(str(environment(tmp_path / "venv", base.parent, "include-system-site-packages = True")))
    assert str(tmp_path / "base/lib/python3.12/site-packages") in python.site_packages


def test_an_environment_with_a_copied_binary_finds_what_it_stands_on(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    python = environment(tmp_path / "venv", base.parent)
    python.unlink()
    shutil.copy(BINARY, tmp_path / "venv/bin/python")
    found = read(str(python))
    assert found.binary == str(python)
    assert found.base_prefix == str(tmp_path / "base")
    assert opens(found, tmp_path / "base/bin/python3.12")


def test_uv_links_one_version_to_another(tmp_path: Path) -> None:
    store = tmp_path / ".local/share/uv/python"
    install(store / "cpython-3.12.1-linux-x86_64-gnu")
    (store / "cpython-3.12-linux-x86_64-gnu").symlink_to("cpython-3.12.1-linux-x86_64-gnu")
    home = store / "cpython-3.12-linux-x86_64-gnu/bin"
    python = read(str(environment(tmp_path / "project/.venv", home, "uv = 0.9", "version_info = 3.12.1")))
    assert python.base_prefix == str(store / "cpython-3.12.1-linux-x86_64-gnu")
    assert not opens(python, store)


def test_an_environment_made_from_an_environment(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    first = environment(tmp_path / "first", base.parent)
    (first.parent / "python3").symlink_to("python")
    second = read(str(environment(tmp_path / "second", first.parent)))
    assert second.base_prefix == str(tmp_path / "base")


def test_environments_that_stand_on_each_other_are_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        environment(tmp_path / name, tmp_path / other / "bin")
        (tmp_path / name / "bin/python").unlink()
        shutil.copy(BINARY, tmp_path / name / "bin/python3")
    with pytest.raises(InputError, match="home"):
        read(str(tmp_path / "a/bin/python3"))


def test_a_link_out_of_an_environment_opens_nothing(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    python = environment(tmp_path / "venv", base.parent)
    (tmp_path / "home").mkdir()
    (tmp_path / "venv/share").symlink_to(tmp_path / "home")
    shutil.rmtree(tmp_path / "venv/lib/python3.12/site-packages")
    (tmp_path / "venv/lib/python3.12/site-packages").symlink_to(tmp_path / "home")
    found = read(str(python))
    assert not any(Path(path).resolve() == tmp_path / "home" for path in found.read)
    assert found.site_packages == ()


def test_folders_that_pth_files_name_are_told_and_not_opened(tmp_path: Path) -> None:
    base = install(tmp_path / "base")
    python = environment(tmp_path / "venv", base.parent)
    site = tmp_path / "venv/lib/python3.12/site-packages"
    (tmp_path / "src").mkdir()
    (site / "editable.pth").write_text(f"import os; evil()\n# {tmp_path}\n{tmp_path}/src\n/no/such\n", encoding="utf-8")
    found = read(str(python))
    assert found.linked == (str(tmp_path / "src"),)
    assert not opens(found, tmp_path / "src")


def test_an_interpreter_with_64_bit_libraries_apart(tmp_path: Path) -> None:
    python = read(str(install(tmp_path / "fedora", lib="lib64")))
    assert opens(python, tmp_path / "fedora/lib64/python3.12/os.py")


@pytest.mark.parametrize("kind", ["missing", "folder", "script", "loop", "other program", "no library", "text"])
def test_what_is_no_python_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "python3"
    match kind:
        case "folder":
            path.mkdir()
        case "script":
            path.write_text("#!/bin/sh\n", encoding="utf-8")
        case "loop":
            path.symlink_to("python3")
        case "other program":
            path.symlink_to(shutil.which("env") or "/usr/bin/env")
        case "no library":
            shutil.copy(BINARY, path)
        case "text":
            path.write_bytes(b"\x7fELF\x02\x01garbage")
        case _:
            assert kind == "missing"
    with pytest.raises(InputError, match="no Python that can be used") as caught:
        read(str(path))
    assert "\n" not in str(caught.value)


def real_pythons() -> list[str]:
    """List Pythons of this host: the one that runs the tests, the one beneath it, the system's own."""
    paths = [
        sys.executable,
        str(BINARY),
        *(p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(p).exists()),
    ]
    return list(dict.fromkeys(paths))


@pytest.mark.parametrize("path", real_pythons())
def test_all_that_a_real_python_imports_from_can_be_read(path: str) -> None:
    code = (
        "import sys, json; print(json.dumps([sys.path, sys.prefix, sys.base_prefix, '%d.%d' % sys.version_info[:2]]))"
    )
    answer = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    search, prefix, base_prefix, version = json.loads(answer)
    python = read(path)
    assert (python.prefix, python.base_prefix, python.version) == (prefix, os.path.realpath(base_prefix), version)
    for entry in search:
        if Path(entry).exists() and entry not in python.linked:
            assert opens(python, Path(entry)), entry


@pytest.mark.parametrize("option", ["--symlinks", "--copies"])
def test_an_environment_that_the_venv_module_made(tmp_path: Path, option: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", option, tmp_path / "v"], check=True)
    python = read(str(tmp_path / "v/bin/python3"))
    assert python.venv == str(tmp_path / "v")
    assert python.base_prefix == os.path.realpath(sys.base_prefix)

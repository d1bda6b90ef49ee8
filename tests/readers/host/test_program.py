import os
import sys
from pathlib import Path

import pytest

from casemate.model.errors import Refused, UsageError
from casemate.model.exits import Exit
from casemate.readers.host.choose import Own
from casemate.readers.host.interpreter import read
from casemate.readers.host.program import Code, Executable, Host, Module, Program, Script, Target, files_to_spawn, of

PYTHON = read(str(Path(sys.executable).resolve()))
NOWHERE = Own("/nowhere", "/nowhere")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "home/work").mkdir(parents=True)
    return Host(str(tmp_path / "home/work"), {"PATH": os.defpath}, (str(tmp_path / "home"),), NOWHERE)


def program(target: Target, host: Host) -> Program:
    return of(target, PYTHON, host)


def test_a_script_gets_its_own_folder(host: Host) -> None:
    folder = Path(host.directory)
    (folder / "app.py").touch()
    found = program(Script("app.py", ("--read", "/", "-m")), host)
    assert found.argv == (PYTHON.executable, "-B", "app.py", "--read", "/", "-m")
    assert found.own == (str(folder), str(folder / "app.py"))
    assert found.startup[0] == str(folder)


def test_a_script_in_a_home_gets_itself_and_not_the_home(host: Host) -> None:
    home = Path(host.homes[0])
    (home / "app.py").touch()
    found = program(Script(str(home / "app.py")), host)
    assert set(found.own) == {str(home / "app.py")}
    assert "only app.py itself" in found.notes[0]


@pytest.mark.parametrize("folder", ["/tmp", "/usr/bin", "/etc", "/"])  # noqa: S108 -- recognised, never used
def test_a_shared_folder_is_not_opened_for_a_script(host: Host, folder: str) -> None:
    files = [path for path in [*sorted(Path(folder).iterdir()), Path("/etc/hosts")] if path.is_file()]
    file = next(path for path in files if os.access(path, os.R_OK) and path.read_bytes()[:4] != b"\x7fELF")
    assert folder not in program(Script(str(file)), host).own


def test_a_linked_script_gets_the_folder_that_python_imports_from(host: Host, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/app.py").touch()
    (Path(host.directory) / "app.py").symlink_to(tmp_path / "real/app.py")
    found = program(Script("app.py"), host)
    assert found.own == (str(tmp_path / "real"), f"{host.directory}/app.py")
    assert found.startup[0] == str(tmp_path / "real")


def test_a_script_whose_name_looks_like_an_option_is_still_a_script(host: Host) -> None:
    (Path(host.directory) / "-c").touch()
    assert program(Script("-c"), host).argv[-1] == "./-c"


def test_code_and_standard_input_get_no_file_at_all(host: Host) -> None:
    assert program(Code("pass", ("a",)), host).argv[2:] == ("-c", "pass", "a")
    assert program(Code(""), host).own == ()
    assert program(Script("-"), host).own == ()


def test_a_module_of_the_working_directory_gets_that_directory(host: Host) -> None:
    assert program(Module("shop"), host).own == ()
    (Path(host.directory) / "shop.py").touch()
    assert program(Module("shop"), host).own == (host.directory,)
    assert program(Module("shop.admin", ("x",)), host).argv[1:] == ("-B", "-m", "shop.admin", "x")


def test_a_module_in_a_home_gets_itself(host: Host) -> None:
    home = host.homes[0]
    (Path(home) / "shop").mkdir()
    found = program(Module("shop"), Host(home, host.environment, host.homes, host.ours))
    assert found.own == (f"{home}/shop",)


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda _: None, Exit.NOT_FOUND, "no such file"),
        (lambda path: path.mkdir(), Exit.REFUSED, "is a directory"),
        (lambda path: path.symlink_to(path.name), Exit.NOT_EXECUTABLE, "symbolic links"),
        (os.mkfifo, Exit.REFUSED, "not a regular file"),
    ],
    ids=["missing", "directory", "loop", "pipe"],
)
def test_what_is_no_script_is_refused_in_one_line(host: Host, make: object, code: Exit, said: str) -> None:
    make(Path(host.directory) / "app.py")  # type: ignore[operator] -- a function of one path
    with pytest.raises(Refused, match=said) as caught:
        program(Script("app.py"), host)
    assert caught.value.code == code


@pytest.mark.parametrize("target", [Script("a\0"), Module("m", ("\0",)), Code("\0"), Executable(("ls", "\0"))])
def test_a_nul_byte_is_no_argument(host: Host, target: Target) -> None:
    with pytest.raises(UsageError, match="NUL"):
        program(target, host)


@pytest.mark.parametrize("target", [Script(""), Executable(()), Executable(("",)), Module("")])
def test_nothing_is_no_program(host: Host, target: Target) -> None:
    with pytest.raises(UsageError, match=r"empty|expected"):
        program(target, host)


def test_a_command_is_found_along_path_and_gets_its_libraries(host: Host) -> None:
    found = program(Executable(("env", "-i")), host)
    assert found.argv == ("env", "-i")
    assert found.executable in ("/bin/env", "/usr/bin/env")
    assert found.files.execute == (found.executable,)
    assert any("linux-gnu" in path or "/lib" in path for path in found.files.libraries)


@pytest.mark.parametrize(
    ("name", "mode", "code"), [("./gone", 0, 127), ("nonesuch", 0, 127), ("./plain", 0o644, 126), ("./folder", 0, 125)]
)
def test_a_command_that_cannot_be_started_has_the_code_of_a_shell(host: Host, name: str, mode: int, code: int) -> None:
    if mode:
        (Path(host.directory) / name).touch(mode)
    (Path(host.directory) / "folder").mkdir()
    with pytest.raises(Refused) as caught:
        program(Executable((name,)), host)
    assert caught.value.code == code


def script(host: Host, name: str, line: str) -> Path:
    path = Path(host.directory) / name
    path.write_text(f"{line}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_interpreter_of_a_shebang_line_is_started_directly(host: Host) -> None:
    path = script(host, "tool", "#!/bin/sh -eu")
    found = program(Executable(("./tool", "a")), host)
    assert found.argv == ("/bin/sh", "-eu", f"{host.directory}/./tool", "a")
    assert found.files.execute == ("/bin/sh",)
    assert path.samefile(found.own[0])


def test_env_in_a_shebang_line_is_resolved_and_not_started(host: Host) -> None:
    script(host, "tool", "#!/usr/bin/env sh")
    found = program(Executable(("./tool",)), host)
    assert Path(found.executable).name == "sh"
    assert not any(path.endswith("/env") for path in found.files.execute)


def test_a_python_is_started_by_its_whole_path_so_that_it_finds_its_environment(host: Host) -> None:
    environment = {"PATH": str(Path(PYTHON.executable).parent)}
    name = Path(PYTHON.executable).name
    found = program(Executable((name, "-V")), Host(host.directory, environment, host.homes, host.ours))
    assert found.argv == (PYTHON.executable, "-V")


def test_a_compiled_program_is_no_script(host: Host) -> None:
    with pytest.raises(Refused, match=r"casemate run -- "):
        program(Script(PYTHON.binary), host)


def test_a_script_of_a_script_is_followed(host: Host) -> None:
    inner = script(host, "inner", "#!/bin/sh")
    script(host, "outer", f"#!{inner} x")
    found = program(Executable(("./outer", "a")), host)
    assert found.argv == ("/bin/sh", str(inner), "x", f"{host.directory}/./outer", "a")


def test_a_console_script_of_a_python_gets_that_pythons_files(host: Host) -> None:
    script(host, "tool", f"#!{PYTHON.executable}")
    found = program(Executable(("./tool",)), host)
    assert set(PYTHON.read) <= set(found.files.read)


def test_a_console_script_of_casemates_own_environment_is_refused(host: Host) -> None:
    ours = Own("/nowhere", f"{PYTHON.site_packages[0]}/casemate")
    script(host, "tool", f"#!{PYTHON.executable}")
    with pytest.raises(Refused, match="installed apart"):
        program(Executable(("./tool",)), Host(host.directory, host.environment, host.homes, ours))


def test_a_script_that_may_be_spawned_brings_its_interpreter(host: Host) -> None:
    path = script(host, "tool", "#!/usr/bin/env sh")
    found = files_to_spawn(str(path), host)
    assert {str(path), "/usr/bin/env"} < set(found.execute)
    assert any(name.endswith("/sh") for name in found.execute)


@pytest.mark.parametrize("path", ["/no/such", "/etc"])
def test_what_cannot_be_spawned_is_a_fault_of_the_policy(host: Host, path: str) -> None:
    with pytest.raises(Refused, match=r"proc\.spawn: ") as caught:
        files_to_spawn(path, host)
    assert caught.value.code == 125


def test_a_shebang_loop_ends(host: Host) -> None:
    script(host, "a", f"#!{host.directory}/b")
    script(host, "b", f"#!{host.directory}/a")
    found = program(Executable(("./a",)), host)
    assert len(found.argv) < 10

"""The engine of `run`, up to the point where something would start: what exactly is confined, and to what."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError, Refused
from casemate.model.policy import Grant, Policy, WriteMode
from casemate.model.tree import below
from casemate.readers.host.program import Code, Executable, Module, Script, Target
from casemate.run import HOME, Prepared, Request, prepare

PYTHON = str(Path(sys.executable).resolve())
CALLER = {
    "HOME": "/root",
    "PATH": "/secret/bin:/usr/bin:/bin",
    "LANG": "de_DE.UTF-8",
    "TERM": "xterm",
    "GIVEN": "value",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "app.py").touch()
    return folder


def prepared(project: Path, target: Target | None = None, **changes: object) -> Prepared:
    request = Request(target or Script("app.py"), python=PYTHON, directory=str(project), environment=CALLER)
    return prepare(replace(request, **changes))  # type: ignore[arg-type] -- fields of Request by name


def write(path: object, mode: WriteMode = WriteMode.COMMIT) -> Grant:
    return Grant(Capability.FS_WRITE, str(path), mode)


def test_a_bare_run_sees_its_folder_and_its_interpreter_and_nothing_else(project: Path) -> None:
    found = prepared(project)
    granted = {grant.resource for grant in found.policy.grants}
    assert {str(project), PYTHON} <= granted
    assert {grant.capability for grant in found.policy.grants} == {
        Capability.FS_READ,
        Capability.FS_EXEC,
        Capability.NATIVE_EXT,
    }
    assert [grant.resource for grant in found.policy.of(Capability.FS_EXEC)] == [PYTHON]
    for path in ("/root", "/home", "/etc/shadow", "/etc", "/var", "/tmp", str(project.parent), "/usr/bin/env"):  # noqa: S108
        assert not any(below(path, tree) for tree in granted), path


def test_a_bare_run_sees_four_variables(project: Path) -> None:
    assert prepared(project).environment == {
        "HOME": HOME,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "de_DE.UTF-8",
        "TERM": "xterm",
    }


def test_variables_are_passed_by_name_and_what_is_set_wins(project: Path) -> None:
    grants = (Grant(Capability.ENV_READ, "GIVEN"), Grant(Capability.ENV_READ, "UNSET"))
    assert prepared(project, grants=grants).environment["GIVEN"] == "value"
    assert "UNSET" not in prepared(project, grants=grants).environment
    assert prepared(project, grants=grants, settings=(("GIVEN", "mine"),)).environment["GIVEN"] == "mine"


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "LD_PRELOAD"])
def test_variables_that_load_code_never_pass_unasked(project: Path, name: str) -> None:
    assert name not in prepared(project, environment={**CALLER, name: "/evil"}).environment


def test_pythonpath_by_name_needs_its_folders_granted_and_it_is_said(project: Path) -> None:
    caller = {**CALLER, "PYTHONPATH": f"{project}/data:/opt/lib"}
    found = prepared(project, environment=caller, grants=(Grant(Capability.ENV_READ, "PYTHONPATH"),))
    assert [hint for hint in found.hints if "PYTHONPATH" in hint] == [
        "/opt/lib is named by PYTHONPATH and is not readable (--read /opt/lib)"
    ]


def test_a_file_that_an_argument_names_needs_a_grant_and_it_is_said(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").touch()
    words = (str(tmp_path / "in.csv"), "../in.csv", "data", "6", "--help", "gone.csv", "")
    said = f"{tmp_path}/in.csv is named by an argument and is not readable (--read {tmp_path}/in.csv)"
    assert set(prepared(project, Script("app.py", words)).hints) == {said}
    assert not prepared(project, Script("app.py", words), grants=(Grant(Capability.FS_READ, str(tmp_path)),)).hints
    command = prepare(Request(Executable(("/bin/cat", "app.py")), directory=str(project), environment=CALLER))
    assert command.hints == (f"{project}/app.py is named by an argument and is not readable (--read {project}/app.py)",)


def test_the_working_directory_is_kept_where_the_program_can_see_it(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert prepared(project).command.directory == str(project)
    assert prepared(tmp_path, Script("project/app.py")).command.directory == str(tmp_path)
    away = prepared(tmp_path / "elsewhere", Script("../project/app.py"))
    assert away.command.directory == HOME
    assert away.command.argv[2] == f"{tmp_path}/project/app.py"
    assert prepared(project, Code("pass")).command.directory == HOME


@pytest.mark.parametrize("tree", [".", ".."])
@pytest.mark.parametrize("mode", WriteMode)
def test_no_write_grant_covers_what_is_imported_at_the_start(project: Path, tree: str, mode: WriteMode) -> None:
    grant = write(os.path.normpath(project / tree), mode)
    with pytest.raises(Refused, match="Python imports from there"):
        prepared(project, grants=(grant,))


def test_no_write_grant_covers_site_packages(project: Path, tmp_path: Path) -> None:
    (tmp_path / "v/lib/python3.12/site-packages").mkdir(parents=True)
    (tmp_path / "v/bin").mkdir()
    (tmp_path / "v/bin/python3").symlink_to(PYTHON)
    (tmp_path / "v/pyvenv.cfg").write_text(f"home = {Path(PYTHON).parent}\n", encoding="utf-8")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / "v/lib/python3.12").rename(tmp_path / "v/lib" / name)
    policy = Policy(grants=(write(tmp_path / "v/lib"),), deny=())
    with pytest.raises(Refused, match="Python imports from there"):
        prepared(project, python=str(tmp_path / "v"), policy=policy)


def test_no_write_grant_covers_casemate_itself(project: Path) -> None:
    package = Path(__file__).parents[1] / "src/casemate"
    inner = (package / "cli", Path(sys.prefix) / "bin", Path(sys.prefix) / "lib")  # what it executes lies below, too
    for tree in (package, package.parent, Path(sys.prefix), *inner):
        with pytest.raises(Refused, match="casemate lives there"):
            prepared(project, policy=Policy(grants=(write(tree),), deny=()))


def test_a_folder_below_the_program_may_be_written(project: Path) -> None:
    assert list(prepared(project, grants=(write(project / "data"),)).policy.of(Capability.FS_WRITE))


def test_code_may_write_where_it_starts_because_it_imports_nothing_from_there(project: Path) -> None:
    (project / "app.py").unlink()
    found = prepared(project, Code("pass"), grants=(write(project),))
    assert found.command.argv[1] == "-P"
    assert found.command.directory == str(project)
    with pytest.raises(Refused, match="Python imports from there"):
        prepared(project, Module("app"), grants=(write(project),))


def test_certificates_come_with_the_first_connection(project: Path) -> None:
    def certificates(found: Prepared) -> bool:
        return any(grant.resource.startswith(("/etc/ssl/", "/etc/pki/")) for grant in found.policy.grants)

    assert not certificates(prepared(project))
    connected = prepared(project, grants=(Grant(Capability.NET_CONNECT, "a.example:443"),))
    assert certificates(connected) == Path("/etc/ssl/certs").exists()


def test_a_program_that_may_be_started_brings_its_libraries_and_nothing_else(project: Path) -> None:
    found = prepared(project, grants=(Grant(Capability.PROC_SPAWN, "/bin/sh"),))
    assert "/bin/sh" in [grant.resource for grant in found.policy.of(Capability.FS_EXEC)]
    assert "/bin" not in [grant.resource for grant in found.policy.grants]


def test_a_secret_stays_denied_whoever_grants_it(project: Path, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    caller = {**CALLER, "HOME": str(tmp_path)}
    grant = Grant(Capability.FS_READ, str(tmp_path / ".aws"))
    found = prepared(project, environment=caller, grants=(grant,))
    assert grant not in found.policy.grants
    assert "deny beats allow" in found.notes[0]


def test_what_is_wrong_is_raised_before_anything_starts(project: Path) -> None:
    with pytest.raises(PolicyError, match="does not exist"):
        prepared(project, grants=(Grant(Capability.FS_READ, "/no/such"),))
    with pytest.raises(Refused, match="--python"):
        prepared(project, Executable(("ls",)))


def test_limits_on_the_command_line_win_over_those_of_the_policy(project: Path) -> None:
    found = prepared(project, limits={"memory_bytes": 1 << 20})
    assert found.policy.limits.memory_bytes == 1 << 20
    assert found.policy.limits.cpu_seconds == Policy().limits.cpu_seconds

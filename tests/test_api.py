"""The public interface: what `import casemate` offers, and `casemate.run()` from a process that is under way."""

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import casemate
from casemate import (
    Capability,
    Code,
    Executable,
    Grant,
    Module,
    Output,
    Policy,
    PolicyError,
    Refused,
    Script,
    WriteMode,
)

CAPTURE = Output.CAPTURE


def test_all_is_sorted_and_everything_in_it_is_there() -> None:
    assert casemate.__all__ == sorted(casemate.__all__)
    assert dir(casemate) == casemate.__all__
    assert all(getattr(casemate, name) is not None for name in casemate.__all__)


def test_every_public_name_is_documented() -> None:
    assert all(getattr(casemate, name).__doc__ for name in casemate.__all__)


def test_the_verbs_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import casemate, casemate.audit, casemate.run; from casemate.run import prepare; "
        "print(callable(casemate.run) and callable(casemate.audit))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_importing_casemate_loads_nothing_of_it() -> None:
    code = "import sys, casemate; print(*[name for name in sys.modules if name.startswith('casemate.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_the_package_is_typed() -> None:
    assert files("casemate").joinpath("py.typed").is_file()


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        casemate.nothing  # noqa: B018 -- the look-up is the act


def test_a_run_gives_code_output_and_record() -> None:
    done = casemate.run(Code("print(input()); raise SystemExit(5)"), output=CAPTURE, stdin=b"hello\n")
    assert (done.code, done.stdout, done.stderr) == (5, b"hello\n", b"")
    assert [done.record[0]["event"], done.record[-1]["event"], done.record[-1]["code"]] == ["started", "ended", 5]


def test_a_path_is_a_script(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys; print(sys.argv[1:])", encoding="utf-8")
    assert casemate.run(tmp_path / "app.py", output=CAPTURE).stdout == b"[]\n"
    assert casemate.run(Script("app.py", ("-c",)), directory=tmp_path, output=CAPTURE).stdout == b"['-c']\n"
    assert casemate.run(Module("app", ("-c",)), directory=tmp_path, output=CAPTURE).stdout == b"['-c']\n"


def test_a_policy_object_is_enforced(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in/a").write_text("read", encoding="utf-8")
    policy = Policy(
        grants=(
            Grant(Capability.FS_READ, str(tmp_path / "in")),
            Grant(Capability.FS_WRITE, str(tmp_path / "out"), WriteMode.COMMIT),
            Grant(Capability.ENV_READ, "GIVEN"),
        )
    )
    code = (
        f"import os; os.chdir({str(tmp_path)!r}); open('out/b', 'w').write(open('in/a').read() + os.environ['GIVEN'])"
    )
    done = casemate.run(Code(code), policy=policy, environment={"GIVEN": "!", "PATH": os.defpath}, output=CAPTURE)
    assert (done.code, done.stderr) == (0, b"")
    assert (tmp_path / "out/b").read_text(encoding="utf-8") == "read!"
    assert casemate.run(Code(code), output=CAPTURE).code != 0


def test_a_program_that_ends_with_125_was_not_refused() -> None:
    assert casemate.run(Code("raise SystemExit(125)"), output=CAPTURE).code == 125


@pytest.mark.parametrize(
    ("target", "code"),
    [("/no/such.py", 127), ("/", 125), (Executable(("no-such-program",)), 127), (Executable(("/etc/passwd",)), 126)],
)
def test_what_does_not_start_is_raised_with_its_reason(target: str | Executable, code: int) -> None:
    with pytest.raises(Refused, match=r"\w") as caught:
        casemate.run(target, output=CAPTURE)
    assert caught.value.code == code


def test_casemates_own_environment_is_refused() -> None:
    with pytest.raises(Refused, match="installed apart"):
        casemate.run(Code("pass"), python=sys.executable, output=CAPTURE)


def test_what_cannot_be_said_to_the_command_is_an_error_of_the_caller() -> None:
    with pytest.raises(casemate.UsageError, match="NUL"):
        casemate.run(Code("\0"))
    with pytest.raises(PolicyError, match=r"fs\.exec"):
        casemate.run(Code("pass"), policy=Policy(grants=(Grant(Capability.FS_EXEC, "/bin/sh"),)))


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("pass", {"directory": "/no/such"}),
        ("pass", {"environment": {"A": "\0"}}),
        ("pass", {"environment": {"A=B": ""}}),
        ("x" * 10_000_000, {}),
        ("print('\ud800')", {}),
    ],
)
def test_what_no_process_can_be_started_with_is_refused(code: str, where: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="could not be started") as caught:
        casemate.run(Code(code), output=CAPTURE, **where)
    assert caught.value.code == 125


def test_the_callers_own_modules_do_not_reach_the_command(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the target ran inside casemate')", encoding="utf-8")
    code = "import casemate; print(casemate.run(casemate.Code('pass'), output=casemate.Output.CAPTURE).code)"
    preloaded = "import sys; sys.path.remove(''); import json; sys.path.insert(0, ''); "
    done = subprocess.run(
        [sys.executable, "-c", preloaded + code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"


def test_the_loop_audit_infer_run(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/name.txt").write_text("ls", encoding="utf-8")
    (tmp_path / "other.txt").write_text("hidden", encoding="utf-8")
    app = tmp_path / "program/app.py"
    app.write_text(
        "import os, sys\nprint(open('in/name.txt').read(), os.path.exists(sys.argv[1]), flush=True)\n"
        "os.system('echo ' + sys.argv[1])\n",
        encoding="utf-8",
    )
    assert [finding.rule for finding in casemate.audit([app]).findings] == ["command-injection"]
    inferred = casemate.infer([app], folder=tmp_path)
    assert [grant.resource for grant in inferred.policy.of(Capability.FS_READ)][2:] == [str(tmp_path / "in/name.txt")]
    assert Capability.PROC_SHELL in {need.capability for need in inferred.unresolved}
    done = casemate.run(Script(str(app), ("other.txt",)), policy=inferred.policy, directory=tmp_path, output=CAPTURE)
    assert done.stdout == b"ls False\n"

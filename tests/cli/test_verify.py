"""`casemate verify` as a user calls it; what it finds is shown in tests/verify and tests/escapes."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import COMMAND
from tests.processes import Started, processes_with, wait_for

from casemate.model.exits import Exit

Casemate = Callable[..., subprocess.CompletedProcess[str]]


def test_the_list_says_what_is_tried_and_tries_nothing(casemate: Casemate) -> None:
    done = casemate("verify", "--list", "--only", "proc.trace")
    assert done.returncode == 0
    assert "tracing/memory-by-a-call" in done.stdout
    assert "[process_vm_readv(2)]" in done.stdout
    listed = json.loads(casemate("verify", "--list", "--format", "json").stdout)
    assert len(listed) >= 150
    assert set(listed[0]) == {"probe", "class", "summary", "reference", "granted"}


def test_a_class_as_a_table(casemate: Casemate) -> None:
    done = casemate("verify", "--only", "fs.list")
    assert done.returncode == Exit.CLEAN, done
    assert "fs.list.names" in done.stdout
    assert "mount namespace" in done.stdout
    assert done.stdout.endswith("were withheld inside\n")


def test_one_probe_as_json(casemate: Casemate) -> None:
    done = casemate("verify", "--only", "reading/open-by-path", "--format", "json")
    said = json.loads(done.stdout)
    assert (said["schema"], said["code"], said["counts"]["held"]) == ("casemate.verification/1", 0, 1)
    assert said["probes"][0]["reason"].startswith("FileNotFoundError")


def test_a_policy_that_gives_the_act(casemate: Casemate, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[policy]\nversion = 1\n[native]\nwx = true\n")
    done = casemate("verify", "--policy", policy, "--only", "memory/writable-and-executable", "--verbose")
    assert "the policy gives it: granted" in done.stdout
    assert done.returncode == Exit.INCOMPLETE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "fs.nothing"], "no probe is called fs.nothing"),
        (["--accept", "nothing"], "unknown capability"),
        (["--backend", "nothing"], "there is no backend"),
    ],
)
def test_what_there_is_not(casemate: Casemate, arguments: list[str], words: str) -> None:
    done = casemate("verify", *arguments)
    assert done.returncode == Exit.USAGE
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_policy_of_somebody_else_is_refused(casemate: Casemate, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[policy]\nversion = 1\n")
    policy.chmod(0o666)
    done = casemate("verify", "--policy", policy, "--only", "kernel/bpf")
    assert done.returncode in (Exit.USAGE, Exit.REFUSED)
    assert "can be written by anybody" in done.stderr


def test_it_is_refused_where_something_else_could_run_in_it() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from casemate.cli import main; sys.exit(main(sys.argv[1:]))",
        "verify",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.REFUSED
    assert "not started apart" in done.stderr


def test_its_folder_goes_where_it_is_killed() -> None:
    with Started([str(COMMAND), "verify", "--only", "limits"], stdout=subprocess.PIPE) as verifying:
        folder = _folder_of(verifying.pid)
        assert folder.is_dir()
        verifying.kill()
    wait_for(lambda: not folder.exists(), "the end of its folder")


def _folder_of(pid: int) -> Path:
    """Wait until a battery has its canaries, and give the folder in which they are."""

    def found() -> list[Path]:
        keepers = [Path(f"/proc/{one}") for one in processes_with("verify/keeper.py")]
        with suppress(FileNotFoundError, ProcessLookupError):  # of another test, and it has ended
            return [keeper / "cwd" for keeper in keepers if f"PPid:\t{pid}\n" in (keeper / "status").read_text()]
        return []

    wait_for(lambda: bool(found()), "its keeper")
    return found()[0].readlink()

"""What the parent has must not come along: descriptors, environment, groups.

CVE-2024-21626 (a directory of the host left open), CVE-2016-9962; an environment that stays in /proc/1/environ after
--clearenv.
"""

import fcntl
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from confining import confined, outside, policy, probe
from tests.processes import command_line

from casemate.model.capability import Capability
from casemate.model.policy import Grant


def test_a_descriptor_that_was_left_open(secret: Path) -> None:
    with secret.open() as file:
        number = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 7)
        try:
            script = probe(f"print(os.pread({number}, 99, 0))")
            assert "the secret" in outside(script, pass_fds=(number,))
            assert "the secret" not in confined(script).out
        finally:
            os.close(number)


def test_a_directory_of_the_host() -> None:
    number = os.open("/", os.O_PATH)
    try:
        os.set_inheritable(number, True)  # noqa: FBT003 -- its own signature
        script = probe(f"print(os.readlink('/proc/self/fd/{number}')); os.stat('etc/shadow', dir_fd={number})")
        assert "refused" in confined(script).out
    finally:
        os.close(number)


def test_only_three_descriptors_are_open() -> None:
    result = confined("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")
    assert result.out == "[0, 1, 2]\n"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_standard_stream_is_not_the_file_itself(number: int) -> None:
    """A regular file on stdout would be a descriptor of the host's: it could be truncated, or read where it began."""
    with tempfile.NamedTemporaryFile() as given:
        assert "pipe:" in confined(f"import os; print(os.readlink('/proc/self/fd/{number}'))").out, given


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_stream_that_the_caller_closed_is_no_file_of_casemate(closed: int) -> None:
    """The second run reads modules out of a file that stays open."""
    said = 1 if closed == 2 else 2
    code = f"import os; print(os.read(0, 99) if {closed} == 0 else '', file=os.fdopen({said}, 'w', closefd=False))"
    for _ in range(2):
        done = subprocess.run(
            [*command_line(), "run", "-c", code],
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.close(closed),
            check=False,
        )
        assert (done.returncode, done.stderr + done.stdout) == (0, "b''\n" if closed == 0 else "\n")


def test_an_inherited_socket() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.set_inheritable(True)
        assert "refused" in confined(probe(f"os.write({one.fileno()}, b'x')")).out


def test_the_environment_of_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_TEST_TOKEN", "the-token")
    script = "import os; print(dict(os.environ), open('/proc/self/environ').read())"
    assert "the-token" in outside(script)
    result = confined(script)
    assert "the-token" not in result.out
    assert "HOME" in result.out


def test_the_environment_is_exactly_the_planned_one() -> None:
    granted = policy(Grant(Capability.ENV_READ, "GIVEN"), settings=(("MODE", "production"),))
    values = {"GIVEN": "yes", "MODE": "production", "OTHER": "no", "LD_PRELOAD": "/x.so", "PYTHONPATH": "/x"}
    result = confined("import os; print(sorted(os.environ))", granted, environment=values)
    assert result.out == "['GIVEN', 'MODE']\n" or set(eval(result.out)) <= {  # noqa: S307 -- printed by our own probe
        *("GIVEN", "MODE", "HOME", "PATH", "LANG", "TERM", "LC_CTYPE")
    }


@pytest.mark.parametrize("what", ["environ", "mem", "maps", "fd/0", "root/", "cwd", "exe"])
def test_nothing_of_pid_1_can_be_read(what: str) -> None:
    """Pid 1 inside is a fork of the caller: its memory was the caller's."""
    act = "os.listdir" if what in ("root/", "cwd") else "open"
    script = probe(f"{act}('/proc/1/{what}')")
    assert "refused" in confined(script).out


def test_nothing_of_the_caller_is_left_in_what_stands_beside_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steward and pid 1: no Linux capability but CAP_KILL, no directory and no file of the host: CVE-2024-21626."""
    monkeypatch.chdir(tmp_path)
    flag = tmp_path / "flag"
    os.mkfifo(flag)
    child = os.fork()
    if child == 0:
        confined(f"open({str(flag)!r}).read()", policy(Grant(Capability.FS_READ, str(flag))))
        os._exit(0)
    with flag.open("w"):
        (steward,) = Path(f"/proc/{child}/task/{child}/children").read_text().split()
        (first,) = Path(f"/proc/{steward}/task/{steward}/children").read_text().split()
        for process, held in ((steward, 0), (first, 1 << 5)):
            status = Path(f"/proc/{process}/status").read_text()
            for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(status.partition(f"{name}:")[2].split()[0], 16) in (0, held), (process, name)
            if os.geteuid() == 0:
                links = [Path(f"/proc/{process}/cwd"), *Path(f"/proc/{process}/fd").iterdir()]
                assert not {str(link.readlink()) for link in links} & {str(tmp_path), str(flag)}
    os.waitpid(child, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary caller keeps its own groups, which own nothing granted")
def test_root_leaves_its_groups() -> None:
    result = confined("import os; print(os.getgroups(), os.getuid(), os.geteuid(), os.getgid())")
    assert result.out == "[] 1000 1000 1000\n"

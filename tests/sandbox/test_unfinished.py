"""A file that was about to take its place when its maker was killed: the next run there removes it, nothing else."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.processes import Started
from tests.sandbox.confining import confined, policy
from tests.sandbox.outer import environment

from casemate.model.capability import Capability
from casemate.model.policy import Grant
from casemate.sandbox.native.unfinished import is_temporary, temporary

KILLED = """
import os, signal
from tests.sandbox.confining import confined, policy
from casemate.model.capability import Capability
from casemate.model.policy import Grant
openat = os.open
def killed(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
def old_kernel(path, flags, *arguments, **options):
    if not {nameless} and flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(95, "not supported")
    return openat(path, flags, *arguments, **options)
os.rename, os.open = killed, old_kernel
result = confined("open({name!r}, 'w').write('after')", policy(Grant(Capability.FS_WRITE, {granted!r})))
print(result.outcome.refused[0])
"""


def leave_one(name: Path, granted: Path, *, nameless: bool) -> str:
    """Kill the process that copies out, just before a file takes its place; give what casemate said."""
    script = KILLED.format(name=str(name), granted=str(granted), nameless=nameless)
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    return done.stdout


def temporaries(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if is_temporary(entry.name)]


@pytest.mark.parametrize("nameless", [True, False], ids=["O_TMPFILE", "a file system without it"])
@pytest.mark.parametrize("single", [False, True], ids=["directory", "file"])
def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, *, nameless: bool, single: bool) -> None:
    name = tmp_path / "old"
    name.write_text("before")
    granted = name if single else tmp_path
    said = leave_one(name, granted, nameless=nameless)
    assert "cut short" in said
    assert len(temporaries(tmp_path)) == 1
    assert name.read_text() == "before"
    again = confined(f"open({str(name)!r}, 'w').write('again')", policy(Grant(Capability.FS_WRITE, str(granted))))
    assert again.outcome.committed == (str(name),)
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]
    assert name.read_text() == "again"


def test_a_file_whose_maker_lives_stays(tmp_path: Path) -> None:
    held = tmp_path / temporary()
    with held.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        confined(f"open({str(tmp_path / 'x')!r}, 'w')", policy(Grant(Capability.FS_WRITE, str(tmp_path))))
        assert held.exists()
    confined(f"open({str(tmp_path / 'y')!r}, 'w')", policy(Grant(Capability.FS_WRITE, str(tmp_path))))
    assert not held.exists()


def test_names_like_ours_that_are_not_ours_stay(tmp_path: Path) -> None:
    link, pipe, folder, twice = (tmp_path / temporary() for _ in range(4))
    link.symlink_to(tmp_path / "nowhere")
    os.mkfifo(pipe)
    folder.mkdir()
    twice.write_text("x")
    (tmp_path / "other").hardlink_to(twice)
    for name in (".casemate-notes", ".casemate-0123456789ABCDEF", ".casemate-0123456789abcdef0", "casemate"):
        (tmp_path / name).write_text("mine")
    before = sorted(entry.name for entry in tmp_path.iterdir())
    confined(f"open({str(tmp_path / 'x')!r}, 'w')", policy(Grant(Capability.FS_WRITE, str(tmp_path))))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*before, "x"])


def test_many_runs_into_one_folder_take_nothing_from_one_another(tmp_path: Path) -> None:
    """Each sweeps where another is just about to give a file its name."""
    script = f"""
from tests.sandbox.confining import confined, policy
from casemate.model.capability import Capability
from casemate.model.policy import Grant
import os, time
openat, rename = os.open, os.rename
def old_kernel(path, flags, *arguments, **options):
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(95, "not supported")
    return openat(path, flags, *arguments, **options)
def slow(*arguments, **options):
    time.sleep(0.003)
    rename(*arguments, **options)
os.open, os.rename = old_kernel, slow
code = "for n in range(100): open('{tmp_path}/' + str(n), 'w').write('x')"
for _ in range(3):
    refused = confined(code, policy(Grant(Capability.FS_WRITE, {str(tmp_path)!r}))).outcome.refused
    assert not refused, refused
"""
    runs = [subprocess.Popen([sys.executable, "-c", script], env=environment()) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert sorted(int(entry.name) for entry in tmp_path.iterdir()) == list(range(100))


def test_a_copier_that_is_stopped_ends_when_casemate_is_killed(tmp_path: Path) -> None:
    """SIGTERM would wait until somebody continues it; then nothing is written any more (replace.py)."""
    (tmp_path / "out").mkdir()
    script = f"""
import os, sys, time
from tests.sandbox.confining import confined, policy
from casemate.model.capability import Capability
from casemate.model.policy import Grant
from casemate.sandbox.native import commit
put = commit.put
def slow(*arguments):
    os.write(2, f"{{os.getpid()}}\\n".encode())
    time.sleep(30)
    put(*arguments)
commit.put = slow
confined("open('{tmp_path}/out/x', 'w').write('x')", policy(Grant(Capability.FS_WRITE, '{tmp_path}/out')))
"""
    with Started([sys.executable, "-c", script], env=environment(), stderr=subprocess.PIPE) as caller:
        assert caller.stderr is not None
        copier = int(caller.stderr.readline())
        os.kill(copier, signal.SIGSTOP)
        caller.kill()
        caller.wait(20)
        os.kill(copier, signal.SIGCONT)
        until = time.monotonic() + 10
        while Path(f"/proc/{copier}").exists() and time.monotonic() < until:
            time.sleep(0.02)
    assert not Path(f"/proc/{copier}").exists()
    assert not list((tmp_path / "out").iterdir())

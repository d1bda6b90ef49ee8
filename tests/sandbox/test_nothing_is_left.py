"""Whenever casemate dies, nothing of a run is left: no process, no zombie of ours, no mount, no file."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confining import confined, policy
from tests.processes import Started

from casemate.model.capability import Capability
from casemate.model.policy import Grant, WriteMode

ROUNDS = 20
RUN = """
import sys
sys.path[:0] = [{src!r}, {here!r}]
from confining import *
granted = policy(Grant(Capability.FS_WRITE, {out!r}), Grant(Capability.NET_CONNECT, "x.example.com:1"))
print("begin", flush=True)
confine(Command((str(PYTHON), "-I", "-S", "-c", {code!r}), str(PYTHON), "/"), granted, environment={{}})
"""
CODE = """import os, time
open({out!r} + '/x', 'w').write('x')
os.fork()
os.fork()
print('inside', flush=True)
time.sleep(60)
"""


def descriptors() -> list[str]:
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


def mounts() -> int:
    return len(Path("/proc/self/mountinfo").read_text().splitlines())


def marked(mark: str) -> list[tuple[str, str]]:
    """Give every process whose arguments, or whose parent's, carry the mark."""
    found = list[tuple[str, str]]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "cmdline").read_bytes():
                found.append((process.name, (process / "status").read_text().split("State:")[1][:4].strip()))
        except OSError:
            continue
    return found


def gone(mark: str) -> bool:
    until = time.monotonic() + 10
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.02)
    return not marked(mark)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_casemate_is_killed_at_any_moment(tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "out"
    out.mkdir()
    temporary = tmp_path / "temporary"  # of this casemate alone: others may be running
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    places = {"src": str(Path(__file__).parents[2] / "src"), "here": str(Path(__file__).parent), "out": str(out)}
    script = RUN.format(**places, code=CODE.format(out=str(out)) + f"\n# {mark}")
    before = mounts()
    chance = random.Random(7)  # noqa: S311 -- only delays
    for number in range(ROUNDS):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with Started([sys.executable, "-c", script], env=environment, **pipes) as run:
            assert run.stdout is not None
            run.stdout.readline()
            if number % 3 == 0:
                run.stdout.readline()  # until the target runs
            time.sleep(chance.uniform(0, 0.08))
            run.send_signal(how)
            run.wait(20)
        assert gone(mark), marked(mark)
    assert mounts() == before
    assert list(temporary.iterdir()) == []
    if how is signal.SIGKILL:
        assert not list(out.iterdir()), "nothing is copied out when casemate is killed"


@pytest.mark.parametrize("nameless", [True, False], ids=["O_TMPFILE", "a file system without it"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_casemate_is_killed_while_a_file_takes_its_place(
    tmp_path: Path, how: signal.Signals, *, nameless: bool
) -> None:
    """rename(2) needs a second name for a moment; it must not stay on the host."""
    (tmp_path / "old").write_text("before")
    script = f"""
import sys, time
sys.path[:0] = {[str(Path(__file__).parents[2] / "src"), str(Path(__file__).parent)]!r}
from confining import *
from casemate.sandbox.native import replace
rename, openat = os.rename, os.open
def slow(*arguments, **options):
    print("renaming", flush=True)
    time.sleep(0.5)
    rename(*arguments, **options)
def old_kernel(path, flags, *arguments, **options):
    if not {nameless} and flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(95, "not supported")
    return openat(path, flags, *arguments, **options)
os.rename, os.open = slow, old_kernel
out = {str(tmp_path)!r}
code = f"for name in ('new', 'old', 'other'): open({{out!r}} + '/' + name, 'w').write('after')"
confined(code, policy(Grant(Capability.FS_WRITE, out)))
"""
    command = [sys.executable, "-c", script, mark := f"mark-{os.getpid()}-{time.monotonic_ns()}"]
    with Started(command, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"renaming\n"
        run.send_signal(how)
        run.wait(20)
    assert gone(mark), marked(mark)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"new", "old", "other"}


def test_descriptors_and_children_of_the_caller_are_as_before(tmp_path: Path) -> None:
    granted = policy(Grant(Capability.FS_WRITE, str(tmp_path), mode=WriteMode.COMMIT, max_bytes=1 << 20))
    confined("pass", granted)
    before = descriptors()
    for code in ("pass", "import os; os.abort()", "import os\nif os.fork() == 0:\n import time; time.sleep(30)"):
        confined(code, granted)
    with pytest.raises(Exception, match="gone"):
        confined("pass", policy(Grant(Capability.FS_READ, str(tmp_path / "gone"))))
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_failure_while_starting_leaves_nothing(tmp_path: Path) -> None:
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)))
    before = descriptors()
    with pytest.raises(Exception, match="working directory"):
        confined("pass", granted, directory=str(tmp_path / "nowhere"))
    assert descriptors() == before

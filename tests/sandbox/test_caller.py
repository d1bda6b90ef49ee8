"""A run depends on the process that started it: not on its thread, and not on who else holds copies of descriptors."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.processes import Started
from tests.sandbox.confining import PYTHON, policy
from tests.sandbox.outer import argv, environment, start

from casemate.model.capability import Capability
from casemate.model.policy import Grant
from casemate.model.sandbox import Command
from casemate.sandbox import Streams
from casemate.sandbox.native import Native, names
from casemate.sandbox.native.contract import Inside, NativePlan, RunInput
from casemate.sandbox.native.supervise import supervise

FORKING = """
import os, sys, threading, time
from tests.sandbox.confining import confined, policy
from casemate.model.capability import Capability
from casemate.model.policy import Grant
from tests.sandbox.test_caller import chain

def run():
    code = f"import time; open({out!r} + '/ready', 'w'); time.sleep({seconds}); open({out!r} + '/x', 'w').write('x')"
    result = confined(code, policy(Grant(Capability.FS_WRITE, {out!r})))
    print(result.outcome.code, *result.outcome.committed, *result.outcome.refused, sep="|", flush=True)

thread = threading.Thread(target=run)
thread.start()
while len(chain(os.getpid())) < 3:
    time.sleep(0.01)
time.sleep(0.3)  # the run stands
child = os.fork()  # as multiprocessing does: copies of every descriptor, close-on-exec or not
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
thread.join()
"""


def parents() -> dict[int, int]:
    """Give the parent of every process."""
    found = dict[int, int]()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def below(pid: int) -> set[int]:
    """Find every process below one."""
    table = parents()
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in table.items() if parent in new} - found
        found |= new
    return found


def chain(pid: int) -> list[int]:
    """Give the child, its child, and so on: steward, init, target."""
    table, found = parents(), list[int]()
    while children := [child for child, parent in table.items() if parent == pid]:
        pid = children[0]
        found.append(pid)
    return found


def gone(pids: Iterable[int]) -> bool:
    """Wait until none of them is there any more; tell whether that is so."""
    until = time.monotonic() + 10
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return not left


def forking(out: Path, seconds: float) -> "subprocess.Popen[str]":
    """Start a caller with a run in a thread and a forked child beside it."""
    script = FORKING.format(out=str(out), seconds=seconds)
    return Started([sys.executable, "-c", script], env=environment(), stdout=subprocess.PIPE, text=True)


def test_the_thread_that_started_a_run_may_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PR_SET_PDEATHSIG follows the thread, prctl(2): with nothing else the run would die with it."""
    code = f"import time; time.sleep(0.5); open({str(tmp_path / 'x')!r}, 'w').write('x'); print('still here')"
    command = Command((str(PYTHON), "-I", "-S", "-c", code), str(PYTHON), "/")
    native = Native(without=frozenset(names.CGROUPS))  # they would be removed with the loop that is put off here
    plan = native.plan(command, policy(Grant(Capability.FS_WRITE, str(tmp_path))))
    assert isinstance(plan, NativePlan)
    with tempfile.TemporaryFile() as out:
        run = RunInput({}, Streams(out.fileno(), out.fileno(), out.fileno()))
        made = list[Inside]()
        hand_over: Callable[..., None] = lambda inside, _plan, _run: made.append(inside)  # noqa: E731 -- typed
        monkeypatch.setattr(sys.modules["casemate.sandbox.native.start"], "_loop", lambda: hand_over)
        thread = threading.Thread(target=native.start, args=(plan, run))
        thread.start()
        thread.join()
        time.sleep(0.1)  # the signal of a thread that has ended would have come
        outcome = supervise(made[0], plan, run)
        out.seek(0)
        assert (outcome.code, outcome.signal, out.read()) == (0, None, b"still here\n")
    assert outcome.committed == (str(tmp_path / "x"),)


def test_a_child_that_somebody_forks_meanwhile_does_not_hold_a_run_up(tmp_path: Path) -> None:
    """It holds copies of the lifeline and the control channel. What the run wrote arrives all the same."""
    with forking(tmp_path, 1.5) as caller:
        assert caller.stdout is not None
        child = int(caller.stdout.readline())
        try:
            said = caller.stdout.readline().strip()
        finally:
            os.kill(child, signal.SIGKILL)
        caller.wait(20)
    assert said == f"0|{tmp_path / 'ready'}|{tmp_path / 'x'}"


@pytest.mark.parametrize("stopped", [0, 1, 2], ids=["steward", "init", "target"])
def test_a_process_that_somebody_has_stopped_ends_with_casemate(stopped: int) -> None:
    with start(argv("import time; print('ready', flush=True); time.sleep(60)")) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        inside = chain(caller.pid)
        assert len(inside) == 3
        os.kill(inside[stopped], signal.SIGSTOP)
        caller.kill()
        caller.wait(20)
        assert gone(inside)


def test_a_child_that_somebody_forks_meanwhile_does_not_keep_a_run_alive(tmp_path: Path) -> None:
    """Its copy of the lifeline outlives casemate, so the end of the process is what counts."""
    with forking(tmp_path, 60) as caller:
        assert caller.stdout is not None
        child = int(caller.stdout.readline())
        inside = below(caller.pid) - {child}
        assert len(inside) >= 3
        caller.kill()
        caller.wait(20)
        left = not gone(inside)
        os.kill(child, signal.SIGKILL)
    assert not left
    assert not list(tmp_path.iterdir()), "nothing is copied out when casemate is killed"


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a pid namespace")
@pytest.mark.parametrize("number", [None, signal.SIGTERM, signal.SIGKILL])
def test_casemate_may_be_the_init_of_a_container(tmp_path: Path, number: signal.Signals | None) -> None:
    """As pid 1 it has no parent, orphans come to it, and signals without a handler do not reach it."""
    code = f"""
import os, time
for _ in range(3):
    if not os.fork():
        os.setsid()
        time.sleep(60)
open({str(tmp_path / "x")!r}, "w").write(str(os.getppid()))
print("ready", flush=True)
time.sleep({60 if number else 0})
"""
    container = ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with start([*container, *argv(code, ("fs.write", str(tmp_path)))]) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        inside = below(running.pid)
        if number:
            os.kill(chain(running.pid)[0], number)
        running.wait(20)
    assert gone(inside)
    if number is signal.SIGKILL:
        assert not (tmp_path / "x").exists()
    else:
        assert (tmp_path / "x").read_text() == "1"
        assert running.returncode == (128 + number if number else 0)

"""No process outside can be seen, signalled, traced or read; none inside outlives the run.

CVE-2019-10768 family; PEP 768 (sys.remote_exec) writes into another Python of the same user by process_vm_writev.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import confined, only_outside, outside
from tests.processes import Started


@pytest.fixture
def other() -> Iterator[int]:
    with Started([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")


def test_a_signal(other: int) -> None:
    only_outside(f"os.kill({other}, 0)")


def test_a_signal_to_everybody(other: int) -> None:
    confined("import os, signal; os.kill(-1, signal.SIGKILL)")
    os.kill(other, 0)


def test_a_signal_through_a_pidfd(other: int) -> None:
    only_outside(f"import signal; signal.pidfd_send_signal(os.pidfd_open({other}), 0)")


def test_ptrace(other: int) -> None:
    only_outside(f"syscall(101, 117, 0x4206, {other}, 0, 0)")  # PTRACE_SEIZE: it stops nobody


def test_the_memory_of_another_process(other: int) -> None:
    only_outside(f"open('/proc/{other}/mem', 'rb')")


def test_a_descriptor_of_another_process(other: int) -> None:
    only_outside(f"syscall(438, 438, os.pidfd_open({other}), 0, 0)")


@pytest.mark.parametrize("nr", [(310, 270), (311, 271)], ids=["process_vm_readv", "process_vm_writev"])
def test_process_vm(nr: tuple[int, int]) -> None:
    act = f"""
    buffer = (ctypes.c_char * 8)()
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    syscall({nr[0]}, {nr[1]}, os.getpid(), vector, 1, vector, 1, 0)
    """
    only_outside(act)


def test_ptrace_among_its_own_processes() -> None:
    only_outside("syscall(101, 117, 0, 0, 0, 0)")  # PTRACE_TRACEME


def test_pid_1_cannot_be_signalled() -> None:
    script = (
        "import os, signal, time\nfor n in (9, 15, 19, 17, 1):\n try: os.kill(1, n)\n except OSError: pass\nprint('on')"
    )
    result = confined(script)
    assert result.out == "on\n"
    assert result.code == 0


def test_a_daemon_does_not_outlive_the_run() -> None:
    marker = f"left-{os.getpid()}"  # comm(5) has room for 15 characters: no two tests may share them
    script = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import ctypes
        ctypes.CDLL(None).prctl(15, b"{marker}", 0, 0, 0)
        os.close(0); os.close(1); os.close(2)
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(0.1)
print("left")
"""
    assert outside(script.replace("sleep(60)", "sleep(3)")) == "left\n"
    assert marker in {name_of(process) for process in Path("/proc").glob("[0-9]*")}, "it must live on outside"
    while marker in {name_of(process) for process in Path("/proc").glob("[0-9]*")}:
        time.sleep(0.1)
    began = time.monotonic()
    assert confined(script).out == "left\n"
    assert time.monotonic() - began < 10
    assert marker not in {name_of(process) for process in Path("/proc").glob("[0-9]*")}


def name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""


def test_a_fork_bomb_ends_at_the_limit() -> None:
    script = (
        "import os, time\nfor n in range(200):\n    if os.fork() == 0:\n        time.sleep(20)\n        os._exit(0)"
    )
    result = confined(script)
    assert "BlockingIOError" in result.err


def test_the_exit_code_and_the_signal_of_the_program() -> None:
    assert confined("raise SystemExit(41)").code == 41
    assert confined("import os, signal; os.kill(os.getpid(), signal.SIGTERM)").code == 128 + signal.SIGTERM

"""For the first moments of a run that waited, QEMU's threads are on one processor; then wherever they were before."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import Started, wait_for
from tests.sandbox.vm.conftest import SECONDS, of, until_it_rests, words

from casemate.sandbox.native.loop import Loop
from casemate.sandbox.vm import together
from casemate.sandbox.waiting import telling

THREADS = """
import threading, time
for _ in range(3): threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
print(flush=True); time.sleep(100)
"""
ALL = os.sched_getaffinity(0)


@pytest.fixture
def threads() -> Iterator[int]:
    """Give a process of four threads."""
    with subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def where(pid: int) -> list[set[int]]:
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


def test_all_threads_of_both_are_together_and_then_free_again(threads: int) -> None:
    loop = Loop()
    together.gather(threads, loop)
    (processor,) = os.sched_getaffinity(0)
    assert where(threads) == [{processor}] * 4
    over = threading.Event()
    loop.after(together.SPAN, over.set)
    loop.run(over.is_set)
    assert (os.sched_getaffinity(0), where(threads)) == (ALL, [ALL] * 4)


def test_who_may_run_on_few_processors_stays_there(threads: int) -> None:
    few = {max(ALL)}
    os.sched_setaffinity(0, few)
    try:
        together.gather(threads, Loop())
        assert where(threads) == [few] * 4
    finally:
        os.sched_setaffinity(0, ALL)


@pytest.mark.usefixtures("machine")
def test_it_is_so_in_a_run() -> None:
    started = Started(words("--wait", "-c", "input()"), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    with started:
        until_it_rests(started.pid)
        (qemu,) = of(started.pid)
        assert where(qemu) == [ALL] * len(where(qemu))
        assert started.stdin is not None
        started.stdin.write(telling([]))
        started.stdin.flush()
        wait_for(lambda: all(len(one) == 1 for one in where(qemu)), "the moment in which they are together")
        wait_for(lambda: all(one == ALL for one in where(qemu)), "their freedom")
        _, errors = started.communicate(b"\n", timeout=SECONDS)
    assert (started.returncode, errors) == (0, b"")

"""Keeps QEMU's threads on one processor for the first moments of a run that waited.

While a program starts they only wait for each other, a hundred times for files alone: on two processors each of those
times wakes one that sleeps, which takes longer than what is to be done, where the host is a virtual machine itself most
of all. Later it is the scheduler's again: whoever computes is not to be kept where somebody else computes.
"""

import os
from collections.abc import Collection

from casemate.model.small import suppress
from casemate.sandbox.native.loop import Loop

SPAN = 1.0  # seconds: a Python starts within half of that
PROCESSOR = 36  # which field of proc_pid_stat(5) it is after the name, counted from 0


def gather(pid: int, loop: Loop) -> None:
    """Bring a process and us to the processor on which we are, for `SPAN` seconds."""
    before = os.sched_getaffinity(0)
    _settle(pid, {_ours()} & before)
    loop.after(SPAN, lambda: _settle(pid, before))


def _ours() -> int:
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 -- as in driver.py
        return int(file.read().rpartition(b")")[2].split()[PROCESSOR])


def _settle(pid: int, processors: Collection[int]) -> None:
    """Let all threads of a process, and us, run there alone, also those that one makes meanwhile."""
    settled = set[int]()
    while new := {0, *map(int, os.listdir(f"/proc/{pid}/task"))} - settled:  # noqa: PTH208 -- likewise
        for thread in new:
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, processors)
        settled |= new

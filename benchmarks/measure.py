"""Whole processes, measured by the kernel: wall seconds of a command, CPU seconds of it and all its descendants."""

import contextlib
import ctypes
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took."""

    cpu_seconds: float
    wall_seconds: float
    max_rss_mib: float


def run_once(argv: Sequence[str]) -> Cost:
    """Run a command with its output thrown away and give what it took; its exit code does not matter here.

    Descendants that their parent does not wait for come to us (PR_SET_CHILD_SUBREAPER): what bubblewrap starts is one.
    """
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    start = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
    child = os.posix_spawnp(argv[0], list(argv), os.environ, file_actions=actions)
    os.close(null)
    _, _, usage = os.wait4(child, 0)
    wall, cpu, largest = time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    with contextlib.suppress(ChildProcessError):
        while True:
            _, _, usage = os.wait4(-1, 0)
            cpu, largest = cpu + usage.ru_utime + usage.ru_stime, max(largest, usage.ru_maxrss)
    return Cost(cpu, wall, largest / 1024)


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Cost]]:
    """Run all commands in turn, so that what disturbs the machine disturbs all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, argv in commands.items():
            costs[name].append(run_once(argv))
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """Give the median of each figure."""
    return Cost(
        statistics.median(cost.cpu_seconds for cost in costs),
        statistics.median(cost.wall_seconds for cost in costs),
        statistics.median(cost.max_rss_mib for cost in costs),
    )

"""The budgets of a whole run that the kernel counts and does not end: processor time, and memory that has run out.

Where cgroups count, the loop outside looks how much processor time is left, and looks again when that may be used up.
Where memory runs out, version 2 ends the whole run and version 1 one process: then the rest is ended from here.
"""

import os

from casemate.model.csignal import signal
from casemate.model.policy import Limits
from casemate.sandbox.native.group import Group
from casemate.sandbox.native.loop import Loop

TYPE_CHECKING = False  # `collections.abc` is there already; for a name alone
if TYPE_CHECKING:
    from collections.abc import Callable

CPU_LIMIT, MEMORY_LIMIT = "cpu limit", "memory limit"
SOONEST = 0.05  # seconds between two looks
LOOKS, PAUSE = 20, 0.005  # after a notice: it comes before the kernel has chosen whom to end


class Budget:
    """Watches a run in a loop, and calls with the name of the limit that is reached."""

    def __init__(self, loop: Loop, group: Group | None, limits: Limits, reached: "Callable[[str], None]") -> None:
        """Begin to watch; without a group there is nothing to see from outside."""
        self._loop, self._group, self._limits, self._reached = loop, group, limits, reached
        self._at_once = min(os.cpu_count() or 1, limits.processes or 1 << 16)  # how many of its tasks run at a time
        self._event = group.watch_memory() if group and limits.memory_bytes else -1
        if self._event >= 0:
            loop.on_read(self._event, self._noticed)
        if group and limits.cpu_seconds:
            loop.after(limits.cpu_seconds / self._at_once, self._look)

    @property
    def cpu_seconds(self) -> float:
        """Give the processor time of the whole run so far, where it is counted."""
        return self._group.cpu_seconds() if self._group else 0.0

    @property
    def refused_processes(self) -> int:
        """Count the forks and threads that the limit refused, where it is counted."""
        return self._group.refused_processes() if self._group else 0

    def verdict(self, ended_by: int | None, seconds: float) -> str:
        """Name the limit by which the kernel ended the run, by the target's last signal and its processor time."""
        if self._group and self._group.out_of_memory():
            return MEMORY_LIMIT
        most, spent = self._limits.cpu_seconds, max(seconds, self.cpu_seconds)
        if ended_by == signal.SIGXCPU and spent * 2 > most > 0:  # RLIMIT_CPU counts by ticks: not exactly the same sum
            return CPU_LIMIT
        return CPU_LIMIT if ended_by == signal.SIGKILL and spent > most > 0 else ""

    def close(self) -> None:
        """Watch no more."""
        if self._event >= 0:
            self._loop.forget(self._event)
            os.close(self._event)
        self._event = -1

    def _look(self) -> None:
        """End the run when its processor time is used up; else look when that can be at the earliest."""
        left = self._limits.cpu_seconds - self.cpu_seconds
        if left > 0:
            self._loop.after(max(left / self._at_once, SOONEST), self._look)
        else:
            self._reached(CPU_LIMIT)

    def _noticed(self) -> None:
        """Take a notice: memory has run out here, or in a group around us."""
        os.eventfd_read(self._event)
        self._look_at_memory(LOOKS)

    def _look_at_memory(self, looks: int) -> None:
        if self._group and self._group.out_of_memory():
            self._reached(MEMORY_LIMIT)
        elif looks:
            self._loop.after(PAUSE, lambda: self._look_at_memory(looks - 1))

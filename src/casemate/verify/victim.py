"""A process of one probe alone, to be signalled or changed; and whether anybody did."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LOWEST = 400  # inside a pid namespace the first numbers are taken by processes of the run itself


class Victim:
    """It sleeps. What it is like is noted before and after."""

    def __init__(self) -> None:
        """Start it, with a number that no process of a run has."""
        self._process = self._start()
        while self._process.pid < LOWEST:  # only just after a start of the host
            self.end()
            self._process = self._start()
        self.before = self._look()

    @staticmethod
    def _start() -> "subprocess.Popen[bytes]":
        sleep = [sys.executable, "-I", "-S", "-c", "input()"]  # it ends with us, whatever ends us
        return subprocess.Popen(  # noqa: S603 -- our own
            sleep,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Give its number."""
        return self._process.pid

    def changed(self) -> str:
        """Say what is not as it was; "" where all is."""
        after = self._look()
        return ", ".join(name for name, value in self.before.items() if after.get(name) != value)

    def _look(self) -> Mapping[str, object]:
        pid = self.pid
        if self._process.poll() is not None:
            return {"life": "ended"}
        seen: dict[str, object] = {"life": "sleeps"}
        with suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
            seen["life"] = "stopped" if state in "Tt" else "sleeps"
        with suppress(OSError):
            seen["priority"] = os.getpriority(os.PRIO_PROCESS, pid)
            seen["processors"] = frozenset(os.sched_getaffinity(pid))
            seen["scheduler"] = os.sched_getscheduler(pid)
            seen["limits"] = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
            seen["oom score"] = Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii")
        return seen

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

"""The processes inside, seen from outside: signalled, cut off, reaped."""

import os
import select

from casemate.model.csignal import signal
from casemate.model.small import suppress
from casemate.sandbox.native import control
from casemate.sandbox.native.contract import EVERYBODY_IS_DEAD, Inside

PATIENCE = 5.0  # seconds for the steward to end by itself once it is cut off


class Tree:
    """The descriptors that hold a run alive, and the only process of it that is a child of ours."""

    def __init__(self, inside: Inside) -> None:
        """Take the descriptors over."""
        self._steward, self.pidfd = inside.steward, inside.steward_pidfd
        self._lifeline, self._control, self._status = inside.lifeline, inside.control, inside.status
        self.dead = False  # known only after `reap`: whether everybody inside is
        os.set_blocking(inside.lifeline, False)

    def signal(self, number: int) -> None:
        """Let the target's process group get a signal. A tree that is gone, or that never reads, gets none."""
        if self._lifeline >= 0:
            with suppress(BrokenPipeError, BlockingIOError):
                os.write(self._lifeline, bytes([number]))

    def cut(self) -> None:
        """Let go: the steward kills pid 1, and so everybody inside, whoever else holds copies of our descriptors."""
        if self._lifeline < 0:
            return
        control.end(self._control)
        os.close(self._lifeline)
        os.close(self._control)
        self._lifeline = self._control = -1

    def kill(self) -> None:
        """Kill the steward; everybody inside dies with it (PR_SET_PDEATHSIG)."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> None:
        """Cut, wait for the steward's end, which is after everybody's end inside, and close everything. Never twice."""
        if self._status < 0:
            return
        self.cut()
        waiting = select.poll()
        waiting.register(self.pidfd, select.POLLIN)
        if not waiting.poll(PATIENCE * 1000):
            self.kill()
        with suppress(ChildProcessError):  # a caller that ignores SIGCHLD never learns it, and so copies nothing out
            _, status = os.waitpid(self._steward, 0)
            self.dead = os.waitstatus_to_exitcode(status) == EVERYBODY_IS_DEAD
        for fd in (self._status, self.pidfd):
            os.close(fd)
        self._status = -1

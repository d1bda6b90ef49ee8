"""Signals of the caller, as numbers in the loop; the handlers of before come back afterwards.

A handler does nothing but exist: the C level writes the number into a pipe that the loop reads (set_wakeup_fd), so no
code of ours runs at a place where it was not expected. A signal that the caller ignores (nohup, a background job of a
plain sh) stays ignored, and in a thread other than the main one Python has no handlers: there we take none.
"""

import os
from _collections_abc import Callable

from casemate.model.csignal import signal
from casemate.sandbox.native.loop import Loop

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

    Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

FORWARDED = frozenset({
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT,
})  # fmt: skip
CAUGHT = FORWARDED | {signal.SIGTSTP, signal.SIGWINCH}
SHUT = frozenset({signal.SIGPIPE})  # a reader that went away is an error of write(2), never our end


class Signals:
    """Catches `CAUGHT` inside `with` and calls back with each number."""

    def __init__(self, loop: Loop, arrived: Callable[[int], None]) -> None:
        """Nothing is caught yet."""
        self._loop, self._arrived = loop, arrived
        self._before: dict[int, Handler] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup = -1

    def __enter__(self) -> "Self":
        """Install the handlers."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        except ValueError:  # not the main thread
            os.close(reader)
            os.close(writer)
            return self
        self._pipe = reader, writer
        for number in sorted(CAUGHT | SHUT):
            before = signal.getsignal(number)
            if before != signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, signal.SIG_IGN if number in SHUT else _exist)
        self._loop.on_read(reader, self._readable)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: "TracebackType | None"
    ) -> None:
        """Put every handler back."""
        if self._pipe is None:
            return
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        signal.set_wakeup_fd(self._wakeup)
        self._loop.forget(self._pipe[0])
        for fd in self._pipe:
            os.close(fd)

    def _readable(self) -> None:
        """Hand on the numbers that have arrived; others than ours belong to handlers of the caller."""
        if self._pipe is not None:
            for number in os.read(self._pipe[0], 512):
                if number in CAUGHT:
                    self._arrived(number)


def _exist(_number: int, _frame: "FrameType | None") -> None:
    """Do nothing: the number is in the pipe."""


def suspend() -> None:
    """Stop this process as Ctrl-Z would have; returns when somebody continues it.

    By SIGTSTP and not SIGSTOP: the kernel drops it where no shell is there to continue us (orphaned process group).
    """
    ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, ours)

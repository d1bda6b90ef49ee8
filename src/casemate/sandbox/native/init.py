"""Pid 1 inside: it starts the target, reaps what the target leaves behind, and dies with the lifeline.

It runs nothing of the target's, cannot be read or signalled from inside (not dumpable, without handlers for what the
target could send), and keeps nothing of the caller's environment in its memory.
"""

import os
import select
from _collections_abc import Callable, Sequence

from casemate.model.csignal import signal
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.entering import Entrances, born_in

TYPE_CHECKING = False  # `types` itself takes its time
if TYPE_CHECKING:
    from types import FrameType

CAP_KILL = 5


class Failed(Exception):  # noqa: N818 -- it never leaves this package: it is a line on the status pipe
    """A layer could not be put in force; nothing of the target ran."""

    def __init__(self, layer: str, reason: str, code: int = 125) -> None:
        """Name the layer and the reason, and the exit code of the run."""
        self.layer, self.reason, self.code = layer, reason, code
        super().__init__(f"{layer}: {reason}")


def say(status: int, line: str) -> None:
    """Write one line on the status pipe, at once. Nobody listening is no reason to stop."""
    try:
        os.write(status, f"{line}\n".encode(errors="backslashreplace"))
    except BrokenPipeError:
        return


def refuse(status: int, failed: Failed) -> None:
    """Say that nothing of the target ran, and why."""
    reason = " ".join(failed.reason[:2000].split("\n"))  # a path may hold a line end
    say(status, f"refused {failed.code} {failed.layer}: {reason}")


def forget_environment() -> None:
    """Overwrite the environment that this process inherited: /proc/PID/environ shows it as long as it is there.

    env_start and env_end are fields 50 and 51 of proc_pid_stat(5).
    """
    fields = k.read("/proc/self/stat").rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    if 0 < start < end:
        k.erase(start, end - start)


def plain_signals() -> None:
    """Undo what the caller's Python did to signals: nothing of it may run here."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) != signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def run(
    lifeline: int,
    status: int,
    target: Callable[[int], None],
    entrances: Entrances,
    keeps: Sequence[int] = (CAP_KILL,),
) -> None:
    """Fork the target, watch it, report its end. Returns when the run is over: the caller then exits.

    Only the target enters the groups; it gets the one that it was not born in. `keeps` are the Linux capabilities that
    are kept meanwhile: the target has another identity when root is the caller.
    """
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, _noted)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    executed, failing = os.pipe2(os.O_CLOEXEC)
    child, late = born_in(entrances.group)
    if child == 0:
        _be(target, failing, late)
    for descriptor in (failing, *entrances.descriptors):
        os.close(descriptor)
    k.keep_capabilities(keeps)
    if _started(executed, status):
        _watch(child, lifeline, status, woken)


def _noted(_number: int, _frame: "FrameType | None") -> None:
    """Let the wake-up descriptor say that a child has ended."""


def _be(target: Callable[[int], None], failing: int, late: int) -> None:
    """Become the target; on any failure say why, and never come back into the code of the caller."""
    try:
        target(late)
    except Failed as failed:
        refuse(failing, failed)
    except BaseException as error:  # noqa: BLE001 -- a forked child must not unwind into its parent's stack
        refuse(failing, Failed("target", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(125)


def _started(executed: int, status: int) -> bool:
    """Wait for the target's execve: end of file without a word means that it succeeded."""
    words = b""
    while part := os.read(executed, 65536):
        words += part
    os.close(executed)
    if words:
        os.write(status, words)
        return False
    say(status, "started")
    return True


def _watch(child: int, lifeline: int, status: int, woken: int) -> None:
    waiting = select.poll()
    waiting.register(lifeline, select.POLLIN)
    waiting.register(woken, select.POLLIN)
    while True:
        ready = dict(waiting.poll())
        if woken in ready:
            os.read(woken, 4096)
            if ended := _reap(child):
                say(status, f"ended {ended}")
                return
        if lifeline in ready and not _deliver(child, lifeline):
            return


def _deliver(child: int, lifeline: int) -> bool:
    """Pass signals on to the target's process group; false when nobody outside holds the lifeline any more."""
    numbers = os.read(lifeline, 4096)
    for number in numbers:
        try:
            os.killpg(child, number)
        except ProcessLookupError:
            os.kill(child, number)
    return bool(numbers)


def _reap(child: int) -> str:
    """Reap whatever has ended; give the target's end, in the words of the status pipe, when it is among them."""
    ended = ""
    while True:
        try:
            pid, code, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == child:
            how = f"signal {os.WTERMSIG(code)}" if os.WIFSIGNALED(code) else f"code {os.WEXITSTATUS(code)}"
            ended = f"{how} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}"

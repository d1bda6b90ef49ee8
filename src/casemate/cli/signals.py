"""Ctrl-C, SIGTERM and SIGHUP end a verb by an exception, so that no half-written file stays behind."""

from casemate.model.csignal import signal

TYPE_CHECKING = False  # `types` itself takes its time
if TYPE_CHECKING:
    from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(BaseException):
    """Somebody wants us to end. Nothing that expects errors catches it."""

    def __init__(self, number: int) -> None:
        """Remember the signal."""
        self.number = number
        super().__init__(number)


def raise_on_interrupt() -> None:
    """Let Ctrl-C be raised from now on: the command starts with its default, which ends it while it only loads."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, _frame: "FrameType | None") -> None:
    """Raise it, and let a second one end us at once: it would be raised again where the first one is dealt with."""
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt


def raise_on_termination() -> None:
    """Let the signals be raised where they have their default; what the caller ignores (nohup) stays ignored."""
    raise_on_interrupt()
    for number in ENDING:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)


def _terminate(number: int, _frame: "FrameType | None") -> None:
    """Raise it, and let a second one end us at once."""
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)

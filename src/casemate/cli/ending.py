"""From an error to one line on standard error and an exit code: the only place where that is decided."""

import os
import sys
import traceback
from pathlib import PurePath

from casemate.cli import STARTS_A_TARGET
from casemate.cli.output import point_at_nothing, tell
from casemate.cli.signals import Terminated
from casemate.model.errors import CasemateError, Refused
from casemate.model.exits import Exit

INTERRUPTED: int = Exit.SIGNAL + 2  # SIGINT
PIPE_CLOSED: int = Exit.SIGNAL + 13  # SIGPIPE: who read the output wanted no more of it


def ending(error: BaseException, verb: str) -> int:
    """Say what went wrong in one line and give the exit code.

    `run` has one code for all that is wrong before a program starts, whoever is at fault: 125.
    With CASEMATE_DEBUG=1 the traceback of an internal error is printed too.
    """
    match error:
        case SystemExit():  # argparse, after it printed help
            return error.code if isinstance(error.code, int) else Exit.CLEAN
        case KeyboardInterrupt() | Terminated():
            code, message = _ended_by(error)
        case BrokenPipeError() if verb != STARTS_A_TARGET:
            code, message = PIPE_CLOSED, ""
        case Refused():
            code, message = error.code, str(error)
        case CasemateError():
            code, message = Exit.USAGE, str(error)
        case OSError() if _is_about_output(error):
            code, message = Exit.USAGE, f"cannot write to standard output: {error.strerror}"
        case _:
            code, message = Exit.INTERNAL, _fault(error)
    if message:
        tell(message)
    point_at_nothing(1)
    if code is Exit.INTERNAL and sys.stderr and os.environ.get("CASEMATE_DEBUG") == "1":
        traceback.print_exception(error)
    if verb == STARTS_A_TARGET and not isinstance(error, Refused | KeyboardInterrupt):
        return Exit.REFUSED
    return code


def _ended_by(error: KeyboardInterrupt | Terminated) -> tuple[int, str]:
    """Give the code and the word for an end that somebody else wanted."""
    if isinstance(error, Terminated):
        return Exit.SIGNAL + error.number, "terminated"
    return INTERRUPTED, "interrupted"


def _is_about_output(error: OSError) -> bool:
    """Tell whether flushing standard output raised it: nothing but `main` itself was running, and no file is named."""
    return error.filename is None and len(traceback.extract_tb(error.__traceback__)) == 1


def _fault(error: BaseException) -> str:
    """Say where we failed, in words that can be reported. The error's own text could hold what was read."""
    return f"internal error: {type(error).__name__} at {_place(error)} (this is our fault; please report it)"


def _place(error: BaseException) -> str:
    """Name the innermost line of ours on the way to the error, without the path of the installation."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "casemate" in PurePath(frame.filename).parts] or list(frames)
    if not ours:
        return "an unknown place"
    parts = PurePath(ours[-1].filename).parts
    start = max((index for index, part in enumerate(parts) if part == "casemate"), default=len(parts) - 1)
    return f"{'/'.join(parts[start:])}:{ours[-1].lineno}"

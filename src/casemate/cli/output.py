"""Where results go: standard output, or a file that appears whole or not at all."""

import os
import stat
import sys
import tempfile
from pathlib import Path

from casemate.model.errors import UsageError
from casemate.model.visible import brief


def tell(message: str) -> None:
    """Say one line on standard error, whatever the message holds. Where that is closed, nobody wants to hear it."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] -- None where the caller closed it
        return
    try:
        print(f"casemate: {brief(message)}", file=sys.stderr, flush=True)
    except OSError:
        point_at_nothing(2)


def point_at_nothing(descriptor: int) -> None:
    """Let a descriptor write into the void, so that the interpreter does not fail on it once more while it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    if nothing != descriptor:
        os.dup2(nothing, descriptor)
        os.close(nothing)


def show(text: str) -> None:
    """Write to standard output at once. Characters that it cannot encode become escapes, never an error.

    Raises UsageError where standard output is closed or full; a reader that went away is BrokenPipeError.
    """
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] -- None where the caller closed it
        raise UsageError("standard output is closed: there is nowhere to write to")
    try:
        sys.stdout.write(text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write to standard output: {error.strerror}") from error


def check(path: Path) -> None:
    """Raise UsageError where `save` would fail for a reason that can be told before the work."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {_reason(error)}") from error
    if stat.S_ISLNK(mode):
        raise UsageError(f"cannot write {path}: it is a symbolic link; name the file itself")
    if not stat.S_ISREG(mode):
        raise UsageError(f"cannot write {path}: it is there and no regular file")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no directory {path.parent}")


def save(text: str, path: Path) -> None:
    """Write a file that only the caller can read (0600); a half-written one never stands under its name.

    A regular file of that name is replaced; a link, a device or a pipe never is (`--output /dev/null` as root would
    replace it for everybody). Raises UsageError with the reason.
    """
    check(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".casemate-", dir=path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {_reason(error)}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UsageError(f"cannot write {path}: {_reason(error)}") from error
        raise


def _reason(error: OSError | ValueError) -> str:
    """Say why in the words of the operating system."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

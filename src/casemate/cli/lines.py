"""Lines of audited files, read once more for the report, and only those that it shows."""

import os
import stat
from collections import OrderedDict

LARGEST = 16 * 1024 * 1024  # bytes of a file
LONGEST = 1024 * 1024  # bytes of one line
KEPT = 8  # files


class Lines:
    """Gives lines of files. A file may have changed or gone since the audit: then it gives what is there, or None."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._files: OrderedDict[str, list[bytes]] = OrderedDict()

    def __call__(self, path: str, line: int) -> str | None:
        """Give a line, counted from 1, without its end."""
        if path not in self._files:
            self._files[path] = _read(path)
            while len(self._files) > KEPT:
                self._files.popitem(last=False)
        lines = self._files[path]
        if not 0 < line <= len(lines):
            return None
        return lines[line - 1][:LONGEST].decode("utf-8", "backslashreplace").removeprefix("\ufeff")


def _read(path: str) -> list[bytes]:
    """Read the lines of a regular file; give none where it is anything else or cannot be read.

    A link is not followed: since the audit it may have been made to lead to a file that is nobody's business.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):
        return []
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return []
        with os.fdopen(os.dup(descriptor), "rb") as file:
            text = file.read(LARGEST)
    except OSError:
        return []
    finally:
        os.close(descriptor)
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")

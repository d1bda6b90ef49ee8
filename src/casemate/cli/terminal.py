"""What the caller's terminal shows: colours, width, progress. The caller's own variables decide, as everywhere."""

import os
import shutil
import sys
import time
from typing import TextIO

from casemate.reports.paint import Style

NARROWEST, WIDEST = 40, 160
QUIET_SECONDS = 0.5  # short work shows no progress
BETWEEN_SECONDS = 0.1


def style(stream: TextIO | None) -> Style:
    """Give the style for a stream: the terminal's width, or a fixed one where the output is for a file or a pipe."""
    if stream is None or not stream.isatty():
        return Style(colours=wants_colours(stream))
    columns = shutil.get_terminal_size().columns
    return Style(width=min(max(columns, NARROWEST), WIDEST), colours=wants_colours(stream))


def wants_colours(stream: TextIO | None) -> bool:
    """Tell whether to use colours: no-color.org and bixense.com/clicolors before what the stream is."""
    if os.environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if os.environ.get(name, "0") not in ("", "0"):
            return True
    if stream is None or os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


class Progress:
    """One line on standard error that says how far it is; nothing at all where that is no terminal."""

    def __init__(self, verb: str = "audit") -> None:
        """Begin to count the work of a verb."""
        self._verb = verb
        self._shown = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] -- None where it is closed
        self._next = time.monotonic() + QUIET_SECONDS
        self._dirty = False

    def __call__(self, done: int, total: int) -> None:
        """Take note of how much of the work is done."""
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next, self._dirty = now + BETWEEN_SECONDS, True
            print(f"\r\x1b[K{self._verb}: {100 * done // max(total, 1)} %", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._dirty:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._dirty = False

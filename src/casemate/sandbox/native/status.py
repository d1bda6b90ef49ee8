"""What the tree inside says on its status pipe: that it was refused, that the target started, how it ended."""

import os
from _collections_abc import Callable

from casemate.model.dataclass import dataclass
from casemate.sandbox.native.loop import Loop

LONGEST = 65536  # bytes of one line; only our own code writes there


@dataclass(slots=True)
class Story:
    """What is known so far. `silent` means that nobody is left who could say more."""

    started: bool = False
    refused: str = ""
    refused_code: int = 125
    code: int | None = None
    signal: int | None = None
    cpu_seconds: float = 0.0
    max_rss_bytes: int = 0
    silent: bool = False

    @property
    def over(self) -> bool:
        """Tell whether the target has ended, or will never start."""
        return self.silent or bool(self.refused) or self.code is not None or self.signal is not None

    def hear(self, line: bytes) -> None:
        """Take in one line; see contract.py."""
        word, _, rest = line.decode().partition(" ")
        match word:
            case "refused":
                code, _, self.refused = rest.partition(" ")
                self.refused_code = int(code)
            case "started":
                self.started = True
            case "ended":
                how, number, seconds, kib = rest.split(" ")
                self.code, self.signal = (int(number), None) if how == "code" else (None, int(number))
                self.cpu_seconds = float(seconds)
                self.max_rss_bytes = int(kib) * 1024
            case _:
                return


class Status:
    """Reads the pipe line by line into a story, and calls back after each."""

    def __init__(self, loop: Loop, fd: int, changed: Callable[[], None]) -> None:
        """Begin at once. The descriptor stays with its owner."""
        self._loop, self._fd, self._changed = loop, fd, changed
        self._kept = b""
        self.story = Story()
        os.set_blocking(fd, False)
        loop.on_read(fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, LONGEST)
        except BlockingIOError:
            return
        *lines, self._kept = (self._kept + data).split(b"\n")
        for line in lines:
            self.story.hear(line)
        if not data:
            self.story.silent = True
            self._loop.forget(self._fd)
        self._changed()

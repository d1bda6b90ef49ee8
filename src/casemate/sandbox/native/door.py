"""A listening socket that lets in a limited number of connections; the others wait in the kernel's queue.

Being full, or out of descriptors, is answered by not looking: a listening socket that nobody accepts from stays
readable, so watching it would burn a whole CPU.
"""

import os
import socket
from collections.abc import Callable

from casemate.sandbox.native.loop import Loop

PAUSE = 0.1  # seconds, when there is no descriptor left
BATCH = 16  # connections let in before others get their turn


class Door:
    """Hands every connection to `entered`, non-blocking; whoever got it calls `left` when it is closed."""

    def __init__(
        self, loop: Loop, bound: socket.socket, entered: Callable[[socket.socket, "Door"], None], limit: int
    ) -> None:
        """Begin at once. The socket stays with its owner."""
        self._loop, self._bound, self._entered, self._limit = loop, bound, entered, limit
        self._inside = 0
        self._closed = False
        os.set_blocking(bound.fileno(), False)
        self._watch()

    def left(self) -> None:
        """Make room for one more."""
        self._inside -= 1
        self._watch()

    def close(self) -> None:
        """Let nobody in any more."""
        if not self._closed:
            self._closed = True
            self._loop.forget(self._bound.fileno())

    def _watch(self) -> None:
        if not self._closed:
            self._loop.on_read(self._bound.fileno(), self._ready if self._inside < self._limit else None)

    def _ready(self) -> None:
        for _ in range(min(BATCH, self._limit - self._inside)):
            try:
                connection, _ = self._bound.accept()
            except (BlockingIOError, ConnectionError):
                break  # none left, or one that has gone again
            except OSError:
                self._loop.on_read(self._bound.fileno(), None)
                self._loop.after(PAUSE, self._watch)
                return
            os.set_blocking(connection.fileno(), False)
            self._inside += 1
            self._entered(connection, self)
        self._watch()

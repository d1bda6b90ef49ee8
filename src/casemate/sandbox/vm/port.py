"""One end of the port between driver and guest: frames out as the other end takes them, frames in as they come."""

import os
from collections.abc import Callable

from casemate.sandbox.native.loop import Loop
from casemate.sandbox.vm.frames import LARGEST_JOB, PIECE, WINDOW, Garbled, Kind, Reader, packed

MOST_WAITING = 2 * LARGEST_JOB  # bytes: one end that sends much stops at WINDOW, and only then come answers


class Port:
    """Sends and receives. `lost` is called, once, with the reason when the other end is gone or broke the rules.

    An end that asks for more and more and takes no answer breaks them, too.

    `eager` are called when there is room again: whoever sends much asks `has_room` before and waits for that.
    """

    def __init__(
        self,
        loop: Loop,
        descriptor: int,
        reader: Reader,
        taken: Callable[[Kind, bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        """Begin at once; the descriptor stays with its owner and becomes non-blocking."""
        self._loop, self._descriptor, self._reader = loop, descriptor, reader
        self._taken, self._lost = taken, lost
        self._out, self._over = bytearray(), False
        self.eager = list[Callable[[], None]]()
        os.set_blocking(descriptor, False)
        loop.on_read(descriptor, self._readable)

    @property
    def has_room(self) -> bool:
        """Tell whether more may be sent that can wait."""
        return len(self._out) < WINDOW

    @property
    def is_empty(self) -> bool:
        """Tell whether the other end took everything."""
        return not self._out

    def send(self, kind: Kind, data: bytes = b"") -> None:
        """Send a frame, after those before it."""
        if self._over:
            return
        self._out += packed(kind, data)
        if len(self._out) > MOST_WAITING:
            self._end("it does not take what it is sent")
            return
        self._loop.on_write(self._descriptor, self._writable)

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self._loop.on_read(self._descriptor, None)

    def resume(self) -> None:
        """Read again."""
        if self._over:
            return
        self._loop.on_read(self._descriptor, self._readable)

    def stop(self) -> None:
        """Neither read nor write any more."""
        self._over = True
        self._loop.forget(self._descriptor)
        self._out.clear()

    def _writable(self) -> None:
        had_room = self.has_room
        try:
            del self._out[: os.write(self._descriptor, self._out[:PIECE])]
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or "gone")
            return
        if not self._out:
            self._loop.on_write(self._descriptor, None)
        if self.has_room and not had_room:
            for act in self.eager:
                act()

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, 2 * PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or "gone")
            return
        if not data:
            self._end("")
            return
        try:
            for kind, piece in self._reader.feed(data):
                self._taken(kind, piece)
        except Garbled as garbled:
            self._end(f"it broke the rules of its port: {garbled}")

    def _end(self, reason: str) -> None:
        if not self._over:
            self.stop()
            self._lost(reason)

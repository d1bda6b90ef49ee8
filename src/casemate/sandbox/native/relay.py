"""Bytes carried one way between two descriptors: in order, none lost, never more than a fixed amount in memory.

Nothing is read while the sink cannot take what was read before, so a stalled reader stalls the writer, as a pipe does.
The end of the source becomes the end of the sink; a sink that is gone ends the source, so that the writer gets EPIPE.
"""

from _collections_abc import Callable

from casemate.sandbox.native.channel import GONE, Channel
from casemate.sandbox.native.loop import Loop, Timer

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from casemate.sandbox.native.exchange import Exchange

CHUNK = 64 * 1024
MOMENT = 0.1  # seconds that the beginning of a text may be held back (exchange.py)
BUFFER = 256 * 1024  # bytes kept while the sink cannot take more


class Meter:
    """Counts the bytes of any number of relays, and calls once when the limit (0 = none) is passed."""

    def __init__(self, limit: int = 0, exceeded: Callable[[], None] | None = None) -> None:
        """Set the limit in bytes."""
        self.total = 0
        self._limit = limit
        self._exceeded = exceeded

    def allow(self, size: int) -> int:
        """Count `size` bytes; give how many of them are within the limit."""
        room = max(0, self._limit - self.total) if self._limit else size
        self.total += size
        if size > room and self._exceeded is not None:
            exceeded, self._exceeded = self._exceeded, None
            exceeded()
        return min(size, room)


class Relay:
    """One direction. `done` is true when nothing will move any more; then `ended` was called, once.

    `error` is why it ended too early: a full disk, an unreadable source. A reader or writer that went away is no error.
    """

    def __init__(  # noqa: PLR0913 -- two ends, and what is done with what passes, by name
        self,
        loop: Loop,
        source: Channel,
        sink: Channel | None,
        ended: Callable[[], None],
        meter: Meter | None = None,
        *,
        heard: Callable[[bytes], None] | None = None,
        exchange: "Exchange | None" = None,
    ) -> None:
        """Begin at once. Without a sink the bytes are read and dropped, as /dev/null does, but `heard`."""
        self._loop, self._source, self._sink, self._ended = loop, source, sink, ended
        self._meter = meter or Meter()
        self._heard = heard
        self._exchange = exchange
        self._moment: Timer | None = None
        self._kept = bytearray()
        self._eof = False
        self.done = False
        self.error: OSError | None = None
        self._loop.on_read(source.fd, self._readable)

    @property
    def sink(self) -> Channel | None:
        """Where the bytes go."""
        return self._sink

    @property
    def kept(self) -> int:
        """Bytes read and not yet written."""
        return len(self._kept)

    def stop(self) -> None:
        """Move nothing any more; what is still kept is dropped."""
        if not self.done:
            self.done = True
            self._loop.on_read(self._source.fd, None)
            if self._sink is not None:
                self._loop.on_write(self._sink.fd, None)
            self._kept.clear()
            self._ended()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self._loop.on_read(self._source.fd, None)

    def resume(self) -> None:
        """Read again, unless it is over or the sink is behind."""
        if not self.done and not self._eof and len(self._kept) < BUFFER:
            self._loop.on_read(self._source.fd, self._readable)

    def last(self) -> None:
        """Take what lies in the source as all there will ever be: every writer is known to be gone."""
        while not self.done and not self._eof and self._fill(exhausted=True):
            pass  # a sink that is behind makes it grow by what one pipe or terminal can hold, no more

    def _readable(self) -> None:
        self._fill(exhausted=False)

    def _fill(self, *, exhausted: bool) -> bool:
        """Read once and write what the sink takes; tell whether something was read."""
        try:
            data = self._source.read(CHUNK)
        except BlockingIOError:
            data = b""
            if not exhausted:
                return False
        except OSError as error:
            self._blame(error)
            data = b""  # a pty whose last slave is closed answers EIO (pty(7)); a reset connection is over
        if not data:
            self._eof = True
            self._loop.on_read(self._source.fd, None)
        if self._heard is not None:
            self._heard(data)
        more = bool(data)
        if self._exchange is not None:
            data = self._exchanged(self._exchange, data)
        self._kept += data[: self._meter.allow(len(data))] if self._sink is not None else b""
        self._flush()
        return more

    def _exchanged(self, exchange: "Exchange", data: bytes) -> bytes:
        """Give what may go on of the bytes; what is held back waits for more, or for a moment."""
        out = exchange(data) if data else exchange.finish()
        if self._moment is not None:
            self._moment.cancel()  # it was that of what was held before
        self._moment = self._loop.after(MOMENT, lambda: self._let_go(exchange)) if exchange.held else None
        return out

    def _let_go(self, exchange: "Exchange") -> None:
        if not self.done:
            self._kept += exchange.moment()
            self._flush()

    def _flush(self) -> None:
        """Write until the sink takes no more, then want it or the source again."""
        if self.done:
            return  # the meter's limit may have ended everything
        try:
            self._write_kept()
        except OSError as error:
            self._blame(error)
            self.stop()
            return
        if self._eof and not self._kept:
            self._finish()
            return
        if self._sink is not None:
            self._loop.on_write(self._sink.fd, self._flush if self._kept else None)
        if not self._eof:
            self._loop.on_read(self._source.fd, self._readable if len(self._kept) < BUFFER else None)

    def _write_kept(self) -> None:
        """Write what is kept, as far as it goes without waiting."""
        try:
            while self._kept and self._sink is not None:
                with memoryview(self._kept) as view, view[:CHUNK] as piece:
                    written = self._sink.write(piece)
                del self._kept[:written]
        except BlockingIOError:
            return

    def _finish(self) -> None:
        """Pass the end of file on."""
        if self._sink is not None:
            try:
                self._sink.finish()
            except OSError as error:
                self._blame(error)
        self.stop()

    def _blame(self, error: OSError) -> None:
        """Keep an error that is more than the other side being gone."""
        if error.errno not in GONE:
            self.error = error

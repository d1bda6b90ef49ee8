"""The three standard streams of a run, each carried by a relay between the caller's descriptor and our end inside."""

import fcntl
import os
from _collections_abc import Callable

from casemate.sandbox.native.channel import Channel, borrowed, owned
from casemate.sandbox.native.contract import Stdio
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.relay import Meter, Relay
from casemate.sandbox.native.terminal import outer_terminal
from casemate.sandbox.streams import Streams

NAMES = ("stdin", "stdout", "stderr")
LAST_WORDS = 8192  # bytes


class Carried:
    """The relays of one run. `close` ends them all; until then no end of the target's streams is missed."""

    def __init__(self, loop: Loop, stdio: Stdio, streams: Streams, meter: Meter) -> None:
        """Begin at once. The outer ends of `stdio` become ours; `meter` counts stdout and stderr together."""
        self._loop = loop
        self.master = _master(stdio, streams)
        self._pty = owned(self.master) if self.master >= 0 else None
        self._relays: dict[str, Relay] = {}
        self.last_words = b""  # the end of stderr, or of what was written on the terminal
        self._opened: list[Channel] = [self._pty] if self._pty else []
        self._begin_output(stdio, streams, meter)
        self._begin_input(stdio, streams)

    @property
    def output_done(self) -> bool:
        """Tell whether everything that was written inside has arrived outside, or cannot arrive."""
        return all(relay.done for name, relay in self._relays.items() if name != "stdin")

    @property
    def errors(self) -> tuple[str, ...]:
        """Say what stopped a stream too early."""
        return tuple(
            f"{name}: {relay.error.strerror or relay.error}" for name, relay in self._relays.items() if relay.error
        )

    @property
    def input(self) -> Relay | None:
        """The relay of standard input, if it has one."""
        return self._relays.get("stdin")

    def last(self) -> None:
        """Everybody inside is dead: read what they left, and no more input."""
        for name, relay in self._relays.items():
            if name == "stdin":
                relay.stop()
            else:
                relay.last()

    def close(self) -> None:
        """Stop every relay and close our ends."""
        for relay in self._relays.values():
            relay.stop()
        for channel in tuple(self._opened):
            self._close(channel)

    def _begin_output(self, stdio: Stdio, streams: Streams, meter: Meter) -> None:
        """Carry the pty to the caller's terminal, and each pipe to its stream."""
        if self._pty is not None:
            sink = _writable(outer_terminal(streams))
            self._carry("terminal", self._pty, self._open(sink) if sink >= 0 else None, meter)
        for number, fd in ((1, streams.stdout), (2, streams.stderr)):
            end = stdio.outer[number]
            if end not in (-1, self.master):
                self._carry(NAMES[number], self._own(end), self._open(fd), meter)

    def _begin_input(self, stdio: Stdio, streams: Streams) -> None:
        """Carry the caller's input in. Its end closes a pipe; on a terminal the end is a byte (Ctrl-D)."""
        end = stdio.outer[0]
        if end < 0:
            return
        source = self._open(streams.stdin)
        if self._pty is not None and end == self.master:
            self._relays["stdin"] = Relay(self._loop, source, self._pty, lambda: None)
            return
        sink = self._own(end)
        self._relays["stdin"] = Relay(self._loop, source, sink, lambda: self._close(sink))

    def _carry(self, name: str, source: Channel, sink: Channel | None, meter: Meter) -> None:
        """Begin one relay outwards; its end closes the source, so that whoever still writes there gets EPIPE."""
        ended: Callable[[], None] = lambda: self._ended(name, source)  # noqa: E731 -- typed, and short
        heard = self._hear if name in ("stderr", "terminal") else None
        self._relays[name] = Relay(self._loop, source, sink, ended, meter, heard=heard)

    def _hear(self, words: bytes) -> None:
        """Remember what was said last: a program that fails often says why."""
        self.last_words = (self.last_words + words)[-LAST_WORDS:]

    def _ended(self, name: str, source: Channel) -> None:
        if name == "terminal" and "stdin" in self._relays and self._pty is source and self._typed:
            self._relays["stdin"].stop()
        self._close(source)

    @property
    def _typed(self) -> bool:
        """Tell whether standard input goes to the pty."""
        return self._pty is not None and self._relays["stdin"].sink is self._pty

    def _own(self, fd: int) -> Channel:
        channel = owned(fd)
        self._opened.append(channel)
        return channel

    def _open(self, fd: int) -> Channel:
        channel = borrowed(fd)
        self._opened.append(channel)
        return channel

    def _close(self, channel: Channel) -> None:
        if channel in self._opened:
            self._opened.remove(channel)
            self._loop.forget(channel.fd)
            channel.close()


def _master(stdio: Stdio, streams: Streams) -> int:
    """Find the pty's master among our ends."""
    for end, fd in zip(stdio.outer, (streams.stdin, streams.stdout, streams.stderr), strict=True):
        if end >= 0 and os.isatty(fd):
            return end
    return -1


def _writable(fd: int) -> int:
    """Give `fd` if it may be written: a terminal that is only read from gets no echo."""
    return fd if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY else -1

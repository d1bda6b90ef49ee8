"""A private terminal for the target, and the caller's own, which is always given back as it was.

The caller's terminal is never handed in: whoever holds it can push keys into the shell that started us (TIOCSTI,
CVE-2017-5226). The target gets a pty of its own; we carry bytes and the window size. Of the caller's terminal only what
must change changes, by who else may be using it:

- input and output are terminals: fully raw, so Ctrl-C, Ctrl-Z and Ctrl-D are bytes for the inner line discipline;
- only the input is one (`casemate run … | less`): keys go in one by one and unechoed, but Ctrl-C and Ctrl-Z still make
  signals for the whole pipeline, and output processing stays, because the others write there too;
- only an output is one: nothing changes.
Where the outer terminal keeps output processing the inner one does without, or each line end would be made twice.
"""

import os

from casemate.sandbox.native.contract import Stdio
from casemate.sandbox.streams import Streams

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from casemate.sandbox.native.modes import Modes


def is_open(fd: int) -> bool:
    """Tell whether a descriptor is open; a caller may have closed its standard ones."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def terminals(streams: Streams) -> tuple[bool, bool, bool]:
    """Tell which of the three streams are terminals."""
    return os.isatty(streams.stdin), os.isatty(streams.stdout), os.isatty(streams.stderr)


def open_stdio(streams: Streams) -> Stdio:
    """Make the descriptors that become 0, 1 and 2 inside, and our ends of them.

    A pty for what is a terminal, /dev/null for what is closed, a pipe for everything else: regular files, sockets and
    devices are never handed in either, because a descriptor reaches past every mount and every rule of the new root.
    """
    ttys = terminals(streams)
    master, slave = _private(streams) if any(ttys) else (-1, -1)
    inner, outer = [-1, -1, -1], [-1, -1, -1]
    try:
        for number, (fd, tty) in enumerate(zip((streams.stdin, streams.stdout, streams.stderr), ttys, strict=True)):
            if tty:
                inner[number], outer[number] = slave, master
            elif not is_open(fd):
                inner[number] = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            else:
                reader, writer = os.pipe2(os.O_CLOEXEC)
                inner[number], outer[number] = (reader, writer) if number == 0 else (writer, reader)
    except OSError:  # no descriptors are left
        for fd in {*inner, *outer, master, slave} - {-1}:
            os.close(fd)
        raise
    return Stdio((inner[0], inner[1], inner[2]), (outer[0], outer[1], outer[2]), slave)


def close_inner(stdio: Stdio) -> None:
    """Close what the tree has inherited: while we hold an inner end, its other end never sees the end of file."""
    for fd in {*stdio.inner, stdio.terminal} - {-1}:
        os.close(fd)


def _private(streams: Streams) -> tuple[int, int]:
    """Open a pty that looks like the caller's terminal: same modes, same size."""
    master, slave = os.openpty()
    stdin_tty, stdout_tty, _ = terminals(streams)
    like = outer_terminal(streams)
    from casemate.sandbox.native import modes  # noqa: PLC0415 -- only where there is a terminal

    # In the background the terminal is in the modes of whoever is in front: a shell that edits a line has it raw
    modes.copy_modes(like if in_foreground(like) else slave, slave, plain_output=not (stdin_tty and stdout_tty))
    modes.copy_size(like, master)
    return master, slave


def outer_terminal(streams: Streams) -> int:
    """Give the descriptor of the caller's terminal that output goes to: stdout, or else stderr, or else stdin."""
    for fd in (streams.stdout, streams.stderr, streams.stdin):
        if os.isatty(fd):
            return fd
    return -1


def in_foreground(terminal: int) -> bool:
    """Tell whether this process belongs to the foreground job of a terminal."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True  # not our controlling terminal, so there is no job control on it


def copy_size(source: int, target: int) -> None:
    """Give one terminal the window size of another."""
    from casemate.sandbox.native import modes  # noqa: PLC0415 -- only where there is a terminal

    modes.copy_size(source, target)


class Outer:
    """The caller's terminal while a run lasts: raw inside `with`, as before afterwards, whatever happens."""

    def __init__(self, streams: Streams) -> None:
        """Look at the streams; nothing changes yet."""
        stdin_tty, stdout_tty, _ = terminals(streams)
        self.fd = streams.stdin if stdin_tty else -1
        self._all = stdout_tty
        self._saved: Modes | None = None

    @property
    def foreground(self) -> bool:
        """Tell whether the terminal is ours to read; a background job that touches it is stopped by the kernel."""
        return self.fd >= 0 and in_foreground(self.fd)

    def __enter__(self) -> "Self":
        """Go raw if in the foreground."""
        self.raw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: "TracebackType | None"
    ) -> None:
        """Give the terminal back."""
        self.restore()

    def raw(self) -> None:
        """Change only what must change (see above). Does nothing in the background, or twice."""
        if self.fd < 0 or self._saved is not None or not self.foreground:
            return
        from casemate.sandbox.native.modes import make_raw  # noqa: PLC0415 -- only where there is a terminal

        self._saved = make_raw(self.fd, everything=self._all)

    def again(self) -> None:
        """Forget that it is raw: somebody stopped us and used the terminal meanwhile."""
        if self._saved is not None and self.foreground:
            saved, self._saved = self._saved, None
            self.raw()
            self._saved = saved

    def restore(self) -> None:
        """Give the terminal its own modes back. Does nothing where they were not changed."""
        saved, self._saved = self._saved, None
        if saved is None:
            return
        from casemate.sandbox.native.modes import put_back  # noqa: PLC0415 -- likewise

        put_back(self.fd, saved)

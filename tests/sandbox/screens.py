"""A terminal with somebody in front of it: what is typed, what is on the screen."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time

from tests.sandbox.outer import start


class Screen:
    """The user's side of a terminal, with casemate as the foreground job of a session of its own."""

    def __init__(self) -> None:  # noqa: D107 -- a test helper
        self.master, self.slave = os.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def start(self, command: list[str], **streams: object) -> "subprocess.Popen[bytes]":
        """Start with the terminal as every stream that is not given, and as the controlling terminal."""

        def lead() -> None:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

        whole = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **streams}
        return start(command, preexec_fn=lead, pass_fds=(self.slave,), **whole)

    def wait_for(self, text: str, seconds: float = 15) -> bytes:
        """Read the screen until a pattern is on it; give what was read."""
        deadline = time.monotonic() + seconds
        while not re.search(text.encode(), self.seen, re.DOTALL):
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} never came; the screen: {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 65536)
        seen, self.seen = self.seen, b""
        return seen

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def modes(self) -> list[object]:
        return list(termios.tcgetattr(self.slave))


def use_the_prompt(screen: Screen, *, seconds: float = 15) -> None:
    """Compute something at Python's prompt, burn time there, and interrupt that; `seconds` is how long it may start."""
    screen.wait_for(">>> ", seconds)
    screen.type(b"6 * 7\r")
    screen.wait_for(r"42\r\n>>> ")
    screen.type(b"while True: pass\r\r")
    time.sleep(0.5)
    screen.type(b"\x03")
    screen.wait_for("KeyboardInterrupt")

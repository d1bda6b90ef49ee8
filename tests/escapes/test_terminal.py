"""A program must not type into the shell that started it: CVE-2017-5226 (bubblewrap), CVE-2016-2779 (runuser)."""

import os
import pty
import threading

from confining import EMPTY, PYTHON, probe

from casemate.model.sandbox import Command
from casemate.sandbox import Streams, confine

IOCTLS = {"TIOCSTI": (0x5412, b"x"), "TIOCLINUX": (0x541C, b"\3"), "TIOCSETD": (0x5423, b"\0" * 4)}


def on_a_terminal(code: str) -> str:
    """Run confined with a terminal on all three streams; give what it showed."""
    master, slave = pty.openpty()
    shown = list[bytes]()

    def read() -> None:
        try:
            while part := os.read(master, 4096):
                shown.append(part)
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    command = Command((str(PYTHON), "-I", "-S", "-c", code), str(PYTHON), "/")
    confine(command, EMPTY, environment={}, streams=Streams(slave, slave, slave))
    os.close(slave)
    reader.join(10)
    os.close(master)
    return b"".join(shown).decode()


def test_pushing_keys_into_the_terminal() -> None:
    for request, argument in IOCTLS.values():
        said = on_a_terminal(probe(f"import fcntl; fcntl.ioctl(0, {request}, {argument!r})"))
        assert "refused PermissionError 1 " in said


def test_the_high_half_of_the_request_does_not_hide_it() -> None:
    """CVE-2019-7303 (snapd): the kernel looks at 32 bits of the request, the filter looked at 64."""
    said = on_a_terminal(probe("syscall(16, 29, 0, 0x100005412, b'x')"))
    assert "refused PermissionError 1 " in said


def test_the_terminal_is_a_private_one_and_works() -> None:
    said = on_a_terminal(
        "import os; print(os.isatty(0), os.tcgetpgrp(0) == os.getpgrp(), os.get_terminal_size()[0] >= 0)"
    )
    assert "True True True" in said

"""A terminal of the program's own in the guest, of which the driver shows what is written."""
# ruff: noqa: PTH102, PTH112 -- pathlib is not in the guest

import fcntl
import os
import struct
import termios

from casemate.sandbox.native import mounting as m

TIOCSPTLCK, TIOCGPTN = 0x40045431, 0x80045430  # ioctl_tty(2): unlock the other end, give its number


def opened(rows: int, columns: int) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Open a pty; give the program's three streams, and our end of it as input and output."""
    if not os.path.isdir("/dev/pts"):
        os.mkdir("/dev/pts")
    m.mount("devpts", "/dev/pts", "devpts", m.MS_NOSUID | m.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0600,uid=1000")
    master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    number = struct.unpack("I", fcntl.ioctl(master, TIOCGPTN, bytes(4)))[0]
    slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    resize(master, struct.pack("4H", rows, columns, 0, 0))
    return (slave, slave, slave), (master, master)


def resize(master: int, size: bytes) -> None:
    """Give the terminal another size: rows, columns, and two numbers that nobody uses (ioctl_tty(2))."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, size)


def pipes() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Make three pipes; give the program's ends of them, and ours."""
    stdin, give = os.pipe2(os.O_CLOEXEC)
    take, stdout = os.pipe2(os.O_CLOEXEC)
    hear, stderr = os.pipe2(os.O_CLOEXEC)
    return (stdin, stdout, stderr), (give, take, hear)

"""What is changed of a terminal, by termios(3): loaded only where one of the three streams is a terminal."""

import fcntl
import struct
import termios

IFLAG, OFLAG, LFLAG, CC = 0, 1, 3, 6  # places in what tcgetattr gives
RAW_BREAK = termios.IGNBRK | termios.BRKINT | termios.PARMRK
RAW_IN = RAW_BREAK | termios.ISTRIP | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
RAW_LOCAL = termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN
NO_SIZE = b"\0" * 8

Modes = list[int | list[bytes | int]]


def copy_modes(source: int, target: int, *, plain_output: bool) -> None:
    """Give one terminal the modes of another; with `plain_output` it does not touch what is written."""
    modes = termios.tcgetattr(source)
    if plain_output:
        modes[OFLAG] &= ~termios.OPOST
    termios.tcsetattr(target, termios.TCSANOW, modes)


def copy_size(source: int, target: int) -> None:
    """Give one terminal the window size of another; the kernel tells the target with SIGWINCH (ioctl_tty(2))."""
    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, NO_SIZE)
        fcntl.ioctl(target, termios.TIOCSWINSZ, struct.pack("4H", *struct.unpack("4H", size)))
    except OSError:
        return  # the terminal went away; its hang-up is noticed where bytes are read


def make_raw(terminal: int, *, everything: bool) -> Modes:
    """Let bytes through as they come, with `everything` also those out and those that make signals; give the modes."""
    saved, modes = termios.tcgetattr(terminal), termios.tcgetattr(terminal)
    modes[IFLAG] &= ~RAW_IN
    modes[LFLAG] &= ~RAW_LOCAL
    if everything:
        modes[OFLAG] &= ~termios.OPOST
        modes[LFLAG] &= ~termios.ISIG
    modes[CC][termios.VMIN], modes[CC][termios.VTIME] = 1, 0
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    return saved


def put_back(terminal: int, saved: Modes) -> None:
    """Give a terminal its own modes back."""
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, saved)
    except (OSError, termios.error):
        return  # hung up: there is no terminal left to restore

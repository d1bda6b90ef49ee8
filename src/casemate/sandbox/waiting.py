"""A run that waits: all is made but the program's own start, and then it is told further arguments, once.

They come on standard input, before the program's own: a line with a number of bytes, and so many bytes, in which each
argument ends with a NUL byte.
"""

import os
from _collections_abc import Sequence

MOST = 128 * 1024  # bytes of all further arguments
LONGEST_LINE = 8
RESERVED = 16 * MOST  # bytes of memory for a whole argument vector of which each word may be one byte


def told(descriptor: int) -> tuple[bytes, ...]:
    """Wait for the arguments; not one byte more is read. Raises ValueError, EOFError for who is let go before."""
    line = b""
    while not line.endswith(b"\n"):
        if len(line) > LONGEST_LINE:
            raise ValueError("a line with a number of bytes is expected on standard input")
        if not (byte := os.read(descriptor, 1)):
            raise EOFError("standard input ended before the arguments came")
        line += byte
    if not line[:-1].isdigit() or int(line) > MOST:
        raise ValueError(f"up to {MOST} bytes of arguments can be told, not {line[:-1]!r}")
    return _split(_whole(descriptor, int(line)))


def _whole(descriptor: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        if not (part := os.read(descriptor, length - len(data))):
            raise EOFError("standard input ended before the arguments came")
        data += part
    return data


def _split(data: bytes) -> tuple[bytes, ...]:
    if data and not data.endswith(b"\0"):
        raise ValueError("each argument ends with a NUL byte")
    return tuple(data.split(b"\0")[:-1])


def telling(arguments: Sequence[str]) -> bytes:
    """Spell arguments for `told`. Raises ValueError for what cannot be told."""
    data = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
    if len(data) > MOST or data.count(b"\0") != len(arguments):
        raise ValueError(f"up to {MOST} bytes of arguments can be told, none with a NUL byte")
    return b"%d\n" % len(data) + data

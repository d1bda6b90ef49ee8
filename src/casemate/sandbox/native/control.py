"""The control channel between P and the steward: short words, each with a descriptor or without one; unix(7).

By the module in C below `socket`, which alone takes as long to load as everything else of the standard library here.
"""

import _socket
import os
import struct

LONGEST = 256  # bytes of a word
ONE = struct.calcsize("i")


def pair() -> tuple[int, int]:
    """Make a channel; give both of its ends, close-on-exec."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    return ours.detach(), theirs.detach()


def say(channel: int, word: str) -> None:
    """Send a word. Raises OSError where nobody listens."""
    end = _socket.socket(fileno=channel)
    try:
        end.send(word.encode())
    finally:
        end.detach()


def hand(channel: int, word: str, descriptor: int) -> None:
    """Send a descriptor with a word that says what it is, and let go of it."""
    end = _socket.socket(fileno=channel)
    try:
        end.sendmsg([word.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", descriptor))])
    finally:
        end.detach()
    os.close(descriptor)


def receive(channel: int) -> tuple[str, int]:
    """Wait for a word, and give it with the descriptor that came along, or -1; "" where the other end is gone."""
    end = _socket.socket(fileno=channel)
    try:
        word, ancillary, _, _ = end.recvmsg(LONGEST, _socket.CMSG_LEN(ONE), _socket.MSG_CMSG_CLOEXEC)
    finally:
        end.detach()
    handed = [data for level, kind, data in ancillary if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)]
    return word.decode(), struct.unpack("i", handed[0])[0] if handed else -1

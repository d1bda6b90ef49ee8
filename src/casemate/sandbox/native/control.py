"""The control channel between P and the steward: short words, each with a descriptor or without one; unix(7).

By the module in C below `socket`, which alone takes as long to load as everything else of the standard library here;
and not even that one is loaded where no descriptor is handed.
"""

import os

from casemate.sandbox.native import kernel as k

LONGEST = 256  # bytes of a word
AF_UNIX, SOCK_SEQPACKET, SOCK_CLOEXEC = 1, 5, 0o2000000


def pair() -> tuple[int, int]:
    """Make a channel; give both of its ends, close-on-exec."""
    return k.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)


def say(channel: int, word: str) -> None:
    """Send a word. Raises OSError where nobody listens."""
    os.write(channel, word.encode())


def hear(channel: int) -> str:
    """Wait for a word without a descriptor; "" where the other end is gone."""
    return os.read(channel, LONGEST).decode()


def hand(channel: int, word: str, descriptor: int) -> None:
    """Send a descriptor with a word that says what it is, and let go of it."""
    import _socket  # noqa: PLC0415 -- see above

    end = _socket.socket(fileno=channel)
    try:
        end.sendmsg([word.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor.to_bytes(4, "little"))])
    finally:
        end.detach()
    os.close(descriptor)


def receive(channel: int) -> tuple[str, int]:
    """Wait for a word, and give it with the descriptor that came along, or -1; "" where the other end is gone."""
    import _socket  # noqa: PLC0415 -- see above

    end = _socket.socket(fileno=channel)
    try:
        word, ancillary, _, _ = end.recvmsg(LONGEST, _socket.CMSG_LEN(4), _socket.MSG_CMSG_CLOEXEC)
    finally:
        end.detach()
    handed = [data for level, kind, data in ancillary if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)]
    return word.decode(), int.from_bytes(handed[0], "little") if handed else -1

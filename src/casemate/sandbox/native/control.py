"""The control channel between P and the steward: short words, each with a descriptor or without one; unix(7).

Without `socket`, which alone takes as long to load as everything else of the standard library here.
"""

import os
from errno import EMFILE

from casemate.model.small import suppress
from casemate.sandbox.native import kernel as k

LONGEST = 256  # bytes of a word
AF_UNIX, SOCK_SEQPACKET, SOCK_CLOEXEC, SOL_SOCKET, SCM_RIGHTS, MSG_CMSG_CLOEXEC = 1, 5, 0o2000000, 1, 1, 1 << 30
ONE_DESCRIPTOR = k.words(8, 20) + k.words(4, SOL_SOCKET, SCM_RIGHTS)  # struct cmsghdr, cmsg(3); the number follows


def pair() -> tuple[int, int]:
    """Make a channel; give both of its ends, close-on-exec."""
    return k.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)


def say(channel: int, word: str) -> None:
    """Send a word. Raises OSError where nobody listens."""
    os.write(channel, word.encode())


def hear(channel: int) -> str:
    """Wait for a word without a descriptor; "" where the other end is gone."""
    return os.read(channel, LONGEST).decode()


def end(channel: int) -> None:
    """Let nobody say or hear anything any more, whoever else holds a copy of a descriptor: shutdown(2)."""
    with suppress(OSError):  # the other end is gone
        k.shutdown(channel)


def hand(channel: int, word: str, descriptor: int) -> None:
    """Send a descriptor with a word that says what it is, and let go of it."""
    k.send(channel, word.encode(), ONE_DESCRIPTOR + descriptor.to_bytes(8, "little"))
    os.close(descriptor)


def receive(channel: int) -> tuple[str, int]:
    """Wait for a word, and give it with the descriptor that came along, or -1; "" where the other end is gone.

    Raises OSError where there is no room for what came along: the limit of descriptors is reached.
    """
    word, ancillary, whole = k.receive(channel, LONGEST, len(ONE_DESCRIPTOR) + 4, MSG_CMSG_CLOEXEC)
    came = ancillary.startswith(ONE_DESCRIPTOR)
    descriptor = int.from_bytes(ancillary[len(ONE_DESCRIPTOR) :], "little") if came else -1
    if not whole:
        if came:
            os.close(descriptor)
        raise OSError(EMFILE, os.strerror(EMFILE))
    return word.decode(), descriptor

"""How the driver and the guest speak: frames of one letter, a length, and bytes; the same at both ends of the port.

What the guest sends is read as words of a hostile program: a letter that is not known there, a length above the limit
and more than was allowed end the run. Numbers have four bytes, the lowest first.
"""

from collections.abc import Iterator

from casemate.model.words import StrEnum

HEAD = 5  # bytes: the letter, and the length
PIECE = 32768  # bytes of a stream in one frame: what virtio-console takes at once (drivers/char/virtio_console.c)
WINDOW = 4 * PIECE  # bytes of a stream that may be on the way before the other end has taken them
LARGEST_JOB = 16 << 20  # bytes: the kernel's own limit for arguments is 6 MiB (execve(2))
LARGEST_ANSWER = 1 << 16  # bytes
LARGEST_DATAGRAM = 4096  # bytes: what a resolver says it takes (EDNS)


class Kind(StrEnum):
    """What a frame holds; CONNECTION is the number of one, in every frame about it."""

    STANDS = "R"  # the guest is ready: the release of its kernel
    JOB = "J"  # JSON
    INPUT = "I"
    TAKEN = "C"  # how much of the input the program took: so much more may come
    END = "E"  # of the input
    SIGNAL = "S"  # for the program: its number
    SIZE = "W"  # of the window: rows and columns
    OUTPUT = "O"
    ERRORS = "X"
    ANSWER = "A"  # JSON: how it ended
    OPEN = "o"  # CONNECTION, and which of the granted ones it is
    BYTES = "b"  # CONNECTION, data
    MORE = "m"  # CONNECTION, how much of it was taken
    DONE = "d"  # CONNECTION: no more data that way
    GONE = "g"  # CONNECTION: it is over
    QUESTION = "q"  # number, datagram for the resolver
    REPLY = "r"  # number, its answer


LARGEST = {  # bytes
    Kind.STANDS: 256,
    Kind.JOB: LARGEST_JOB,
    Kind.INPUT: PIECE,
    Kind.TAKEN: 4,
    Kind.END: 0,
    Kind.SIGNAL: 1,
    Kind.SIZE: 8,
    Kind.OUTPUT: PIECE,
    Kind.ERRORS: PIECE,
    Kind.ANSWER: LARGEST_ANSWER,
    Kind.OPEN: 8,
    Kind.BYTES: 4 + PIECE,
    Kind.MORE: 8,
    Kind.DONE: 4,
    Kind.GONE: 4,
    Kind.QUESTION: 4 + LARGEST_DATAGRAM,
    Kind.REPLY: 4 + LARGEST_DATAGRAM,
}
BOTH_WAYS = (Kind.OPEN, Kind.BYTES, Kind.MORE, Kind.DONE, Kind.GONE)
TO_GUEST = (Kind.JOB, Kind.INPUT, Kind.END, Kind.SIGNAL, Kind.SIZE, Kind.REPLY, *BOTH_WAYS)
FROM_GUEST = (Kind.STANDS, Kind.TAKEN, Kind.OUTPUT, Kind.ERRORS, Kind.ANSWER, Kind.QUESTION, *BOTH_WAYS)


class Garbled(ValueError):  # noqa: N818 -- it says what the frame is
    """What came is not what may come."""


def packed(kind: Kind, data: bytes = b"") -> bytes:
    """Give a frame."""
    return kind.encode() + number(len(data)) + data


def number(value: int) -> bytes:
    """Spell a number."""
    return value.to_bytes(4, "little")


def numbers(data: bytes, count: int = 1) -> tuple[int, ...]:
    """Read the numbers at the beginning of a frame. Raises Garbled where it is too short."""
    if len(data) < 4 * count:
        raise Garbled("a frame that is too short")
    return tuple(int.from_bytes(data[at : at + 4], "little") for at in range(0, 4 * count, 4))


class Reader:
    """Takes bytes as they come and gives whole frames; only those of the kinds in `known` may come."""

    def __init__(self, known: tuple[Kind, ...]) -> None:
        """Begin with nothing."""
        self._known = {kind.encode()[0]: kind for kind in known}
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Yield the frames that are complete now. Raises Garbled; then nothing that follows means anything."""
        self._kept += data
        while len(self._kept) >= HEAD:
            kind = self._known.get(self._kept[0])
            if kind is None:
                raise Garbled(f"a frame that begins with {self._kept[0]}")
            end = HEAD + int.from_bytes(self._kept[1:HEAD], "little")
            if end - HEAD > LARGEST[kind]:
                raise Garbled(f"a frame {kind} of {end - HEAD} bytes")
            if len(self._kept) < end:
                return
            frame = bytes(self._kept[HEAD:end])
            del self._kept[:end]
            yield kind, frame

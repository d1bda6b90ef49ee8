"""DNS messages, as far as a resolver that knows a handful of names needs them (RFC 1035): bytes in, bytes out.

The query is hostile: it comes from inside. Nothing here raises for any bytes; what is no query gets no answer.
"""

import ipaddress
import struct
from collections.abc import Mapping
from enum import IntEnum

from casemate.model.dataclass import dataclass

HEADER = struct.Struct("!6H")
QUESTION_END = struct.Struct("!2H")
A, PTR, AAAA, ANY = 1, 12, 28, 255
IN = 1
TTL = 60  # seconds; a virtual address means the same name for the whole run, so this only spares queries
POINTER = b"\xc0\x0c"  # the name of the question, at offset 12
MAX_NAME = 255  # octets on the wire


class Code(IntEnum):
    """RFC 1035 §4.1.1."""

    OK = 0
    MALFORMED = 1
    NO_SUCH_NAME = 3
    NOT_IMPLEMENTED = 4
    REFUSED = 5


@dataclass(frozen=True, slots=True)
class Zone:
    """Which names exist, in lower case, and the addresses that stand for them inside ("" = none of that family)."""

    names: Mapping[str, tuple[str, str]]

    @property
    def reverse(self) -> Mapping[str, str]:
        """Give the in-addr.arpa name of each IPv4 address, and the name it stands for."""
        return {ipaddress.ip_address(v4).reverse_pointer: name for name, (v4, _) in self.names.items() if v4}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back (None: nothing), and the name that was asked for and is not granted."""

    message: bytes | None
    denied: str = ""


def answer(query: bytes, zone: Zone) -> Reply:
    """Answer one query from the zone. Never raises."""
    if len(query) < HEADER.size:
        return Reply(None)
    ident, flags, questions, *_ = HEADER.unpack_from(query)
    if flags & 0x8000:  # an answer: replying to those makes loops
        return Reply(None)
    if flags & 0x7800:
        return Reply(_message(ident, flags, Code.NOT_IMPLEMENTED))
    parsed = _question(query) if questions == 1 else None
    if parsed is None:
        return Reply(_message(ident, flags, Code.MALFORMED))
    name, end = parsed
    kind, family = QUESTION_END.unpack_from(query, end)
    code, record = _look(zone, name, kind) if family == IN else (Code.REFUSED, b"")
    message = _message(ident, flags, code, query[HEADER.size : end + QUESTION_END.size], record)
    return Reply(message, name if code is Code.NO_SUCH_NAME and kind != PTR else "")


def _look(zone: Zone, name: str, kind: int) -> tuple[Code, bytes]:
    """Find the answer in the zone. Looking for the name of an address is a habit of libraries, and no attempt."""
    if name in zone.names:
        return Code.OK, _record(kind, zone.names[name])
    there = zone.reverse.get(name) if kind == PTR else None
    return (Code.OK, _pointer(there)) if there else (Code.NO_SUCH_NAME, b"")


def _question(query: bytes) -> tuple[str, int] | None:
    r"""Read the name of the first question and where it ends; None for what RFC 1035 does not allow there.

    A compression pointer has nothing to point to in a first question. Bytes that are no printable ASCII are shown as
    \DDD (RFC 1035 §5.1), and so is a dot inside a label, so that no two names look alike.
    """
    labels: list[str] = []
    at = HEADER.size
    while at < len(query) and (length := query[at]):
        if length > 63 or at + length + 2 - HEADER.size > MAX_NAME:
            return None
        labels.append("".join(map(_shown, query[at + 1 : at + 1 + length])))
        at += 1 + length
    if at + 1 + QUESTION_END.size > len(query):
        return None
    return ".".join(labels), at + 1


def _shown(byte: int) -> str:
    """Show one byte of a label; case does not count in a name."""
    return chr(byte).lower() if 0x21 <= byte <= 0x7E and byte not in b'.\\"' else f"\\{byte:03d}"


def _record(kind: int, addresses: tuple[str, str]) -> bytes:
    """Make the answer section: the address of the kind that was asked for, or nothing (the name exists, though)."""
    v4, v6 = addresses
    wanted = {A: (A, v4), ANY: (A, v4), AAAA: (AAAA, v6)}.get(kind)
    if wanted is None or not wanted[1]:
        return b""
    packed = ipaddress.ip_address(wanted[1]).packed
    return POINTER + struct.pack("!HHIH", wanted[0], IN, TTL, len(packed)) + packed


def _pointer(name: str) -> bytes:
    """Make a PTR record to `name`."""
    wire = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"
    return POINTER + struct.pack("!HHIH", PTR, IN, TTL, len(wire)) + wire


def _message(ident: int, flags: int, code: Code, asked: bytes = b"", record: bytes = b"") -> bytes:
    """Put a reply together: authoritative, recursion available, the question repeated as it was written."""
    flags = 0x8480 | flags & 0x0100 | code
    return HEADER.pack(ident, flags, 1 if asked else 0, 1 if record else 0, 0, 0) + asked + record

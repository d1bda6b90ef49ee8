"""Granted HOST:PORT texts → the addresses that stand for them inside."""

import socket
from collections.abc import Iterable

from casemate.model.errors import PolicyError
from casemate.sandbox.native.contract import Endpoint, Forward

FIRST = (198 << 24) + (18 << 16) + 2  # 198.18.0.1 is left free
ROOM = 1 << 16  # names in one policy


def split(text: str) -> tuple[str, int]:
    """Split HOST:PORT, [IPV6]:PORT. Raises PolicyError where it is neither."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise PolicyError(f"{text!r} is not HOST:PORT")
    return host.strip("[]").lower().rstrip("."), int(port)


def family(host: str) -> int:
    """Give 4 or 6 for a literal IP address, 0 for a name."""
    for kind, number in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
        try:
            socket.inet_pton(kind, host)
        except OSError:
            continue
        return number
    return 0


def endpoints(grants: Iterable[str]) -> tuple[Endpoint, ...]:
    """Assign an address to each granted name, the same for all its ports; a literal address stands for itself."""
    names = dict[str, int]()
    found = list[Endpoint]()
    for host, port in dict.fromkeys(split(text) for text in grants):
        if kind := family(host):
            found.append(Endpoint(host, port, host if kind == 4 else "", host if kind == 6 else "", literal=True))
        elif host == "localhost":  # /etc/hosts inside answers for it
            found.append(Endpoint(host, port, "127.0.0.1", "::1"))
        else:
            nth = names.setdefault(host, len(names))
            found.append(Endpoint(host, port, *_virtual(nth)))
    return tuple(found)


def forwards(grants: Iterable[str]) -> tuple[Forward, ...]:
    """Give the ports that are forwarded in."""
    split_grants = dict.fromkeys(split(text) for text in grants)
    return tuple(Forward(host, port, 6 if family(host) == 6 else 4) for host, port in split_grants)


def _virtual(nth: int) -> tuple[str, str]:
    if nth >= ROOM:
        raise PolicyError(f"more than {ROOM} names are granted")
    return socket.inet_ntoa((FIRST + nth).to_bytes(4, "big")), f"fd00:ca5e::{nth + 2:x}"

"""Granted HOST:PORT texts → the addresses that stand for them inside."""

import socket
from collections.abc import Iterable

from casemate.model.errors import PolicyError
from casemate.model.secret import Secret
from casemate.sandbox.native.contract import Endpoint, Forward

FIRST = (198 << 24) + (18 << 16) + 2  # 198.18.0.1 is left free
ROOM = 1 << 16  # names in one policy
LOCALHOST, LOOPBACK = "localhost", ("127.0.0.1", "::1")


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
    """Assign an address to each granted name, the same for all its ports; a literal address stands for itself.

    `localhost` has both addresses that /etc/hosts inside gives it; where one of these is granted as well, with the same
    port, that says nothing more.
    """
    names, found = dict[str, int](), dict[tuple[str, int], Endpoint]()
    split_grants = dict.fromkeys(split(text) for text in grants)
    for host, port in split_grants:
        if kind := family(host):
            address = _as_the_kernel_writes_it(kind, host)
            if address not in LOOPBACK or (LOCALHOST, port) not in split_grants:
                made = Endpoint(host, port, address if kind == 4 else "", address if kind == 6 else "", literal=True)
                found.setdefault((address, port), made)
        elif host == LOCALHOST:
            found[host, port] = Endpoint(host, port, *LOOPBACK)
        else:
            nth = names.setdefault(host, len(names))
            found[host, port] = Endpoint(host, port, *_virtual(nth))
    return tuple(found.values())


def refuse_another_name(secret: Secret, found: Iterable[Endpoint]) -> None:
    """Raise PolicyError for a secret to a host that is granted by two names, when the other one stands for both."""
    if split(secret.to) not in {(one.host, one.port) for one in found}:
        raise PolicyError(
            f"env.secret {secret.name}: {secret.to} is granted by another name too (localhost, or another spelling of "
            "the address): take one of them out of net.connect"
        )


def forwards(grants: Iterable[str]) -> tuple[Forward, ...]:
    """Give the ports that are forwarded in."""
    split_grants = dict.fromkeys(split(text) for text in grants)
    return tuple(Forward(host, port, 6 if family(host) == 6 else 4) for host, port in split_grants)


def _as_the_kernel_writes_it(kind: int, host: str) -> str:
    """Give the one form of an address that has several: `[0:0:0:0:0:0:0:1]` is `::1`."""
    here = socket.AF_INET if kind == 4 else socket.AF_INET6
    return socket.inet_ntop(here, socket.inet_pton(here, host))


def _virtual(nth: int) -> tuple[str, str]:
    if nth >= ROOM:
        raise PolicyError(f"more than {ROOM} names are granted")
    return socket.inet_ntoa((FIRST + nth).to_bytes(4, "big")), f"fd00:ca5e::{nth + 2:x}"

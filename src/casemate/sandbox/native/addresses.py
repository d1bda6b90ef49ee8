"""Which addresses the broker may dial for a name, judged on the address itself and never on the name.

Whoever answers for a granted name chooses its address (DNS rebinding, CWE-350), so a name never reaches what belongs to
this host or its link: loopback, the host's own addresses, link-local, cloud metadata, multicast, reserved blocks, and
the IPv6 forms that carry such an IPv4 address. A policy that wants one of these writes the address (or `localhost`).
Private networks (RFC 1918, RFC 4193) are what many granted names mean, and stay allowed.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAME_LENGTH = 253  # RFC 1035 §2.3.4, without the final dot
# Letters, digits, hyphen (RFC 952, RFC 1123 §2.1); the underscore is common in private zones and ambiguous to nobody.
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
ADDRESS_LIKE = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.ASCII)  # a last label that inet_aton(3) takes for a number

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, GCP, OpenStack, Hetzner …
        "169.254.170.2",  # ECS task credentials
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure wire server
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
REFUSED = tuple(
    (ipaddress.ip_network(text), why)
    for text, why in (
        ("0.0.0.0/8", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("198.18.0.0/15", "the block that stands for granted names"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("::ffff:0:0/96", "an IPv4 address in IPv6 form"),
        ("::/96", "an IPv4 address in IPv6 form"),
        ("::ffff:0:0:0/96", "an IPv4 address in IPv6 form"),  # RFC 7915
        ("64:ff9b:1::/48", "an IPv4 address in IPv6 form"),  # RFC 8215, and where in it depends on the network
    )
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are dialled as IPv4 by a gateway
LOCALHOST = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


def invalid(host: str) -> str:
    """Say why `host` is no name that may be resolved, or "" (it may). Literal addresses are no names."""
    if not host or len(host) > NAME_LENGTH:
        return "empty or longer than 253 characters"
    labels = host.split(".")
    if not all(LABEL.fullmatch(label) for label in labels):
        return "not made of letters, digits, hyphens and dots"
    if ADDRESS_LIKE.fullmatch(labels[-1]):
        return "reads as a number, which is an address to some programs"
    return ""


def literal(host: str) -> Address | None:
    """Give the address that `host` is, or None where it is a name. A zone (`%eth0`) makes it neither."""
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def refusal(address: Address) -> str:
    """Say why a name may not lead to `address`, or "" (it may)."""
    for carried in (address, *_carried(address)):
        if carried in METADATA:
            return "cloud metadata"
        for network, why in REFUSED:
            if carried.version == network.version and carried in network:
                return why
        if own(carried):
            return "an address of this host"
    return ""


def _carried(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that an IPv6 address makes somebody dial: NAT64, 6to4 (RFC 3056), Teredo (RFC 4380)."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address in NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def own(address: Address) -> bool:
    """Tell whether `address` belongs to this host: only to such a one can a socket be bound (ip(7)).

    With net.ipv4.ip_nonlocal_bind=1 that is true of all, and then no name leads anywhere: closed, not open.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True

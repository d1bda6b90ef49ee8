"""The net namespace where something is granted: virtual addresses are local, and there are sockets for the broker.

Only rtnetlink(7) and sockets; the target never meets anything of ours here but the kernel.
"""

import _socket as socket  # in C: `socket` itself takes its time
import _struct as struct
from _collections_abc import Iterator

from casemate.sandbox.native.contract import RESOLVER, VIRTUAL, VIRTUAL6, Endpoint, Listener, Resolver, Transport
from casemate.sandbox.native.loopback import ACK, LOOPBACK, REQUEST, ask

RTM_NEWROUTE = 24
CREATE, REPLACE = 0x400, 0x100
RTA_DST, RTA_OIF, TABLE_LOCAL, BOOT, HOST_SCOPE, LINK_LOCAL_TYPE = 1, 4, 255, 3, 254, 2
BACKLOG = 128
IPV6_FREEBIND = 78  # linux/in6.h


def make_local(network: str) -> None:
    """Add `local NETWORK dev lo`: a packet to any address of it comes back to this namespace."""
    address, _, length = network.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    prefix = int(length or len(packed) * 8)
    head = struct.pack("=8BI", family, prefix, 0, 0, TABLE_LOCAL, BOOT, HOST_SCOPE, LINK_LOCAL_TYPE, 0)
    body = struct.pack("=HH", 4 + len(packed), RTA_DST) + packed + struct.pack("=HHi", 8, RTA_OIF, LOOPBACK)
    ask(RTM_NEWROUTE, REQUEST | ACK | CREATE | REPLACE, head + body)


def set_up(endpoints: tuple[Endpoint, ...]) -> bool:
    """Make every granted address local; tell whether IPv6 works here."""
    make_local(VIRTUAL)
    has_six = _try_six()
    for endpoint in endpoints:
        literal = endpoint.address or endpoint.address6
        if endpoint.literal and not literal.startswith("127.") and literal != "::1":
            make_local(literal)
    return has_six


def _try_six() -> bool:
    try:
        make_local(VIRTUAL6)
    except OSError:
        return False  # no IPv6 on this host: names are answered with A records only
    return True


def resolvers() -> Iterator[Resolver]:
    """Make the sockets that answer for names; the steward is privileged in its namespace, so port 53 is free to it."""
    for transport, kind in ((Transport.UDP, socket.SOCK_DGRAM), (Transport.TCP, socket.SOCK_STREAM)):
        made = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        made.bind((RESOLVER, 53))
        if transport is Transport.TCP:
            made.listen(BACKLOG)
        yield Resolver(made.detach(), transport)


def listeners(endpoints: tuple[Endpoint, ...], *, six: bool) -> Iterator[Listener]:
    """Make one listening socket for each address and port that stands for a grant."""
    for endpoint in endpoints:
        if endpoint.address:
            yield Listener(_listen(socket.AF_INET, endpoint.address, endpoint.port), endpoint)
        if endpoint.address6 and (six or endpoint.literal):
            yield Listener(_listen(socket.AF_INET6, endpoint.address6, endpoint.port), endpoint)


def _listen(family: int, address: str, port: int) -> int:
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)  # a route makes it local, without an address on lo
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(BACKLOG)
    return made.detach()


def connect(family: int, port: int) -> int:
    """Begin a connection to a port of the target, in the namespace of the caller; give the non-blocking socket."""
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    made = socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    made.connect_ex(("::1" if family == 6 else "127.0.0.1", port))
    return made.detach()

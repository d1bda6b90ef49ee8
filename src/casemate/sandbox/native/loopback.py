"""rtnetlink(7) by plain descriptors: what every run needs of the network, lo, without the module for sockets."""

import _struct as struct
import errno
import os

from casemate.sandbox.native import kernel as k

AF_NETLINK, SOCK_RAW, SOCK_CLOEXEC, NETLINK_ROUTE = 16, 3, 0o2000000, 0
RTM_NEWLINK = 16
REQUEST, ACK = 1, 4
LOOPBACK, IFF_UP = 1, 1


def loopback_up() -> None:
    """Bring lo up."""
    ask(RTM_NEWLINK, REQUEST | ACK, struct.pack("=BBHiII", 0, 0, 0, LOOPBACK, IFF_UP, IFF_UP))


def ask(kind: int, flags: int, message: bytes) -> None:
    """Send one request and wait for its answer. Raises OSError with the kernel's reason."""
    netlink = k.call("socket", k.number("socket"), AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)
    try:
        os.write(netlink, struct.pack("=IHHII", 16 + len(message), kind, flags, 1, 0) + message)
        answer = os.read(netlink, 4096)
    finally:
        os.close(netlink)
    code = -struct.unpack_from("=i", answer, 16)[0]
    if code:
        raise OSError(code, f"rtnetlink: {errno.errorcode.get(code, code)}")

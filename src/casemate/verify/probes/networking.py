"""Reaching anybody over a network, being reached, and the families of sockets below and beside IP."""

from __future__ import annotations

import errno
import os
import socket

from .toolkit import Canary, Missed, or_as_root_of_a_namespace, probe, syscall

NET = 0x40000000  # CLONE_NEWNET


def heard(made: socket.socket) -> bytes:
    """Take the answer of whoever was reached."""
    made.settimeout(2)
    return made.recv(200)


@probe("net.connect.tcp", "CVE-2025-66479 (sandbox-runtime: an empty list of hosts allowed everything)")
def loopback(canary: Canary) -> object:
    """Connect to a service of the host on 127.0.0.1."""
    return heard(socket.create_connection(("127.0.0.1", canary.port), 2))


@probe("net.connect.tcp", "ipv6(7): filters that know IPv4 only")
def loopback_of_ipv6(canary: Canary) -> object:
    """Connect to a service of the host on ::1."""
    return heard(socket.create_connection(("::1", canary.port6), 2))


@probe("net.connect.tcp", "RFC 4291 §2.5.5.2; ipv6(7): IPv4 by a socket of IPv6")
def loopback_as_a_mapped_address(canary: Canary) -> object:
    """Connect to 127.0.0.1 written as an IPv6 address."""
    return heard(socket.create_connection(("::ffff:127.0.0.1", canary.port), 2))


@probe("net.connect.tcp", "RFC 1122 §3.2.1.3, ip(7): 0.0.0.0 is this host, and no list names it")
def address_of_nothing(canary: Canary) -> object:
    """Connect to 0.0.0.0, which the kernel takes for this host."""
    return heard(socket.create_connection(("0.0.0.0", canary.port), 2))


@probe("net.connect.tcp", "RFC 7413; tcp(7), MSG_FASTOPEN: a connection without connect(2)")
def fast_open(canary: Canary) -> object:
    """Connect by sending, with MSG_FASTOPEN."""
    made = socket.socket()
    made.sendto(canary.mark.encode(), 0x20000000, ("127.0.0.1", canary.port))
    return heard(made)


@probe("net.connect.tcp", "RFC 8684; linux 854277e2cc8c: the TCP rules of Landlock do not bind MPTCP")
def multipath(canary: Canary) -> object:
    """Connect by MPTCP."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    made.connect(("127.0.0.1", canary.port))
    return heard(made)


@probe("net.connect.tcp", "connect(2) by the C library: no audit event of PEP 578")
def by_libc(canary: Canary) -> object:
    """Connect by calls of the C library."""
    import ctypes
    import struct

    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.socket(2, 1, 0)
    address = struct.pack("=HH4s8x", 2, socket.htons(canary.port), b"\x7f\0\0\1")
    if number < 0 or libc.connect(number, address, 16) < 0:
        raise OSError(ctypes.get_errno(), "connect")
    return os.read(number, 200)


@probe("net.connect.tcp", "CWE-918: a grant of one host is none of this host's own services", granted=("connect",))
def loopback_beside_a_grant(canary: Canary) -> object:
    """Connect to the host's loopback where another host is granted."""
    return heard(socket.create_connection(("127.0.0.1", canary.port), 2))


@probe("net.connect.tcp", "CWE-918; ipv6(7): a list of one family of addresses", granted=("connect",))
def ipv6_beside_a_grant(canary: Canary) -> object:
    """Connect to ::1 where another host is granted."""
    return heard(socket.create_connection(("::1", canary.port6), 2))


@probe("net.udp.send", "udp(7); landlock(7): its rules on networks know TCP only")
def datagram(canary: Canary) -> object:
    """Send a datagram to a service of the host, and be answered."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.sendto(canary.mark.encode(), ("127.0.0.1", canary.udp))
    return heard(made)


@probe("net.udp.send", "udp(7), ipv6(7)")
def datagram_of_ipv6(canary: Canary) -> object:
    """Send a datagram to ::1."""
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.sendto(canary.mark.encode(), ("::1", canary.udp6))
    return heard(made)


@probe("net.udp.send", "sendmmsg(2), connect(2) of a datagram socket: filters of sendto")
def connected_datagram(canary: Canary) -> object:
    """Connect a datagram socket first, then send without naming anybody."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect(("127.0.0.1", canary.udp))
    made.send(canary.mark.encode())
    return heard(made)


@probe("net.udp.send", "udp(7); landlock(7): a rule on TCP says nothing of UDP", granted=("connect",))
def datagram_beside_a_grant(canary: Canary) -> object:
    """Send a datagram to the host where a TCP connection to another one is granted."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.sendto(canary.mark.encode(), ("127.0.0.1", canary.udp))
    return heard(made)


@probe("net.dns.query", "MITRE ATT&CK T1048.003, T1071.004: what is asked is what is stolen")
def question_to_a_resolver(canary: Canary) -> object:
    """Ask a resolver of one's own choice for a name that carries data."""
    name = b"".join(bytes([len(part)]) + part for part in (canary.name.encode(), b"example", b"com"))
    question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + name + b"\0\0\1\0\1"
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.sendto(question, ("127.0.0.1", canary.udp))
    return heard(made)


@probe("net.dns.query", "MITRE ATT&CK T1071.004", granted=("connect",))
def question_beside_a_grant(canary: Canary) -> object:
    """Ask a resolver of one's own choice where the run has one for granted names."""
    question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\6canary\7example\3com\0\0\1\0\1"
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect(("127.0.0.1", canary.udp))
    made.send(question)
    return heard(made)


@probe("net.listen.tcp", "listen(2), accept(2)")
def be_reached(canary: Canary) -> object:
    """Listen on a port of the host and take a connection from outside."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", canary.free_port))
    made.listen()
    made.settimeout(2)
    return heard(made.accept()[0])


@probe("net.listen.tcp", "bind(2), udp(7)")
def be_reached_by_datagrams(canary: Canary) -> object:
    """Bind a port of the host and take a datagram from outside."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", canary.free_udp))
    return heard(made)


@probe("net.listen.tcp", "ip(7), INADDR_ANY: every address of the host at once", granted=("connect",))
def be_reached_beside_a_grant(canary: Canary) -> object:
    """Listen where connecting to another host is granted."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("0.0.0.0", canary.free_port))
    made.listen()
    made.settimeout(2)
    return heard(made.accept()[0])


def family(number: int, kind: int, protocol: int = 0) -> None:
    """Make a socket of a family by the call itself: Python may lack the name."""
    syscall("socket", number, kind, protocol)


@probe("net.raw.packet", "CVE-2017-7308, CVE-2020-14386")
def packets(canary: Canary) -> None:
    """Make an AF_PACKET socket."""
    or_as_root_of_a_namespace(lambda: family(17, 3, 768), NET)


@probe("net.raw.packet", "raw(7)")
def raw_ip(canary: Canary) -> None:
    """Make a raw IP socket."""
    or_as_root_of_a_namespace(lambda: family(2, 3, 1), NET)


@probe("net.raw.packet", "icmp(7): ping sockets; CVE-2015-3636")
def ping(canary: Canary) -> None:
    """Make a ping socket, by which data leaves without TCP or UDP."""
    or_as_root_of_a_namespace(lambda: family(2, 2, 1), NET)


@probe("net.raw.netlink", "rtnetlink(7): the first step of most exploits that begin in a user namespace")
def netlink_route(canary: Canary) -> None:
    """Make a netlink socket to the routing of the kernel."""
    family(16, 3, 0)


@probe("net.raw.netlink", "CVE-2022-34918, CVE-2023-32233, CVE-2024-1086 (nf_tables)")
def netlink_netfilter(canary: Canary) -> None:
    """Make a netlink socket to the packet filter."""
    family(16, 3, 12)


@probe("net.raw.netlink", "CVE-2017-7184, CVE-2017-16939 (xfrm)")
def netlink_xfrm(canary: Canary) -> None:
    """Make a netlink socket to IPsec."""
    family(16, 3, 6)


@probe("net.raw.netlink", "sock_diag(7): the sockets of everybody")
def netlink_sockets(canary: Canary) -> None:
    """Make a netlink socket that lists sockets."""
    family(16, 3, 4)


@probe("net.raw.netlink", "CVE-2009-1185 (udev): messages about devices")
def netlink_devices(canary: Canary) -> None:
    """Make a netlink socket that hears of devices."""
    family(16, 2, 15)


@probe("net.raw.netlink", "netlink(7), NETLINK_AUDIT")
def netlink_audit(canary: Canary) -> None:
    """Make a netlink socket to the audit of the kernel."""
    family(16, 3, 9)


@probe("net.raw.netlink", "netlink(7): NETLINK_GENERIC, by which many modules are reached")
def netlink_generic(canary: Canary) -> None:
    """Make a netlink socket to whatever module answers."""
    family(16, 3, 16)


@probe("net.raw.vsock", "vsock(7); CVE-2021-26708")
def vsock(canary: Canary) -> None:
    """Make a socket to the machine beneath a virtual machine."""
    family(40, 1)


@probe("net.raw.alg", "Documentation/crypto/userspace-if.rst; CVE-2019-8912 (AF_ALG)")
def crypto(canary: Canary) -> None:
    """Make a socket to the ciphers of the kernel."""
    family(38, 5)


@probe("net.raw.families", "CVE-2022-1353 (AF_KEY)")
def keys_of_ipsec(canary: Canary) -> None:
    """Make a socket of the old interface of IPsec."""
    family(15, 3, 2)


@probe("net.raw.families", "CVE-2021-3609 (CAN)")
def can(canary: Canary) -> None:
    """Make a socket of a field bus."""
    family(29, 2, 2)


@probe("net.raw.families", "CVE-2010-3904, CVE-2019-11815 (RDS)")
def rds(canary: Canary) -> None:
    """Make a socket of RDS, whose module is loaded for it."""
    family(21, 5)


@probe("net.raw.families", "CVE-2021-43267 (TIPC)")
def tipc(canary: Canary) -> None:
    """Make a socket of TIPC."""
    family(30, 5)


@probe("net.raw.families", "CVE-2019-8956, CVE-2021-23133 (SCTP)")
def sctp(canary: Canary) -> None:
    """Make a socket of SCTP."""
    family(2, 1, 132)


@probe("net.raw.families", "CVE-2021-3573 (Bluetooth, HCI)")
def bluetooth(canary: Canary) -> None:
    """Make a Bluetooth socket."""
    family(31, 3, 1)


@probe("net.raw.families", "CVE-2014-4943 (PPPoL2TP, of the same family)")
def ppp(canary: Canary) -> None:
    """Make a socket of PPP over something."""
    family(24, 1)


@probe("net.raw.families", "Documentation/networking/af_xdp.rst: rings shared with the kernel past the stack")
def xdp(canary: Canary) -> None:
    """Make an AF_XDP socket."""
    or_as_root_of_a_namespace(lambda: family(44, 3), NET)


@probe(
    "net.raw.netlink", "netlink(7): a grant of connections is none of the kernel's own network", granted=("connect",)
)
def family_beside_a_grant(canary: Canary) -> None:
    """Make a netlink socket where connections are granted."""
    family(16, 3, 0)


@probe("net.raw.families", "socket(7), SO_ATTACH_FILTER: code for the machine in the kernel", granted=("connect",))
def program_on_a_socket(canary: Canary) -> None:
    """Attach a classic BPF program to a socket."""
    import ctypes
    import struct

    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFF))
    program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(code))
    socket.socket().setsockopt(1, 26, program)


@probe("net.raw.families", "CVE-2023-0461 (TLS as an upper protocol)", granted=("connect",))
def upper_protocol(canary: Canary) -> None:
    """Let the kernel load an upper protocol for a connection of one's own."""
    one, other = socket.socket(), socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen()
    other.connect(one.getsockname())
    other.setsockopt(6, 31, b"tls")


@probe("net.raw.families", "netdevice(7), SIOCGIFNAME: a question about the network needs no socket of it")
def cards_of_the_host(canary: Canary) -> None:
    """Ask for the network cards of the host, by ioctl on a local pair."""
    import fcntl

    one, _ = socket.socketpair()
    for number in range(2, 1000):  # they are never given twice, and containers come and go
        try:
            fcntl.ioctl(one.fileno(), 0x8910, bytes(16) + number.to_bytes(4, "little") + bytes(20))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
        else:
            return
    raise Missed("there is no card but the one of oneself")

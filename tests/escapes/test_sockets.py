"""No way to any network: not to the host's loopback, not outside, not by datagram, not below IP.

CVE-2025-66479 (an empty list of domains allowed every one); Landlock's TCP rules leave UDP, AF_PACKET and netlink open.
"""

import os
import socket
from collections.abc import Iterator

import pytest
from confining import EMPTY, confined, only_outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import Grant, Policy

CONNECTS = policy(Grant(Capability.NET_CONNECT, "only.example.com:443"))


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made.getsockname()[1]


@pytest.mark.parametrize("granted", [EMPTY, CONNECTS], ids=["nothing granted", "another host granted"])
def test_the_loopback_of_the_host(listener: int, granted: Policy) -> None:
    only_outside(f"import socket; socket.create_connection(('127.0.0.1', {listener}), 2)", granted)


@pytest.mark.parametrize("granted", [EMPTY, CONNECTS], ids=["nothing granted", "another host granted"])
@pytest.mark.parametrize("address", ["192.0.2.1", "169.254.169.254", "10.0.0.1", "8.8.8.8", "198.18.0.77"])
def test_an_address_that_is_not_granted(address: str, granted: Policy) -> None:
    """The metadata service of clouds among them. Outside this depends on the host, so only the inside is looked at."""
    result = confined(probe(f"import socket; socket.create_connection(('{address}', 443), 2)"), granted)
    assert "refused" in result.out
    assert "timed out" not in result.out, "it must be refused, not dropped"


def test_a_granted_name_on_another_port() -> None:
    result = confined(probe("import socket; socket.create_connection(('only.example.com', 80), 2)"), CONNECTS)
    assert "refused" in result.out


def test_a_host_that_is_granted_by_its_name_and_its_address_is_reached_by_both(listener: int) -> None:
    both = policy(*(Grant(Capability.NET_CONNECT, f"{host}:{listener}") for host in ("127.0.0.1", "localhost")))
    for host in ("127.0.0.1", "localhost"):
        result = confined(probe(f"import socket; socket.create_connection(({host!r}, {listener}), 2)"), both)
        assert "done" in result.out, result


def test_a_datagram(listener: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
        act = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))"
        only_outside(act)
        confined(probe(act), CONNECTS)
        made.settimeout(0.2)
        assert made.recv(10) == b"x"  # the one sent outside
        with pytest.raises(TimeoutError):
            made.recv(10)
    assert listener


@pytest.mark.parametrize("granted", [EMPTY, CONNECTS], ids=["nothing granted", "another host granted"])
@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [(16, 3, 0), (16, 2, 15), (40, 1, 0), (38, 5, 0), (17, 3, 768), (2, 3, 1), (2, 1, 262), (2, 5, 0), (29, 3, 1)],
    ids=["route", "uevent", "vsock", "af_alg", "packet", "icmp raw", "mptcp", "sctp", "can"],
)
def test_a_family_below_or_beside_ip(family: int, kind: int, protocol: int, granted: Policy) -> None:
    result = confined(probe(f"syscall(41, 198, {family}, {kind}, {protocol})"), granted)
    assert "refused" in result.out


def test_netlink_works_outside() -> None:
    only_outside("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)")


def test_a_listener_is_not_reached_from_outside() -> None:
    only_outside("import socket; socket.create_server(('127.0.0.1', 0))")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a privileged port")
def test_the_socket_of_the_resolver_is_not_inside() -> None:
    result = confined("import os; print([os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')])")
    assert "socket" not in result.out

"""The broker, on real sockets: what is answered, what is dialled, what is refused."""
# ruff: noqa: S104 -- addresses that no name may lead to

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casemate.model.errors import Refused
from casemate.sandbox.native.addresses import invalid, literal, refusal
from casemate.sandbox.native.broker import CONNECTIONS, Broker, check
from casemate.sandbox.native.contract import Endpoint, Forward, Listener, Resolver, Transport
from casemate.sandbox.native.dns import AAAA, PTR, A, Zone, answer
from casemate.sandbox.native.door import Door
from casemate.sandbox.native.forward import Forwarding, open_doors
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.resolver import Answering, zone

GRANTED = Zone({"api.example.com": ("198.18.0.2", "fd00:ca5e::2"), "db": ("198.18.0.3", "")})


SERVERS: list[socket.socket] = []


@pytest.fixture(autouse=True)
def no_server_is_left() -> Iterator[None]:
    """End what `serve` began: shutting a listening socket down wakes the thread that accepts."""
    yield
    while SERVERS:
        server = SERVERS.pop()
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


class Driven:
    """Turns a loop in a thread, so that a test may use blocking sockets like any program."""

    def __init__(self, loop: Loop) -> None:  # noqa: D107 -- a test helper
        self._over = False
        self._loop = loop
        self._thread = threading.Thread(target=self._turn)

    def _turn(self) -> None:
        while not self._over:
            self._loop.step(0.02)

    def __enter__(self) -> None:  # noqa: D105 -- a test helper
        self._thread.start()

    def __exit__(self, *_: object) -> None:  # noqa: D105 -- a test helper
        self._over = True
        self._thread.join()


def listening(backlog: int = 50) -> tuple[int, int]:
    """Listen on a free port of the loopback; give descriptor and port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(backlog)
        return os.dup(bound.fileno()), bound.getsockname()[1]


def serve(reply: Callable[[socket.socket], None]) -> int:
    """Serve each connection with `reply` in a thread of its own; give the port."""
    bound = socket.create_server(("127.0.0.1", 0), backlog=200)
    SERVERS.append(bound)

    def loop() -> None:
        with bound:
            while True:
                try:
                    connection, _ = bound.accept()
                except OSError:
                    return
                threading.Thread(target=reply, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return int(bound.getsockname()[1])


def echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def ask(port: int) -> bytes:
    """Connect, send something and want an answer; an orderly end would be no answer and no error."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"x")
        return client.recv(10)


def query(name: bytes, kind: int = A, *, ident: int = 7, flags: int = 0x0100, family: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b".")) + b"\0"
    return struct.pack("!6H", ident, flags, 1, 0, 0, 0) + labels + struct.pack("!2H", kind, family)


def parts(message: bytes | None) -> tuple[int, int, int]:
    """Give ident, code, and the number of answers."""
    assert message is not None
    ident, flags, _, answers, _, _ = struct.unpack_from("!6H", message)
    return ident, flags & 0xF, answers


def test_a_granted_name_has_its_virtual_address() -> None:
    reply = answer(query(b"API.Example.com"), GRANTED)
    assert parts(reply.message) == (7, 0, 1)
    assert reply.message is not None
    assert reply.message.endswith(IPv4Address("198.18.0.2").packed)
    assert reply.denied == ""
    six = answer(query(b"api.example.com", AAAA), GRANTED).message
    assert six is not None
    assert six.endswith(IPv6Address("fd00:ca5e::2").packed)


@pytest.mark.parametrize("kind", [AAAA, 15, 16, 33, 65])
def test_a_granted_name_has_nothing_else(kind: int) -> None:
    assert parts(answer(query(b"db", kind), GRANTED).message) == (7, 0, 0)


@pytest.mark.parametrize("name", [b"evil.example", b"x.api.example.com", b"api.example.com.evil", b"ap\0i.example.com"])
def test_any_other_name_does_not_exist_and_is_told(name: bytes) -> None:
    reply = answer(query(name), GRANTED)
    assert parts(reply.message) == (7, 3, 0)
    assert reply.denied
    assert reply.denied.isprintable()


def test_a_dot_inside_a_label_is_not_a_granted_name() -> None:
    wire = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\x0bapi.example\x03com\0" + struct.pack("!2H", A, 1)
    assert answer(wire, GRANTED).denied == "api\\046example.com"


def test_a_virtual_address_has_its_name() -> None:
    reply = answer(query(b"2.0.18.198.in-addr.arpa", PTR), GRANTED)
    assert parts(reply.message) == (7, 0, 1)
    assert b"\x03api\x07example\x03com\0" in (reply.message or b"")
    assert answer(query(b"1.1.1.1.in-addr.arpa", PTR), GRANTED).denied == ""


@given(st.binary(max_size=600))
@example(b"")
@example(query(b"db") + b"trailing")
@example(query(b"db")[:-1])
@example(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!2H", 1, 1))
@example(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\x3f" + b"a" * 63 + b"\x3f" * 200)
@example(struct.pack("!6H", 1, 0, 65535, 65535, 65535, 65535))
def test_no_bytes_make_the_resolver_raise(packet: bytes) -> None:
    reply = answer(packet, GRANTED)
    if reply.message is not None:
        assert len(reply.message) <= 512
        assert reply.message[2] & 0x80


@given(st.binary(max_size=300), st.binary(min_size=12, max_size=12))
def test_no_question_makes_the_resolver_raise(rest: bytes, head: bytes) -> None:
    answer(head[:2] + b"\x01\0\0\x01" + head[6:] + rest, GRANTED)


def test_an_answer_is_never_answered() -> None:
    assert answer(query(b"db", flags=0x8180), GRANTED).message is None


@given(st.text(max_size=300))
@example("a" * 64)
@example("a.b" * 100)
@example("user@host")
@example("host\0.example.com")
@example("xn--bcher-kva.example")
@example("0x7f000001")
@example("127.1")
@example("bücher.example")
@example("a..b")
@example("")
def test_a_name_that_passes_is_plain(host: str) -> None:
    if not invalid(host):
        assert host.isascii()
        assert len(host) <= 253
        assert all(0 < len(label) <= 63 for label in host.split("."))
        assert not set(host) & set("@:/\\%\0 \n")
        with pytest.raises(OSError, match="illegal"):
            socket.inet_aton(host)


@pytest.mark.parametrize(
    "host", ["user@host", "h\0.example.com", "127.1", "0x7f000001", "2130706433", "a b", "-a", "a" * 64, "é.fr"]
)
def test_what_is_no_plain_name_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        check(Endpoint(host, 443, "198.18.0.2"))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "100.100.100.200",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "198.19.255.255", "::", "::1", "fe80::1", "ff02::1",
        "fd00:ec2::254", "fd20:ce::254", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1", "168.63.129.16", "192.0.0.192", "fec0::1",
        "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1",
    ],
)  # fmt: skip
def test_no_name_may_lead_there(text: str) -> None:
    assert refusal(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "10.1.2.3", "192.168.77.5", "2606:4700::1111", "64:ff9b::808:808", "fd12::1"]
)
def test_a_name_may_lead_there(text: str) -> None:
    assert refusal(ip_address(text)) == ""


def test_no_name_may_lead_to_an_address_of_this_host() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the kernel chooses the address it would send from
            mine = probe.getsockname()[0]
        except OSError:
            mine = "127.0.0.1"
    assert refusal(ip_address(mine))


def test_a_zone_makes_an_address_no_literal() -> None:
    assert literal("fe80::1%eth0") is None
    assert literal("::1") == IPv6Address("::1")


def broker(
    loop: Loop, port: int, host: str = "127.0.0.1", denied: list[tuple[str, str]] | None = None
) -> tuple[Broker, int]:
    """Make a broker for one endpoint; give it and the port on which the "inside" reaches it."""
    fd, inside = listening()
    endpoint = Endpoint(host, port, "198.18.0.2", literal=literal(host) is not None)
    seen = denied if denied is not None else []
    return Broker(loop, (Listener(fd, endpoint),), lambda to, why: seen.append((to, why))), inside


def test_what_is_granted_is_reached_both_ways(loop: Loop) -> None:
    made, port = broker(loop, serve(echo))
    data = os.urandom(1 << 20)
    with Driven(loop), socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b"".join(iter(lambda: client.recv(65536), b""))
        sender.join()
    assert got == data
    (traffic,) = made.traffic.values()
    assert (traffic.connections, traffic.sent.total, traffic.received.total) == (1, len(data), len(data))
    made.close()


def test_localhost_is_granted_by_its_name(loop: Loop) -> None:
    made, port = broker(loop, serve(echo), "localhost")
    with Driven(loop), socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"
    made.close()


def test_nobody_listening_outside_is_an_error_inside(loop: Loop) -> None:
    fd, closed = listening()
    os.close(fd)
    made, port = broker(loop, closed)
    with Driven(loop), pytest.raises(ConnectionError):
        ask(port)
    made.close()


REBOUND = """
import ctypes, os, sys, threading, socket
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
uid, gid = os.geteuid(), os.getegid()
if libc.unshare(0x20000 | (0x10000000 if uid else 0)):
    sys.exit(77)
if uid:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
hosts = Path(sys.argv[1])
hosts.write_text("127.0.0.1 rebound.example.com\\n169.254.169.254 rebound.example.com\\n")
libc.mount(None, b"/", None, 0x44000, None)
if libc.mount(bytes(hosts), b"/etc/hosts", None, 4096, None):
    sys.exit(77)
from tests.sandbox.test_broker import Loop, broker, serve, echo, Driven, ask
denied = []
loop = Loop()
made, port = broker(loop, serve(echo), "rebound.example.com", denied)
with Driven(loop):
    try:
        print("answer", ask(port))
    except ConnectionError:
        print("refused")
made.close()
for to, why in denied:
    print(to, why)
"""


def test_a_granted_name_that_leads_to_this_host_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.conftest import require  # noqa: PLC0415 -- only here

    hosts = tmp_path_factory.mktemp("hosts") / "hosts"
    done = subprocess.run(
        [sys.executable, "-c", REBOUND, hosts],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    require("a mount namespace", there=done.returncode != 77)
    assert done.returncode == 0, done.stderr
    assert "refused" in done.stdout
    assert "rebound.example.com" in done.stdout
    assert "the name leads to 127.0.0.1: loopback" in done.stdout
    assert "the name leads to 169.254.169.254: cloud metadata" in done.stdout


def test_a_client_that_never_reads_holds_only_its_own_connection(loop: Loop) -> None:
    def flood(connection: socket.socket) -> None:
        with connection:
            try:
                while True:
                    connection.sendall(b"x" * 65536)
            except OSError:
                return

    made, port = broker(loop, serve(flood))
    with Driven(loop), socket.create_connection(("127.0.0.1", port), timeout=20) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        time.sleep(0.3)
        (traffic,) = made.traffic.values()
        before = traffic.received.total
        time.sleep(0.2)
        assert traffic.received.total == before
        with socket.create_connection(("127.0.0.1", port), timeout=20) as other:
            assert other.recv(10)
    made.close()


def test_connections_beyond_the_limit_wait_and_are_served_later(loop: Loop) -> None:
    entered: list[socket.socket] = []
    fd, port = listening(backlog=100)
    bound = socket.socket(fileno=fd)
    door = Door(loop, bound, lambda connection, _: entered.append(connection), 5)
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for _ in range(10):
        loop.step(0.01)
    assert len(entered) == 5
    began = time.process_time()
    for _ in range(10):
        loop.step(0.02)
    assert time.process_time() - began < 0.1
    while len(entered) < 20:
        entered[-1].close()
        door.left()
        loop.step(0.05)
    door.close()
    for used in (*clients, *entered, bound):
        used.close()


def test_thousands_of_connections_are_all_served(loop: Loop) -> None:
    made, port = broker(loop, serve(echo))
    served = 0
    with Driven(loop):
        for _ in range(1500 // 50):
            clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(50)]
            for client in clients:
                client.sendall(b"ping")
            for client in clients:
                served += client.recv(10) == b"ping"
                client.close()
    assert served == 1500
    assert CONNECTIONS >= 50
    made.close()


def answering(loop: Loop, denied: list[str]) -> tuple[Answering, int, int]:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    port = udp.getsockname()[1]
    fd, tcp_port = listening()
    endpoints = (Endpoint("api.example.com", 443, "198.18.0.2", "fd00:ca5e::2"),)
    resolvers = (Resolver(udp.detach(), Transport.UDP), Resolver(fd, Transport.TCP))
    return Answering(loop, resolvers, zone(endpoints, six=True), denied.append), port, tcp_port


def test_names_are_answered_over_udp_and_tcp(loop: Loop) -> None:
    denied: list[str] = []
    made, udp_port, tcp_port = answering(loop, denied)
    with Driven(loop):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            for packet in (b"", b"x", os.urandom(100), query(b"evil.example")):
                client.sendto(packet, ("127.0.0.1", udp_port))
            client.sendto(query(b"api.example.com", ident=9), ("127.0.0.1", udp_port))
            while parts(message := client.recv(600)) != (9, 0, 1):
                assert message
        with socket.create_connection(("127.0.0.1", tcp_port), timeout=10) as client:
            for packet in (query(b"api.example.com", ident=1), query(b"other.example", ident=2)):
                framed = struct.pack("!H", len(packet)) + packet
                for byte in framed:
                    client.sendall(bytes([byte]))
                (size,) = struct.unpack("!H", client.recv(2, socket.MSG_WAITALL))
                assert parts(client.recv(size, socket.MSG_WAITALL))[0] in (1, 2)
            client.sendall(b"\0\0")
            assert client.recv(10) == b""
    made.close()
    assert denied == ["evil.example", "other.example"]


def test_without_ipv6_inside_no_name_has_such_an_address() -> None:
    names = zone((Endpoint("api.example.com", 443, "198.18.0.2", "fd00:ca5e::2"),), six=False)
    assert parts(answer(query(b"api.example.com", AAAA), names).message) == (7, 0, 0)


def steward(control: socket.socket) -> None:
    """Do what the steward does, in the namespace that this test has: its own."""
    with control:
        while request := control.recv(64):
            _, _, port = request.split()
            made = socket.socket()
            made.setblocking(False)  # noqa: FBT003 -- the signature of the library
            made.connect_ex(("127.0.0.1", int(port)))
            socket.send_fds(control, [b"ok"], [made.fileno()])
            made.close()


def forwarded(loop: Loop, inner: int) -> tuple[Forwarding, int]:
    """Forward a free port of the host to the port `inner`."""
    fd, outer = listening()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    threading.Thread(target=steward, args=(theirs,), daemon=True).start()
    with ours:
        return Forwarding(loop, (fd,), (Forward("127.0.0.1", inner),), ours.fileno()), outer


def test_a_forwarded_port_reaches_the_server_inside(loop: Loop) -> None:
    made, port = forwarded(loop, serve(echo))
    with Driven(loop):
        clients = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(30)]
        for number, client in enumerate(clients):
            client.sendall(str(number).encode())
        for number, client in enumerate(clients):
            assert client.recv(10) == str(number).encode()
            client.close()
    made.close()


def test_a_server_that_does_not_listen_yet_resets_the_caller(loop: Loop) -> None:
    fd, closed = listening()
    os.close(fd)
    made, port = forwarded(loop, closed)
    with Driven(loop), pytest.raises(ConnectionError):
        ask(port)
    made.close()


def test_a_port_in_use_is_refused_before_anything_starts() -> None:
    fd, port = listening()
    with pytest.raises(Refused, match=f"127.0.0.1:{port}.*in use"):
        open_doors((Forward("127.0.0.1", port),))
    os.close(fd)


@pytest.mark.parametrize("host", ["", "*", "example.com", "127.0.0.1.evil", "192.0.2.77"])
def test_only_an_address_of_this_host_is_listened_on(host: str) -> None:
    with pytest.raises(Refused, match="cannot listen"):
        open_doors((Forward(host, 0),))


def test_after_a_refusal_no_door_stays_open() -> None:
    fd, port = listening()
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(Refused):
        open_doors((Forward("127.0.0.1", 0), Forward("127.0.0.1", port)))
    assert set(Path("/proc/self/fd").iterdir()) == before
    os.close(fd)

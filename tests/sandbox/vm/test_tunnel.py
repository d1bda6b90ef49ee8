"""Connections through the port: what goes in comes out, both ways, and nobody reaches what has no number."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from casemate.sandbox.native.loop import Loop
from casemate.sandbox.vm.frames import FROM_GUEST, TO_GUEST, Kind, Reader, number, packed
from casemate.sandbox.vm.port import Port
from casemate.sandbox.vm.tunnel import FIRST_OF_GUEST, FIRST_OF_HOST, Tunnel, dialled

MUCH = bytes(range(256)) * 12_000


@dataclass
class Both:
    """Both ends of a port in one loop: a tunnel at each, and a server that the host's end dials as number 0."""

    loop: Loop
    door: tuple[str, int]
    raw: socket.socket
    lost: list[str] = field(default_factory=list)

    def until(self, done: threading.Event | threading.Thread) -> None:
        over = done.is_set if isinstance(done, threading.Event) else lambda: not done.is_alive()
        for _ in range(100_000):
            if over():
                return
            self.loop.step(0.01)
        raise AssertionError("it takes too long")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def both(server: socket.socket) -> Iterator[Both]:
    loop, (inside, outside) = Loop(), socket.socketpair()
    lost = list[str]()

    def dial(which: int) -> int:
        if which != 0:
            raise ConnectionRefusedError
        address, port = server.getsockname()
        return dialled(socket.AF_INET, address, port)

    def refuse(_: int) -> int:
        raise ConnectionRefusedError

    ends = dict[str, Tunnel]()

    def taken_inside(kind: Kind, data: bytes) -> None:
        ends["guest"].take(kind, data)

    def taken_outside(kind: Kind, data: bytes) -> None:
        ends["host"].take(kind, data)

    port_inside = Port(loop, inside.fileno(), Reader(TO_GUEST), taken_inside, lost.append)
    port_outside = Port(loop, outside.fileno(), Reader(FROM_GUEST), taken_outside, lost.append)
    ends["guest"] = Tunnel(loop, port_inside, refuse, FIRST_OF_GUEST)
    ends["host"] = Tunnel(loop, port_outside, dial, FIRST_OF_HOST)
    with socket.create_server(("127.0.0.1", 0)) as door, inside, outside:
        os.set_blocking(door.fileno(), False)
        ends["guest"].accept(door.fileno(), 0)
        yield Both(loop, door.getsockname(), inside, lost)
        for tunnel in ends.values():
            tunnel.close()
    loop.close()


def _echo(server: socket.socket) -> None:
    with server.accept()[0] as made:
        data = bytearray()
        while piece := made.recv(65536):
            data += piece
        made.sendall(data[::-1])


def test_much_arrives_whole_both_ways_and_each_end_is_told_of_the_other(both: Both, server: socket.socket) -> None:
    threading.Thread(target=_echo, args=(server,), daemon=True).start()
    answers = list[bytes]()

    def client() -> None:
        with socket.create_connection(both.door, 20) as made:
            made.sendall(MUCH)
            made.shutdown(socket.SHUT_WR)
            data = bytearray()
            while piece := made.recv(65536):
                data += piece
            answers.append(bytes(data))

    thread = threading.Thread(target=client)
    thread.start()
    both.until(thread)
    assert answers == [MUCH[::-1]]
    assert both.lost == []


def test_a_server_that_refuses_ends_the_connection_inside(both: Both, server: socket.socket) -> None:
    server.close()
    seen = list[bytes | OSError]()

    def client() -> None:
        with socket.create_connection(both.door, 20) as made:
            try:
                seen.append(made.recv(1))
            except OSError as error:
                seen.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    both.until(thread)
    assert seen == [b""] or isinstance(seen[0], ConnectionResetError)


@pytest.mark.parametrize(
    "said",
    [
        packed(Kind.OPEN, number(1) + number(0)),  # a number of the other end's
        packed(Kind.OPEN, number(0) + number(0)) * 2,
        packed(Kind.OPEN, number(0)),
        packed(Kind.BYTES, b"\0"),
        packed(Kind.OPEN, number(0) + number(0)) + packed(Kind.BYTES, number(0) + bytes(32768)) * 400,
    ],
)
def test_a_guest_that_breaks_the_rules_is_ended(both: Both, said: bytes) -> None:
    both.raw.settimeout(None)

    def send() -> None:
        with suppress(OSError):  # nobody takes the rest of it
            both.raw.sendall(said)

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(2000):
        if both.lost:
            break
        both.loop.step(0.01)
    assert len(both.lost) == 1
    assert "broke the rules" in both.lost[0]
    both.raw.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_grant_that_there_is_not_is_not_dialled(both: Both, server: socket.socket) -> None:
    server.settimeout(0.2)
    both.raw.sendall(packed(Kind.OPEN, number(0) + number(7)))
    for _ in range(50):
        both.loop.step(0.01)
    with pytest.raises(TimeoutError):
        server.accept()

"""Relays, on real pipes, sockets, files and devices."""

import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.sandbox.native.channel import Channel, borrowed, owned
from casemate.sandbox.native.loop import Loop
from casemate.sandbox.native.relay import BUFFER, Meter, Relay

MIB = 1 << 20


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def relay(loop: Loop, source: Channel, sink: Channel | None, meter: Meter | None = None) -> Relay:
    """Make a relay that closes both ends when it is over, as a run does."""

    def ended() -> None:
        for channel in (source, sink):
            if channel is not None:
                loop.forget(channel.fd)
                channel.close()

    return Relay(loop, source, sink, ended, meter)


def apart(action: Callable[[], None]) -> threading.Thread:
    """Do something that may wait, beside the loop."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def write_all(fd: int, data: bytes, piece: int = 100_000) -> None:
    for at in range(0, len(data), piece):
        left = data[at : at + piece]
        while left:
            left = left[os.write(fd, left) :]
    os.close(fd)


def read_all(fd: int, into: bytearray) -> None:
    while data := os.read(fd, 65536):
        into += data
    os.close(fd)


def through(loop: Loop, data: bytes, piece: int = 100_000) -> bytes:
    """Send bytes through one relay between two pipes, with both ends borrowed, and give what arrives."""
    source, write_end = os.pipe()
    read_end, sink = os.pipe()
    got = bytearray()
    carried = relay(loop, borrowed(source), borrowed(sink))
    os.close(source)
    os.close(sink)
    threads = [apart(lambda: write_all(write_end, data, piece)), apart(lambda: read_all(read_end, got))]
    loop.run(lambda: carried.done)
    for thread in threads:
        thread.join(10)
    return bytes(got)


def test_every_byte_arrives_in_order(loop: Loop) -> None:
    data = os.urandom(MIB) * 20
    assert through(loop, data) == data


@settings(max_examples=25)
@given(pieces=st.lists(st.binary(max_size=5000), max_size=8), size=st.integers(1, 9000))
def test_pieces_of_any_size_arrive_as_one_stream(pieces: list[bytes], size: int) -> None:
    made = Loop()
    assert through(made, b"".join(pieces), size) == b"".join(pieces)
    made.close()


def test_a_borrowed_descriptor_keeps_its_flags() -> None:
    reader, writer = os.pipe()
    channel = borrowed(writer)
    assert channel.write(b"x") == 1
    assert os.get_blocking(writer)
    channel.close()
    os.write(writer, b"y")
    assert os.read(reader, 2) == b"xy"


def test_a_full_pipe_of_somebody_else_never_makes_us_wait() -> None:
    _, writer = os.pipe()
    channel = borrowed(writer)
    assert channel.write(b"x" * 100_000) == 65536
    with pytest.raises(BlockingIOError):
        channel.write(b"x")
    channel.close()


def test_an_empty_socket_of_somebody_else_never_makes_us_wait() -> None:
    here, there = socket.socketpair()
    with here, there, pytest.raises(BlockingIOError):
        borrowed(here.fileno()).read(10)


def test_a_stalled_reader_stalls_the_writer_and_memory_does_not_grow(loop: Loop) -> None:
    source, write_end = os.pipe()
    _read_end, sink = os.pipe()
    carried = relay(loop, owned(source), owned(sink))
    os.set_blocking(write_end, False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2000):
        try:
            os.write(write_end, b"x" * 65536)
        except BlockingIOError:
            loop.step(0.001)
    assert carried.kept <= BUFFER + 65536
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    carried.stop()


def test_a_reader_that_leaves_gives_the_writer_an_error(loop: Loop) -> None:
    source, write_end = os.pipe()
    read_end, sink = os.pipe()
    carried = relay(loop, owned(source), borrowed(sink))
    os.close(sink)
    os.close(read_end)
    os.write(write_end, b"nobody reads this")
    loop.run(lambda: carried.done)
    with pytest.raises(BrokenPipeError):
        os.write(write_end, b"more")
    assert carried.error is None


def test_a_file_is_read_from_where_its_offset_is(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"0123456789" * 50_000)
    fd = os.open(path, os.O_RDONLY)
    os.lseek(fd, 7, os.SEEK_SET)
    read_end, sink = os.pipe()
    got = bytearray()
    carried = relay(loop, borrowed(fd), owned(sink))
    thread = apart(lambda: read_all(read_end, got))
    loop.run(lambda: carried.done)
    thread.join(10)
    assert bytes(got) == path.read_bytes()[7:]
    os.close(fd)


def test_dev_null_is_empty_and_takes_everything(loop: Loop) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    read_end, sink = os.pipe()
    carried = relay(loop, borrowed(null), owned(sink))
    loop.run(lambda: carried.done)
    assert os.read(read_end, 10) == b""
    source, write_end = os.pipe()
    drained = relay(loop, owned(source), borrowed(null))
    thread = apart(lambda: write_all(write_end, b"x" * MIB))
    loop.run(lambda: drained.done)
    thread.join(10)
    assert drained.error is None


def test_a_full_disk_is_told_and_not_swallowed(loop: Loop) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    source, write_end = os.pipe()
    carried = relay(loop, owned(source), borrowed(full))
    os.write(write_end, b"x")
    loop.run(lambda: carried.done)
    assert carried.error is not None
    assert "space" in str(carried.error)


def test_a_directory_as_input_is_told(loop: Loop, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    _, sink = os.pipe()
    carried = relay(loop, borrowed(folder), owned(sink))
    loop.run(lambda: carried.done)
    assert isinstance(carried.error, IsADirectoryError)


def test_the_last_bytes_of_a_dead_writer_arrive_though_its_pipe_is_still_open_elsewhere(loop: Loop) -> None:
    source, write_end = os.pipe()
    read_end, sink = os.pipe()
    os.write(write_end, b"last words")
    carried = relay(loop, owned(source), owned(sink))
    carried.last()
    assert carried.done
    assert os.read(read_end, 100) == b"last words"
    assert os.read(read_end, 100) == b""


def test_a_sink_that_is_behind_gets_the_last_bytes_too(loop: Loop) -> None:
    source, write_end = os.pipe()
    read_end, sink = os.pipe()
    os.set_blocking(sink, False)
    filled = os.write(sink, b"f" * 65536)
    os.write(write_end, b"l" * 65536)
    carried = relay(loop, owned(source), owned(sink))
    carried.last()
    assert not carried.done
    got = bytearray()
    thread = apart(lambda: read_all(read_end, got))
    loop.run(lambda: carried.done)
    thread.join(10)
    assert bytes(got) == b"f" * filled + b"l" * 65536


def test_the_limit_counts_all_streams_together_and_calls_once(loop: Loop) -> None:
    calls: list[int] = []
    meter = Meter(1000, lambda: calls.append(1))
    read_end, sink = os.pipe()
    for size in (600, 600, 600):
        source, write_end = os.pipe()
        copy = os.dup(sink)
        carried = relay(loop, owned(source), owned(copy), meter)
        write_all(write_end, b"x" * size)
        loop.run(lambda carried=carried: carried.done)  # type: ignore[misc] -- bound in the loop
    os.close(sink)
    assert len(os.read(read_end, 65536)) == 1000
    assert calls == [1]
    assert meter.total == 1800


def test_a_socket_is_half_closed_and_not_cut(loop: Loop) -> None:
    from casemate.sandbox.native.pair import Pair  # noqa: PLC0415 -- TCP only here

    client, inside = socket.socketpair()
    outside, server = socket.socketpair()
    with client, server:
        os.set_blocking(inside.fileno(), False)
        os.set_blocking(outside.fileno(), False)
        ended: list[bool] = []
        Pair(loop, inside, outside, lambda: ended.append(True))
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        for _ in range(5):
            loop.step(0.05)
        assert server.recv(100) == b"question"
        assert server.recv(100) == b""
        server.sendall(b"answer")
        server.shutdown(socket.SHUT_WR)
        loop.run(lambda: bool(ended))
        assert client.recv(100) == b"answer"
        assert client.recv(100) == b""

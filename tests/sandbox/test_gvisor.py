"""What is gVisor's own way: it reaches what is granted through the broker, waits before it starts, shows a terminal."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.backends.conftest import free_port, port  # noqa: F401 -- fixtures
from tests.conftest import COMMAND, require
from tests.processes import processes_with
from tests.sandbox.screens import Screen, use_the_prompt

from casemate import Code, Warm
from casemate.sandbox import choose
from casemate.sandbox.waiting import telling

NAME = "oci:runsc"
RUN = (COMMAND, "run", "--backend", NAME)


@pytest.fixture(autouse=True)
def _here() -> None:
    runtime = choose(NAME).runtime()
    require(f"runsc: {runtime.why_not}", there=runtime.available)


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    os.close(made.master)
    with contextlib.suppress(OSError):
        os.close(made.slave)


def run(*words: str | Path, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*RUN, *words], input=data, capture_output=True, check=False, timeout=60)


REACH = """
import socket
def tried(*address):
    try:
        socket.create_connection(address, 5).close()
    except OSError:
        return "refused"
    return "done"
print(socket.create_connection(("localhost", {port}), 10).recv(7).decode())
print(tried("localhost", {other}), tried("192.0.2.1", {port}), tried("example.com", {port}), tried("127.0.0.2", {port}))
for family, kind, protocol in (
    (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
    (socket.AF_PACKET, socket.SOCK_RAW, 0),
    (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    (socket.AF_UNIX, socket.SOCK_STREAM, 0),
):
    try:
        socket.socket(family, kind, protocol)
    except OSError:
        print("refused", end=" ")
    else:
        print(family, kind, protocol, "done")
"""


def test_what_is_granted_is_reached_and_nothing_else(port: int, free_port: int) -> None:  # noqa: F811 -- a fixture
    done = run("--connect", f"localhost:{port}", "-c", REACH.format(port=port, other=free_port))
    assert done.stdout.decode() == f"welcome\n{'refused ' * 3}refused\n{'refused ' * 5}", done.stderr


def test_without_a_grant_there_is_no_network_at_all(port: int) -> None:  # noqa: F811 -- a fixture
    done = run("--listen", "@private", "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
    assert b"ConnectionRefusedError" in done.stderr


def test_a_socket_of_the_host_is_refused_by_name(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
        done = run("--unix", tmp_path / "socket", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (125, b"")
    assert f"net.unix {tmp_path / 'socket'}".encode() in done.stderr


def test_it_waits_for_its_arguments_and_what_comes_after_them_is_its_input() -> None:
    code = "import sys; print(sys.argv[1:], sys.stdin.read())"
    done = run("--wait", "-c", code, "a", data=telling(["b", "", "ä\n"]) + b"input")
    assert (done.returncode, done.stdout.decode()) == (0, "['a', 'b', '', 'ä\\n'] input\n"), done.stderr


@pytest.mark.parametrize(("data", "words"), [(b"", b"ended before"), (b"2\nab", b"NUL"), (b"999999\n", b"up to")])
def test_whoever_tells_nonsense_starts_nothing(data: bytes, words: bytes) -> None:
    done = run("--wait", "-c", "print('ran')", data=data)
    assert (done.returncode, done.stdout) == (125, b"")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_warm_runs_share_nothing_and_each_is_used_once() -> None:
    code = "import os, sys; print(os.path.exists('/tmp/left'), sys.argv[1:]); open('/tmp/left', 'w')"
    with Warm(Code(code), ready=2, backend=NAME) as warm:
        results = [warm.run(str(number)) for number in range(3)]
    assert [result.stdout for result in results] == [f"False ['{number}']\n".encode() for number in range(3)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_waits_is_ended_by_a_signal_and_leaves_nothing(number: signal.Signals) -> None:
    token = f"token-{os.urandom(8).hex()}"
    command = [*RUN, "--wait", "-c", "print('ran')", token]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        until = time.monotonic() + 30
        while len(processes_with(token)) < 4 and time.monotonic() < until:  # casemate, its steward, pid 1, who waits
            time.sleep(0.02)
        waiting.send_signal(number)
        assert waiting.wait(30) != 0
    until = time.monotonic() + 10
    while (left := processes_with(token)) and time.monotonic() < until:
        time.sleep(0.02)
    assert left == []


@pytest.mark.parametrize("where", ["argument", "variable"])
def test_bytes_that_are_no_text_are_refused_and_not_exchanged_for_others(where: str) -> None:
    odd = os.fsdecode(b"odd\xff")
    options = ("--env", f"X={odd}") if where == "variable" else ()
    done = run(*options, "-c", "print('ran')", *([odd] if where == "argument" else []))
    assert (done.returncode, done.stdout) == (125, b"")
    assert re.fullmatch(rb"casemate: runsc: .*odd\\udcff.* is not UTF-8, .*\n", done.stderr), done.stderr


def test_the_interactive_prompt_works_and_control_c_interrupts_it(screen: Screen) -> None:
    with screen.start([*RUN, "--", "/usr/bin/python3", "-I", "-S", "-q"]) as running:
        use_the_prompt(screen, seconds=60)
        screen.type(b"import os; os.isatty(0), os.isatty(1), os.isatty(2), os.getpgrp() == os.tcgetpgrp(0)\r")
        screen.wait_for(r"\(True, True, True, True\)")
        screen.type(b"\x04")
        assert running.wait(30) == 0
    assert screen.modes() == screen.before


def test_the_window_size_is_the_caller_s_and_follows_it(screen: Screen) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, f"now {os.get_terminal_size(1)}\\n".encode()))
print("at first", os.get_terminal_size(1), flush=True)
for _ in range(100): time.sleep(0.1)
"""
    with screen.start([*RUN, "-c", code]) as running:
        screen.wait_for(r"at first os.terminal_size\(columns=80, lines=24\)", 60)
        screen.resize(50, 132)
        screen.wait_for(r"now os.terminal_size\(columns=132, lines=50\)")
        running.terminate()
        running.wait(30)


def test_where_a_stream_is_no_terminal_none_is_one(screen: Screen) -> None:
    """GVisor would lead all three to the terminal: what is meant for a pipe goes there and nowhere else."""
    code = "import os, sys; print([os.isatty(number) for number in range(3)]); print('error', file=sys.stderr)"
    with screen.start([*RUN, "-c", code], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.read() == b"[False, False, False]\n"
        assert running.wait(30) == 0
    screen.wait_for("error")

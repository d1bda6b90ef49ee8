"""A guest that lies: whatever it says, the driver ends with an exit code of a run and at most one line."""

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from casemate.sandbox.vm.frames import LARGEST, PIECE, Kind, number, packed
from casemate.sandbox.vm.port import MOST_WAITING

DRIVER = """
import sys
sys.path[:0] = {path!r}
from casemate.sandbox.vm import port
from casemate.sandbox.vm.carrier import Carrier, Ways
port.MOST_WAITING = {most}
sys.exit(Carrier(int(sys.argv[1]), b"{{}}", Ways([], [])).carry())
"""
AWAKE = packed(Kind.STANDS)


def answer(**said: object) -> bytes:
    return AWAKE + packed(Kind.ANSWER, json.dumps(said).encode())


def driven(said: bytes, *, most: int = MOST_WAITING) -> "subprocess.CompletedProcess[bytes]":
    """Let a driver listen to these words of a guest, which is gone then."""
    ours, its = socket.socketpair()
    command = [sys.executable, "-c", DRIVER.format(path=sys.path, most=most), str(its.fileno())]
    with ours, subprocess.Popen(
        command, pass_fds=(its.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as driver:  # fmt: skip
        its.close()
        thread = threading.Thread(target=_say, args=(ours, said))
        thread.start()
        out, err = driver.communicate(timeout=30)
        thread.join(5)
    return subprocess.CompletedProcess(command, driver.returncode, out, err)


def _say(ours: socket.socket, said: bytes) -> None:
    with suppress(OSError):  # a driver that has heard enough
        ours.sendall(said)
        ours.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (answer(code=0), 0),
        (answer(code=255), 255),
        (answer(signal=9), 137),
        (answer(code=256), 137),
        (answer(code=-1), 137),
        (answer(code="0"), 137),
        (answer(signal=65), 137),
        (answer(refused="execve: no", code=127), 127),
        (answer(refused="x", code=0), 125),
        (answer(refused="x" * 60_000, code=[1]), 125),
        (answer(by="memory limit"), 137),
        (answer(by={"x": 1}), 137),
        (answer(), 137),
    ],
)
def test_an_answer_is_an_exit_code_of_a_run(said: bytes, code: int) -> None:
    done = driven(said)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) <= 1
    assert len(done.stderr) < 3000


@pytest.mark.parametrize(
    "said",
    [
        AWAKE + b"?????",
        AWAKE + AWAKE,
        AWAKE + packed(Kind.JOB, b"{}"),
        AWAKE + Kind.OUTPUT.encode() + (PIECE + 1).to_bytes(4, "little"),
        AWAKE + packed(Kind.ANSWER, b"[" * LARGEST[Kind.ANSWER]),
        AWAKE + packed(Kind.ANSWER, b"not JSON"),
        AWAKE + packed(Kind.ANSWER, b"[0]"),
        AWAKE + packed(Kind.TAKEN, b"\1"),
        AWAKE + packed(Kind.OPEN, b"\0\0\0\0"),
        AWAKE + packed(Kind.QUESTION, b"\0"),
    ],
)
def test_what_breaks_the_rules_ends_the_run_with_one_line(said: bytes) -> None:
    done = driven(said)
    assert done.returncode == 137
    assert done.stderr.startswith(b"casemate: vm: the guest is gone: it broke the rules of its port"), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_is_taken_after_the_answer() -> None:
    done = driven(answer(code=3) + packed(Kind.OUTPUT, b"more"))
    assert (done.returncode, done.stdout) == (3, b"")


def test_output_that_came_before_the_end_is_carried() -> None:
    done = driven(AWAKE + packed(Kind.OUTPUT, b"x" * PIECE) * 20 + packed(Kind.ERRORS, b"e") + answer(code=4)[5:])
    assert (done.returncode, len(done.stdout), done.stderr) == (4, 20 * PIECE, b"e")


def test_a_guest_that_goes_before_it_is_awake_ran_nothing() -> None:
    done = driven(b"")
    assert done.returncode == 125
    assert done.stderr == b"casemate: vm: the guest is gone\n"


def test_whoever_asks_for_names_without_a_grant_is_not_answered() -> None:
    done = driven(AWAKE + packed(Kind.QUESTION, bytes(40)) + answer(code=5)[5:])
    assert done.returncode == 5, done.stderr


def test_what_a_guest_says_of_its_end_steers_no_terminal() -> None:
    done = driven(answer(refused="x\x1b]0;title\a\r##vso[task]\u202e", code=126))
    assert done.returncode == 126
    assert done.stderr == b"casemate: vm: x\\x1b]0;title\\x07 \\x23#vso[task]\\u202e\n"


def test_a_guest_that_asks_for_more_and_more_and_takes_no_answer_is_ended() -> None:
    """Its answers wait in the memory of the driver."""
    done = driven(AWAKE + packed(Kind.OPEN, number(0) + number(7)) * 60_000, most=1 << 18)
    assert done.returncode == 137
    assert done.stderr == b"casemate: vm: the guest is gone: it does not take what it is sent\n"

"""The control channel of QEMU: an answer is understood, or the run is not started."""

import socket

import pytest

from casemate.sandbox.vm.qmp import Failed, Qmp


def asked(said: bytes) -> object:
    ours, its = socket.socketpair()
    with ours, its:
        its.sendall(said)
        its.shutdown(socket.SHUT_WR)
        return Qmp(ours).ask("query-status")


def test_events_before_an_answer_are_passed_over() -> None:
    assert asked(b'{"event": "STOP"}\n{"return": {"status": "running"}}\n') == {"status": "running"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b'{"error": {"class": "GenericError", "desc": "no such thing"}}\n', "query-status: no such thing"),
        (b"[]\n", "nobody understands"),
        (b"{\n", "nobody understands"),
        (b"\xff\n", "nobody understands"),
        (b"[" * 100_000 + b"\n", "nobody understands"),
        (b"", "QEMU has ended"),
        (b'{"return"', "QEMU has ended"),
    ],
)
def test_whatever_else_it_says_is_a_failure_with_a_reason(said: bytes, reason: str) -> None:
    with pytest.raises(Failed, match=reason):
        asked(said)

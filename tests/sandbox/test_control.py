"""Words and descriptors between two processes, as the kernel carries them."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.sandbox.native import control

words = st.from_regex(r"[a-z]{1,10}( [0-9]{1,5}){0,2}", fullmatch=True)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@given(words)
def test_what_is_handed_arrives_with_its_word(word: str) -> None:
    ours, theirs = control.pair()
    reader, writer = os.pipe()
    try:
        control.hand(ours, word, writer)
        control.say(ours, word)
        heard, arrived = control.receive(theirs)
        assert heard == word
        assert not os.get_inheritable(arrived)
        os.write(arrived, b"through it")
        os.close(arrived)
        assert os.read(reader, 100) == b"through it"
        assert os.read(reader, 100) == b"", "the sender let go of it"
        assert control.receive(theirs) == (word, -1)
    finally:
        for descriptor in (ours, theirs, reader):
            os.close(descriptor)


def test_the_end_is_an_empty_word() -> None:
    ours, theirs = control.pair()
    os.close(ours)
    assert control.receive(theirs) == ("", -1)
    os.close(theirs)


def test_more_descriptors_than_one_are_not_kept() -> None:
    """There is room for one: the kernel gives no second one, and none is left open unseen."""
    ours, theirs = control.pair()
    before = descriptors()
    with socket.socket(fileno=os.dup(ours)) as end:
        socket.send_fds(end, [b"two"], [0, 1, 2])
    with pytest.raises(OSError, match="Too many open files"):
        control.receive(theirs)
    assert descriptors() == before, "the one for which there was room is closed"
    for descriptor in (ours, theirs):
        os.close(descriptor)

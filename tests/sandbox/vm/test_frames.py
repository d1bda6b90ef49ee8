"""What comes from the guest is a frame that may come there, or the end of the run; never anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.sandbox.vm.frames import FROM_GUEST, LARGEST, TO_GUEST, Garbled, Kind, Reader, numbers, packed

FRAMES = st.lists(st.tuples(st.sampled_from(FROM_GUEST), st.binary(max_size=40)).map(
    lambda frame: (frame[0], frame[1][: LARGEST[frame[0]]])
))  # fmt: skip


@given(FRAMES, st.integers(1, 50))
def test_frames_arrive_whole_however_they_are_cut(frames: list[tuple[Kind, bytes]], size: int) -> None:
    whole = b"".join(packed(kind, data) for kind, data in frames)
    reader = Reader(FROM_GUEST)
    found = [frame for at in range(0, len(whole), size) for frame in reader.feed(whole[at : at + size])]
    assert found == frames


@given(st.binary(max_size=200))
def test_any_other_bytes_are_garbled_or_wait_for_more(data: bytes) -> None:
    try:
        found = list(Reader(FROM_GUEST).feed(data))
    except Garbled:
        return
    assert all(kind in FROM_GUEST and len(piece) <= LARGEST[kind] for kind, piece in found)


@pytest.mark.parametrize("kind", sorted(set(TO_GUEST) - set(FROM_GUEST)))
def test_what_only_the_driver_may_say_is_not_taken_from_the_guest(kind: Kind) -> None:
    with pytest.raises(Garbled):
        list(Reader(FROM_GUEST).feed(packed(kind)))


@pytest.mark.parametrize("kind", FROM_GUEST)
def test_a_frame_that_is_announced_too_large_is_refused_before_it_is_kept(kind: Kind) -> None:
    with pytest.raises(Garbled):
        list(Reader(FROM_GUEST).feed(kind.encode() + (LARGEST[kind] + 1).to_bytes(4, "little")))


def test_a_frame_without_its_number_is_garbled() -> None:
    with pytest.raises(Garbled):
        numbers(b"\1\0\0")

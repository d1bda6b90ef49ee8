"""Jobs in processes: every result arrives, and nothing stays behind."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from casemate.services.workers import results


def children() -> list[str]:
    """Give the processes that are ours."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


def words(number: int) -> bytes:
    return b"%d " % number * 100_000  # more than a pipe holds


def dies(number: int) -> bytes:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return b"fine"


def sleeps() -> bytes:
    time.sleep(60)
    return b""


@pytest.mark.parametrize("most", [None, 1, 2, 5])
def test_every_result_comes_with_its_number(most: int | None) -> None:
    jobs = [partial(words, number) for number in range(5)]
    before = children()
    assert dict(results(jobs, most)) == {number: words(number) for number in range(5)}
    assert children() == before


def test_a_killed_worker_is_told_and_the_others_go_on() -> None:
    jobs = [partial(dies, number) for number in range(4)]
    assert dict(results(jobs, 2)) == {0: b"fine", 1: None, 2: b"fine", 3: b"fine"}


def test_a_job_that_raises_is_told() -> None:
    def fails() -> bytes:
        raise ValueError("of the job")

    jobs: list[Callable[[], bytes]] = [fails, partial(words, 1)]
    assert dict(results(jobs, 2)) == {0: None, 1: words(1)}


def test_whoever_stops_early_leaves_no_child() -> None:
    jobs: list[Callable[[], bytes]] = [partial(words, 0), sleeps, sleeps]
    before, begun = children(), results(jobs, 3)
    assert next(begun) == (0, words(0))
    begun.close()  # type: ignore[attr-defined]  # -- it is a generator
    assert children() == before

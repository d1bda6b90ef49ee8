"""Jobs in processes: every result arrives, and nothing stays behind."""

import errno
import os
import signal
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from casemate.services.workers import results, whole


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
    begun.close()
    assert children() == before


def refuse(*_: object) -> int:
    raise BlockingIOError(errno.EAGAIN, "of the system")


def test_where_no_process_can_be_made_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", refuse)
    assert dict(results([partial(words, number) for number in range(3)], 2)) == {n: words(n) for n in range(3)}


@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_where_the_system_allows_one_process_they_run_one_by_one(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[], object] = getattr(os, call)
    before = len(children())
    monkeypatch.setattr(os, call, lambda: real() if len(children()) == before else refuse())
    assert dict(results([partial(words, number) for number in range(4)], 3)) == {n: words(n) for n in range(4)}


def test_a_job_that_dies_beside_others_is_done_again_alone(tmp_path: Path) -> None:
    def first_time_dies() -> bytes:
        if not (tmp_path / "mark").exists():
            (tmp_path / "mark").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return b"done"

    jobs: list[Callable[[], bytes]] = [first_time_dies, partial(words, 1), partial(words, 2)]
    assert dict(results(jobs, 2)) == {0: b"done", 1: words(1), 2: words(2)}


@pytest.mark.parametrize("kept", [0, 7, 8, 12])
def test_what_a_killed_child_wrote_until_then_is_no_result(kept: int) -> None:
    written = (5).to_bytes(8, "big") + b"words"
    assert whole(written) == b"words"
    assert whole(written[:kept]) is None


def test_what_we_ignore_ends_no_child() -> None:
    def hung_up() -> bytes:
        os.kill(os.getpid(), signal.SIGHUP)
        return b"fine"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        assert dict(results([hung_up, hung_up], 2)) == {0: b"fine", 1: b"fine"}
    finally:
        signal.signal(signal.SIGHUP, before)


def test_children_that_the_system_forgets_are_no_error() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert dict(results([partial(dies, number) for number in range(3)], 2)) == {0: b"fine", 1: None, 2: b"fine"}
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    def noted(number: int) -> bytes:
        (tmp_path / str(number)).write_text(str(os.getpid()), encoding="ascii")
        return sleeps()

    parent = os.fork()
    if parent == 0:
        list(results([partial(noted, number) for number in range(2)], 2))
        os._exit(0)
    while not all((tmp_path / str(number)).exists() for number in range(2)):
        time.sleep(0.01)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    workers = [(tmp_path / str(number)).read_text(encoding="ascii") for number in range(2)]
    for _ in range(500):
        if not any(alive(worker) for worker in workers):
            return
        time.sleep(0.01)
    pytest.fail("a worker is still there")


def alive(process: str) -> bool:
    """Tell whether a process still runs; one that only waits to be counted does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


def test_an_interrupt_at_any_moment_leaves_no_child_and_is_not_lost() -> None:
    """In a process of one thread: where libraries have begun others, these take signals that are blocked in ours."""
    alone = os.fork()
    if alone == 0:
        status = 1
        try:
            interrupted_at_any_moment()
            status = 0
        except BaseException:  # noqa: BLE001 -- a forked child must not unwind into pytest
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(alone, 0)[1]) == 0


def interrupted_at_any_moment() -> None:
    before, mask = children(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    jobs: list[Callable[[], bytes]] = [sleeps, partial(words, 1), sleeps]
    for pause in range(0, 12_000, 300):
        with pytest.raises(KeyboardInterrupt):
            interrupted(jobs, pause / 1e6)
        assert children() == before
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def interrupted(jobs: list[Callable[[], bytes]], pause: float) -> None:
    """Begin jobs, and let another process send Ctrl-C after a pause."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # before somebody reaps would be too soon
    somebody = os.fork()
    if somebody == 0:
        time.sleep(pause)
        os.kill(os.getppid(), signal.SIGINT)
        os._exit(0)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        list(results(jobs, 3))
    finally:
        os.waitpid(somebody, 0)

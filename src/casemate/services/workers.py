"""Jobs in processes of their own, as many at once as there are processors: results come back as bytes through a pipe.

A child is forked, so it shares what was loaded before; its memory is given back when it ends, and whatever happens to
it happens to one job only. No child outlives us, however we end.
"""

import fcntl
import gc
import os
import selectors
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple, TypeAlias

CHUNK = 1 << 16
SIZE = 8  # bytes before a result that say how long it is: a child that was killed leaves less
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Job: TypeAlias = Callable[[], bytes]


class Child(NamedTuple):
    """A process at work: the number of its job, its own number, what it lives by, and what came from it until now."""

    job: int
    process: int
    life: int
    pieces: list[bytes]


def most_at_once() -> int | None:
    """Give how many jobs to run side by side: the processors we may use; None where a fork would be unsafe."""
    return len(os.sched_getaffinity(0)) if threading.active_count() == 1 else None


def results(jobs: Sequence[Job], most: int | None) -> Generator[tuple[int, bytes | None]]:
    """Yield the number and the result of each job as it ends; None where its process died.

    Without a number, or with one job, everything happens in this process; so does what the system lets us make no
    process for. A job whose process died is done once more at the end, alone: all of them together may have taken too
    much memory. Whoever stops early, or is interrupted, leaves no child behind.
    """
    if most is None or len(jobs) <= 1:
        for number, job in enumerate(jobs):
            yield number, job()
        return
    again: list[int] = []
    for number, data in side_by_side(jobs, range(len(jobs)), most):
        if data is None:
            again.append(number)
        else:
            yield number, data
    yield from side_by_side(jobs, sorted(again), 1)


def side_by_side(jobs: Sequence[Job], numbers: Iterable[int], most: int) -> Generator[tuple[int, bytes | None]]:
    """Yield the number and the result of each of these jobs, None where its process died."""
    waiting = deque(numbers)
    running: dict[int, Child] = {}
    gc.freeze()  # a collection in a child would copy every page that it looks at
    try:
        while waiting or running:
            while waiting and len(running) < most and begin(jobs[waiting[0]], waiting[0], running):
                waiting.popleft()
            if running:
                yield from ended(running)
            else:
                number = waiting.popleft()
                yield number, jobs[number]()
    finally:
        with undisturbed():
            stop(running)
            gc.unfreeze()


def begin(job: Job, number: int, running: dict[int, Child]) -> bool:
    """Fork a child that writes the result of a job; False where the system allows no more processes or files."""
    us, ends = os.getpid(), list[int]()
    with undisturbed() as mask:
        try:
            reading, writing = pair(ends)
            watched, life = pair(ends)
            process = os.fork()
        except OSError:
            for end in ends:
                os.close(end)
            return False
        if process == 0:
            lives = [life, *(sibling.life for sibling in running.values())]
            work(job, writing, partial(die_with, us, watched, lives), mask)
        os.close(writing)
        os.close(watched)
        running[reading] = Child(number, process, life, [])
    return True


def pair(ends: list[int]) -> tuple[int, int]:
    """Make a pipe, and note both ends. Raises OSError."""
    both = os.pipe()
    ends += both
    return both


def work(job: Job, writing: int, begin: Callable[[], None], mask: set[int]) -> None:
    """Be the child, which ends by every signal that its parent does not ignore. Never returns."""
    status = 1
    try:
        gc.disable()  # all of it goes when this process ends, which is soon
        begin()
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        data = job()
        left = memoryview(len(data).to_bytes(SIZE, "big") + data)
        while left:
            left = left[os.write(writing, left) :]
        status = 0
    finally:
        os._exit(status)


def die_with(parent: int, watched: int, lives: Iterable[int]) -> None:
    """Let the kernel end this process by SIGIO when its parent, which holds the other end of a pipe, is gone."""
    for life in lives:
        os.close(life)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(watched, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(watched, fcntl.F_SETFL, os.O_ASYNC)
    if os.getppid() != parent:  # gone already
        os._exit(1)


def ended(running: dict[int, Child]) -> Iterator[tuple[int, bytes | None]]:
    """Wait until something comes from the children, and yield what is whole."""
    with selectors.PollSelector() as selector:  # needs no descriptor of its own
        for end in running:
            selector.register(end, selectors.EVENT_READ)
        ready = [key.fd for key, _ in selector.select()]
    for end in ready:
        piece = os.read(end, CHUNK)
        if piece:
            running[end].pieces.append(piece)
            continue
        with undisturbed():
            child = running.pop(end)
            os.close(end)
            wait(child)
            os.close(child.life)
        yield child.job, whole(b"".join(child.pieces))


def whole(data: bytes) -> bytes | None:
    """Give the result out of what a child wrote, None where it did not come to its end."""
    content = data[SIZE:]
    return content if len(data) >= SIZE and int.from_bytes(data[:SIZE], "big") == len(content) else None


def stop(running: dict[int, Child]) -> None:
    """Kill these children and wait for their end."""
    for child in running.values():
        with suppress(ProcessLookupError):
            os.kill(child.process, signal.SIGKILL)
    for end, child in running.items():
        wait(child)
        os.close(end)
        os.close(child.life)


def wait(child: Child) -> None:
    """Wait for the end of a child. Where somebody ignores SIGCHLD, the system has forgotten it already."""
    with suppress(ChildProcessError):
        os.waitpid(child.process, 0)


@contextmanager
def undisturbed() -> Generator[set[int]]:
    """Let no signal end us in between: a child of which nobody knows yet would stay behind. Gives the mask before."""
    before = {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

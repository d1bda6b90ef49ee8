"""Jobs in processes of their own, as many at once as there are processors: results come back as bytes through a pipe.

A child is forked, so it shares what was loaded before; its memory is given back when it ends, and whatever happens to
it happens to one job only.
"""

import gc
import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

CHUNK = 1 << 16


def most_at_once() -> int | None:
    """Give how many jobs to run side by side: the processors we may use; None where a fork would be unsafe."""
    return len(os.sched_getaffinity(0)) if threading.active_count() == 1 else None


def results(jobs: Sequence[Callable[[], bytes]], most: int | None) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number and the result of each job as it ends; None where its process died.

    Without a number, or with one job, everything happens in this process. Whoever stops early, or is interrupted,
    leaves no child behind.
    """
    if most is None or len(jobs) <= 1:
        for number, job in enumerate(jobs):
            yield number, job()
        return
    gc.freeze()  # a collection in a child would copy every page that it looks at
    waiting = list(range(len(jobs)))[::-1]
    with selectors.DefaultSelector() as selector:
        running: dict[int, tuple[int, int, list[bytes]]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < most:
                    number = waiting.pop()
                    child, end = start(jobs[number])
                    running[end] = (number, child, [])
                    selector.register(end, selectors.EVENT_READ)
                for key, _ in selector.select():
                    number, child, pieces = running[key.fd]
                    piece = os.read(key.fd, CHUNK)
                    if piece:
                        pieces.append(piece)
                        continue
                    selector.unregister(key.fd)
                    del running[key.fd]
                    os.close(key.fd)
                    _, status = os.waitpid(child, 0)
                    yield number, b"".join(pieces) if status == 0 else None
        finally:
            gc.unfreeze()
            for end, (_, child, _) in running.items():
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(end)


def start(job: Callable[[], bytes]) -> tuple[int, int]:
    """Fork a child that writes the result of a job; give its number and the end to read from."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # pyright: ignore[reportUnnecessaryComparison] -- None where it is closed
            stream.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        left = memoryview(job())
        while left:
            left = left[os.write(writing, left) :]
        status = 0
    finally:
        os._exit(status)

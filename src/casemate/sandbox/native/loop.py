"""One thread waits for everything outside: descriptors and times. It knows nothing of what they carry.

epoll(7) refuses regular files and /dev/null (EPERM): those are always ready, so the loop never sleeps while one of them
is wanted. A descriptor that nobody wants anything of is not in the set at all: epoll would report its hang-up for ever.
"""

import select
import time
from _collections_abc import Callable

Callback = Callable[[], None]
GONE = select.EPOLLHUP | select.EPOLLERR


class Timer:
    """A callback that waits for its time; `cancel` makes it forget."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        """Keep what is to be called."""
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Never call it."""
        self.callback = None


class Loop:
    """Calls back when a descriptor is ready or a time has come, one after the other."""

    def __init__(self) -> None:
        """Open the epoll descriptor; it is close-on-exec."""
        self._epoll = select.epoll()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._masks: dict[int, int] = {}
        self._always: set[int] = set()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = 0

    def on_read(self, fd: int, callback: Callback | None) -> None:
        """Call back whenever `fd` can be read or has hung up; None stops that."""
        _set(self._readers, fd, callback)
        self._update(fd)

    def on_write(self, fd: int, callback: Callback | None) -> None:
        """Call back whenever `fd` can be written or has hung up; None stops that."""
        _set(self._writers, fd, callback)
        self._update(fd)

    def forget(self, fd: int) -> None:
        """Want nothing of `fd` any more. Call it before `fd` is closed."""
        self._readers.pop(fd, None)
        self._writers.pop(fd, None)
        self._update(fd)

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Call back once, `seconds` of monotonic time from now."""
        timer = Timer(callback)
        self._order += 1
        self._timers.append((time.monotonic() + seconds, self._order, timer))
        self._timers.sort(key=lambda one: one[:2])  # there are few
        return timer

    def run(self, until: Callable[[], bool]) -> None:
        """Wait and call back until `until()` is true."""
        while not until():
            self.step()

    def step(self, longest: float | None = None) -> None:
        """Wait once, at most `longest` seconds, and call back whatever is due."""
        ready = dict.fromkeys(self._always, select.EPOLLIN | select.EPOLLOUT)
        ready.update(self._epoll.poll(self._patience(longest)))
        for fd, events in ready.items():
            self._dispatch(fd, events)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = self._timers.pop(0)[2]
            if timer.callback is not None:
                timer.callback()

    def close(self) -> None:
        """Close the epoll descriptor; the watched ones belong to others."""
        self._epoll.close()

    def _dispatch(self, fd: int, events: int) -> None:
        """Call the reader, then the writer, unless the first one has taken the second away."""
        reader = self._readers.get(fd)
        if reader is not None and events & (select.EPOLLIN | GONE):
            reader()
        writer = self._writers.get(fd)
        if writer is not None and events & (select.EPOLLOUT | GONE):
            writer()

    def _patience(self, longest: float | None) -> float | None:
        """Give the seconds to sleep: none while something is always ready."""
        if self._always:
            return 0
        if not self._timers:
            return longest
        wait = max(0.0, self._timers[0][0] - time.monotonic())
        return wait if longest is None else min(wait, longest)

    def _update(self, fd: int) -> None:
        """Tell the kernel what is wanted of `fd` now."""
        mask = (select.EPOLLIN if fd in self._readers else 0) | (select.EPOLLOUT if fd in self._writers else 0)
        old = self._masks.pop(fd, 0)
        if not mask:
            self._always.discard(fd)
            if old and old != -1:
                self._epoll.unregister(fd)
            return
        self._masks[fd] = mask
        if fd in self._always:
            self._masks[fd] = -1
        elif not old:
            self._register(fd, mask)
        elif old != mask:
            self._epoll.modify(fd, mask)

    def _register(self, fd: int, mask: int) -> None:
        """Watch a new descriptor; one that cannot be polled is always ready (epoll_ctl(2), EPERM)."""
        try:
            self._epoll.register(fd, mask)
        except PermissionError:
            self._always.add(fd)
            self._masks[fd] = -1


def _set(table: dict[int, Callback], fd: int, callback: Callback | None) -> None:
    """Put a callback in, or take it out."""
    if callback is None:
        table.pop(fd, None)
    else:
        table[fd] = callback

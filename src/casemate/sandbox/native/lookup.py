"""Host names to addresses, by this host's own resolver, without the loop waiting for it.

getaddrinfo(3) blocks and there is no other way to ask /etc/hosts, NSS and the search list as the host does, so each
lookup has a thread of its own; there are never more than there are granted names, because equal ones share one.
"""

import os
import socket
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable

from casemate.sandbox.native.addresses import Address, literal
from casemate.sandbox.native.loop import Loop

Found = Callable[[tuple[Address, ...]], None]


class Lookups:
    """Asks for names, and calls back in the loop with the addresses; none where the name has none."""

    def __init__(self, loop: Loop) -> None:
        """Make the pipe by which a thread wakes the loop."""
        self._loop = loop
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._waiting: dict[str, list[Found]] = {}
        self._answers: deque[tuple[str, tuple[Address, ...]]] = deque()
        loop.on_read(self._reader, self._arrived)

    def find(self, name: str, found: Found) -> None:
        """Look `name` up and call `found` later."""
        waiting = self._waiting.setdefault(name, [])
        waiting.append(found)
        if len(waiting) == 1 and not self._begin(name):
            self._loop.after(0, lambda: self._answer(name, ()))

    def _begin(self, name: str) -> bool:
        """Start a thread that asks; false where the host has no descriptor or no thread left for it."""
        try:
            wake = os.dup(self._writer)
        except OSError:
            return False
        try:
            start_new_thread(_ask, (name, self._answers, wake))
        except RuntimeError:  # "can't start new thread"
            os.close(wake)
            return False
        return True

    def close(self) -> None:
        """Call nobody any more. A thread that still waits for the network ends by itself and finds nobody."""
        self._waiting.clear()
        self._loop.forget(self._reader)
        os.close(self._reader)
        os.close(self._writer)

    def _arrived(self) -> None:
        os.read(self._reader, 4096)
        while self._answers:
            self._answer(*self._answers.popleft())

    def _answer(self, name: str, addresses: tuple[Address, ...]) -> None:
        for found in self._waiting.pop(name, ()):
            found(addresses)


def _ask(name: str, answers: deque[tuple[str, tuple[Address, ...]]], wake: int) -> None:
    """Resolve in a thread of its own, then wake the loop."""
    try:
        answers.append((name, resolve(name)))
        os.write(wake, b"!")
    except OSError:
        return  # the run is over and the pipe has no reader
    finally:
        os.close(wake)


def resolve(name: str) -> tuple[Address, ...]:
    """Give the addresses of a name in the order of the host's preference (RFC 6724); waits for the network."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    texts = dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)
    return tuple(address for address in map(literal, texts) if address is not None)

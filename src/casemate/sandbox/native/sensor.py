"""P's side of the watched filter: takes notice of each call that was refused, and refuses it.

What is read is numbers that the kernel copied; the answer is always EPERM, whatever they are. A target that floods us
would make us work without being charged for it, so after ANSWERS calls the listener is closed: from then on the kernel
itself refuses, with ENOSYS.
"""

import errno
import os
import select
from _collections_abc import Callable
from fcntl import ioctl

from casemate.model.capability import Capability
from casemate.model.sandbox import Denial
from casemate.sandbox.native import control
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.loop import Loop

RECEIVE, SEND, IS_VALID = 0xC0502100, 0xC0182101, 0x40082102  # SECCOMP_IOCTL_NOTIF_RECV, _SEND, _ID_VALID
NOTICE = 80  # bytes of struct seccomp_notif: id, pid and flags, and seccomp_data with number, architecture, place, six
NO = (1 << 32) - errno.EPERM  # in struct seccomp_notif_resp: id, value, error as 32 bits with a sign, flags
LOW = (1 << 32) - 1
ANSWERS = 1 << 16  # a second of our time


class Sensor:
    """Answers the listener, once the target has handed it over, until everybody inside is dead."""

    def __init__(self, loop: Loop, witness: int, denied: Callable[[Denial], None]) -> None:
        """Begin at once. The descriptor (or -1) becomes ours."""
        self._loop, self._witness, self._denied = loop, witness, denied
        self._listener = -1
        self._ready = select.poll()
        self._left = ANSWERS
        if witness >= 0:
            loop.on_read(witness, self._handed)

    def close(self) -> None:
        """Answer nothing any more: the kernel answers ENOSYS."""
        self._witness = self._let_go(self._witness)
        self._listener = self._let_go(self._listener)

    def _let_go(self, fd: int) -> int:
        if fd >= 0:
            self._loop.forget(fd)
            os.close(fd)
        return -1

    def _handed(self) -> None:
        """Take the listener; without one the target has ended first, or this host has none to give."""
        _, self._listener = control.receive(self._witness)
        self._witness = self._let_go(self._witness)
        if self._listener >= 0:
            self._ready.register(self._listener, select.POLLIN)
            self._loop.on_read(self._listener, self._noticed)

    def _noticed(self) -> None:
        """Take one notice and refuse the call. To receive without one would wait, for ever where nobody is left."""
        events = self._ready.poll(0)
        if not events:
            return  # the caller was killed meanwhile
        if not events[0][1] & select.POLLIN:
            self._listener = self._let_go(self._listener)
            return
        notice = bytearray(NOTICE)
        try:
            ioctl(self._listener, RECEIVE, notice)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):  # the caller was killed, or a signal came first
                raise
            return
        ident, pid, number, _, *arguments = memoryview(notice).cast("Q").tolist()
        try:
            self._report(number & LOW, arguments, pid & LOW, ident)
        finally:
            self._refuse(ident)

    def _refuse(self, ident: int) -> None:
        """Answer EPERM, as the filter would; ENOENT means that the caller does not wait any more."""
        try:
            ioctl(self._listener, SEND, k.words(8, ident, 0, NO))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):
                raise
        self._left -= 1
        if not self._left:
            self._listener = self._let_go(self._listener)
            self._denied(Denial(Capability.KERNEL, "", f"{ANSWERS} refused calls were told; further ones are not"))

    def _report(self, number: int, arguments: list[int], pid: int, ident: int) -> None:
        from casemate.sandbox.native.noticed import denial  # noqa: PLC0415 -- most programs try nothing of that

        noticed = denial(number, arguments, pid, lambda: self._waits(ident))
        if noticed is not None:
            self._denied(noticed)

    def _waits(self, ident: int) -> bool:
        """Tell whether the caller is there and waits: then its number was nobody else's all the time."""
        try:
            ioctl(self._listener, IS_VALID, k.words(8, ident))
        except OSError:
            return False
        return True

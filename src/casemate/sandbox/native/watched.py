"""One filter with a listener: what the filter would refuse with EPERM is told to P, which refuses it with EPERM.

seccomp_unotify(2): the call waits until whoever holds the listener has answered. P never lets one go on
(SECCOMP_USER_NOTIF_FLAG_CONTINUE), so the listener decides nothing: it only learns what was tried. When P dies the call
fails with ENOSYS. A system call that passes is never told, so none that is hot costs more than before.

Both filters become one, because a process has one listener at most, and the kernel takes the strictest answer of all
filters: an error from one of them would hide the notice from the other. See docs/decisions/0009.
"""

import errno
import os

from casemate.sandbox.native import control, seccomp
from casemate.sandbox.native import kernel as k

NOTIFY = 0x7FC00000  # SECCOMP_RET_USER_NOTIF, Linux 5.0
RETURN, JUMP, VALUE = 0x06, 0x05, 32  # an instruction as one number: the code below, its value above
EQUAL, OTHERWISE = 0x15, 24  # and between them, how far to jump when it is so, and when not
LAST, LOW = 0x20 | 56 << VALUE, (1 << VALUE) - 1  # load the low half of the last argument; struct seccomp_data
SET_MODE_FILTER, NEW_LISTENER, UNDISTURBED = 1, 0x8, 0x20  # the last one: only death ends the wait, Linux 5.19
SIZE = 8  # bytes of an instruction
ALLOWED = RETURN | seccomp.ACT_ALLOW << VALUE
REFUSED = RETURN | (seccomp.ACT_ERRNO | seccomp.EPERM) << VALUE
TOLD = RETURN | NOTIFY << VALUE


def merged(listed: bytes, checked: bytes, token: int = 0) -> bytes:
    """Put the list of calls and the one about arguments together; where the first allows, the second is asked.

    A call with `token` as its last argument is refused in silence: it is one of the self-test, before the target is
    there. Whoever knew it could only be refused in silence, too.
    """
    first, second = _lines(listed), _lines(checked)
    last = len(first) - 1
    joined = [JUMP | last - at << VALUE if line == ALLOWED else line for at, line in enumerate(first)] + [*second]
    if not token:
        return k.words(SIZE, *[TOLD if line == REFUSED else line for line in joined])
    end = len(joined) - 1
    told = [JUMP | end - at << VALUE if line == REFUSED else line for at, line in enumerate(joined)]
    return k.words(SIZE, *told, *_silent(token))


def _silent(token: int) -> list[int]:
    """Tell of a call unless its last argument is `token`; it is refused in any case."""
    low, high = token & LOW, token >> VALUE
    unless_low, unless_high = EQUAL | 3 << OTHERWISE | low << VALUE, EQUAL | 1 << OTHERWISE | high << VALUE
    return [LAST, unless_low, LAST + (4 << VALUE), unless_high, REFUSED, TOLD]


def _lines(code: bytes) -> list[int]:
    """Give each instruction as a number; both architectures begin with the lowest byte."""
    return memoryview(code).cast("Q").tolist()


def install(listed: bytes, checked: bytes, witness: int, token: int = 0) -> None:
    """Put both filters in force, watched where this kernel can, and hand the listener to P; else as they are.

    A listener of somebody else around us (EBUSY), an old kernel (EINVAL) or no free descriptor (EMFILE) are no reason
    not to run: the same calls are refused with the same error, and nobody is told. Raises OSError.
    """
    listener = _listening(merged(listed, checked, token)) if witness >= 0 else -1
    if listener < 0:
        seccomp.install(listed)
        seccomp.install(checked)
        return
    control.hand(witness, "listener", listener)  # it is closed here; execve would do it too, it is close-on-exec
    os.close(witness)


def _listening(code: bytes) -> int:
    """Install a filter that tells; give its listener, or -1 where nothing was installed."""
    program = k.words(8, len(code) // SIZE, k.address_of(code))  # struct sock_fprog
    for flags in (NEW_LISTENER | UNDISTURBED, NEW_LISTENER):
        try:
            return k.call("seccomp", k.number("seccomp"), SET_MODE_FILTER, flags, program)
        except OSError as error:
            if error.errno != errno.EINVAL:
                break
    return -1

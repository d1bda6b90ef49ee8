"""P as the steward sees it: alive, or gone. By a pidfd, which no copy of a descriptor and no end of a thread can fool.

PR_SET_PDEATHSIG alone will not do: it follows the *thread* that forked us, which may end while the run goes on
(prctl(2)). The end of the control channel alone will not do: a child that another thread of the caller forked holds a
copy of it, and outlives the caller.
"""

import os
import select

from casemate.model.csignal import signal
from casemate.sandbox.native import kernel as k


def watched(parent: int) -> int:
    """Give a pidfd of our parent, and depend on that process from now on instead of on its thread.

    PR_SET_PDEATHSIG must be in force. While the parent is our parent its number belongs to nobody else. What is left of
    that signal only wakes us, in case that somebody has stopped us: a stopped process sees no pidfd.
    """
    caller = os.pidfd_open(parent)
    k.prctl(k.PR_SET_PDEATHSIG, signal.SIGCONT)
    if os.getppid() != parent:
        raise ProcessLookupError("casemate ended meanwhile")
    return caller


def speaks(caller: int, channel: int) -> bool:
    """Wait until something can be read on `channel`, its end included; false when the caller is gone."""
    waiting = select.poll()
    waiting.register(caller, select.POLLIN)
    waiting.register(channel, select.POLLIN)
    return caller not in dict(waiting.poll())

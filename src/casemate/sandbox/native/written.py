"""Copies out every layer of a run, and says what reached the host and what did not."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from casemate.model.sandbox import Json
from casemate.model.visible import visible
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.contract import CommitLayer, Outside, Written
from casemate.sandbox.native.fork import fork
from casemate.sandbox.native.init import plain_signals
from casemate.sandbox.streams import AtEnd, Look

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import Never


def copy_out(layers: tuple[CommitLayer, ...], outside: Outside, at_end: AtEnd, look: Look) -> Written:
    """Look at what was written as closely as asked, and copy out what may be, or nothing.

    Only to be called when nobody inside lives any more.
    """
    from casemate.sandbox.native import changed  # noqa: PLC0415 -- only where something may be written
    from casemate.sandbox.native.commit import commit  # noqa: PLC0415 -- likewise

    def written() -> tuple[list[str], list[str], list[list[Json]], bool]:
        mask, committed, refused, changes, lost = umask(), list[str](), list[str](), list[list[Json]](), False
        for layer in layers:
            found = changed.seen(layer, outside, content=look is Look.CONTENT) if look is not Look.NOT else ()
            if at_end is AtEnd.DISCARD:
                changes += map(changed.plain, changed.discarded(found))
                continue
            result = commit(layer, outside.deny, persist=outside.persist, umask=mask)
            committed += map(visible, result.committed)
            refused += [f"{visible(entry.path)}: {entry.reason}" for entry in result.refused]
            lost = lost or any(entry.lost for entry in result.refused)
            changes += map(changed.plain, changed.after(found, result)) if look is not Look.NOT else ()
        return committed, refused, changes, lost

    try:
        answer = json.loads(_by_another(written, {fd for layer in layers for fd in (layer.upper, layer.target)}))
    except (OSError, ValueError):
        why = "copying it out was cut short, so some of it may be there and some not"
        return nothing(layers, why)
    return Written(tuple(answer[0]), tuple(answer[1]), tuple(map(changed.again, answer[2])), lost=answer[3])


def nothing(layers: tuple[CommitLayer, ...], why: str) -> Written:
    """Say of all layers why they are not copied out."""
    return Written(refused=tuple(f"{visible(layer.write.path)}: {why}" for layer in layers), lost=bool(layers))


def _by_another(act: Callable[[], object], needed: set[int]) -> str:
    """Do it in a child, and give what it said, as JSON.

    It has a session of its own, so that no key reaches it, and SIGTERM when we die, which waits for the moment in which
    nothing temporary is on the host (replace.py).
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    try:
        child = fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if child == 0:
        _child(act, needed, writer, parent)
    os.close(writer)
    try:
        with open(reader, encoding="ascii") as said:  # noqa: PTH123 -- a descriptor
            return said.read()
    except BaseException:
        os.kill(child, signal.SIGTERM)
        raise
    finally:
        with suppress(ChildProcessError):  # a caller that ignores SIGCHLD; what was said is complete or no JSON
            os.waitpid(child, 0)


def _child(act: Callable[[], object], needed: set[int], writer: int, parent: int) -> "Never":
    """Be the child. It keeps only the descriptors that it needs, or it would hold other runs of the caller alive."""
    try:
        k.prctl(k.PR_SET_PDEATHSIG, signal.SIGTERM)
        os.setsid()
        plain_signals()
        k.close_all_but({0, 1, 2, writer, *needed})
        if os.getppid() == parent:
            words = json.dumps(act()).encode()  # utf-8 is built in: any other codec is a module, and another thread
            while words:  # of the caller may have been loading it when we were forked: its lock would stay locked here
                words = words[os.write(writer, words) :]
    finally:  # a forked child must not unwind into the stack of its parent
        os._exit(0)


def umask() -> int:
    """Read the file mode mask of this process; the system call can only exchange it, which threads would notice."""
    return int(k.status(b"Umask") or b"077", 8)

"""Where only bubblewrap may make a user namespace: it makes one for the steward, which does all that it always does.

Such hosts (kernel.apparmor_restrict_unprivileged_userns) let a program of ours make none that is good for anything, and
let /usr/bin/bwrap, by a profile of AppArmor. So the forked child becomes bubblewrap, and bubblewrap starts the steward
in its namespace: a fresh interpreter that is told the plan (entered.py). From there on it is the native backend.
"""

import fcntl
import os
from _collections_abc import Callable, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.errors import Refused
from casemate.model.sandbox import Outcome
from casemate.sandbox.containers.bubblewrap import NAMESPACE
from casemate.sandbox.containers.launch import HIGH, in_memory, last_words
from casemate.sandbox.containers.packing import packed
from casemate.sandbox.containers.scaffold import scaffold
from casemate.sandbox.native import identity, init
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.entering import Entrances
from casemate.sandbox.native.steward import Ends, First, Prepared, Target, World
from casemate.sandbox.native.world import UID
from casemate.sandbox.spelling import spelled
from casemate.sandbox.words import written


@dataclass(frozen=True, slots=True)
class Through:
    """The program that makes the namespace, and where its words go."""

    program: str
    log: int

    def stand(
        self, plan: NativePlan, environment: Mapping[str, str], prepared: Prepared, ends: Ends, first: First
    ) -> None:
        """Be bubblewrap, in the place of the steward. Never returns."""
        del first  # what pid 1 does is known: it starts the target
        words = self.log
        try:
            alive = os.pidfd_open(ends.parent)
            told = in_memory("job", _told(plan, environment, prepared, ends))
            os.setsid()
            init.plain_signals()
            identity.allow_no_core_helper()
            null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            given = (ends.lifeline, ends.status, ends.control, ends.witness, told, alive, *ends.inner)
            out = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH) for fd in (null, self.log, self.log, *given)]
            for number, descriptor in enumerate(out):
                os.dup2(descriptor, number, inheritable=True)
            words = 2
            k.close_all_but(range(len(out)))
            os.execve(self.program, _argv(), {})  # noqa: S606 -- that is what this module is for
        except BaseException as error:  # noqa: BLE001 -- a forked child must not unwind into the stack of its parent
            os.write(words, f"{self.program}: {error}\n".encode())
        finally:
            os._exit(0)


def through(program: str, run: "Callable[[Through], Outcome]") -> Outcome:
    """Run with a steward that bubblewrap starts. Raises Refused with the words of bubblewrap where it could not."""
    log = in_memory("log", b"")
    try:
        return run(Through(program, log))
    except Refused as refused:
        words = last_words(log)
        if not words or refused.code != 125:
            raise
        raise Refused(f"bubblewrap: {words}") from None
    finally:
        os.close(log)


def _argv() -> tuple[str, ...]:
    """Say what bubblewrap is to do."""
    made = scaffold()
    interpreter, *options = made.argv
    boot = options.index("-c") + 1
    options[boot] = options[boot].replace("containers.inside", "containers.entered")
    return ("bwrap", *NAMESPACE, interpreter, *options)


def _told(plan: NativePlan, environment: Mapping[str, str], prepared: Prepared, ends: Ends) -> bytes:
    world = World(plan, environment, prepared, ends, Target(UID, Entrances()))
    job = packed(world, mounts=False, entrances=0, untried=frozenset())
    return written(
        {
            "job": job.decode("ascii"),
            "steps": [spelled(step) for step in plan.steps],
            "runnable": plan.runnable,
            "connect": [spelled(one) for one in plan.outside.connect],
            "forwards": [spelled(one) for one in plan.outside.forwards],
            "places": [[place.version, place.directory] for place in prepared.places],
            "entrances": ends.entrances,
        }
    ).encode()

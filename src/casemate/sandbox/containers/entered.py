"""The steward, started by bubblewrap in a user namespace that it made (through.py): a fresh interpreter, told the plan.

It sees the host as its caller does, and has every right over its own namespace. It makes the others, and then all is as
in the native backend. It dies with bubblewrap, and lets go when casemate is gone.
"""

import gc
import os
import sys

from casemate.model.csignal import signal
from casemate.model.dataclass import replace
from casemate.sandbox.containers.job import unpacked
from casemate.sandbox.native import init
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.cgroups import Place
from casemate.sandbox.native.contract import NativePlan, Outside
from casemate.sandbox.native.fork import load_nothing_more
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.steward import Ends, Prepared, make_world, start_target
from casemate.sandbox.spelling import endpoint, forward, step
from casemate.sandbox.words import Told, understood

LIFELINE, STATUS, CONTROL, WITNESS, TOLD, ALIVE, STREAMS = 3, 4, 5, 6, 7, 8, (9, 10, 11)


def main() -> None:
    """Be the steward. Never returns; every failure is a line on the status pipe."""
    try:
        k.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)
        gc.disable()
        sys.stdout = sys.stderr = sys.stdin = None
        _stand(Told(understood(_whole(TOLD))))
    except Failed as failed:
        init.refuse(STATUS, failed)
    except BaseException as error:  # noqa: BLE001 -- one line, whatever it is
        init.refuse(STATUS, Failed("steward", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def _whole(descriptor: int) -> str:
    with open(descriptor, "rb", buffering=0) as file:
        file.seek(0)
        return file.read().decode("ascii")


def _stand(told: Told) -> None:
    job = unpacked(told.text("job"))
    outside = Outside(
        limits=job.limits,
        connect=tuple(map(endpoint, told.items("connect"))),
        forwards=tuple(map(forward, told.items("forwards"))),
    )
    plan: NativePlan = replace(
        job.plan, steps=tuple(map(step, told.items("steps"))), runnable=told.texts("runnable"), outside=outside
    )
    prepared = Prepared(
        privileged=False,
        landlock=job.version,
        filter=job.filter,
        mdwe=job.mdwe,
        without=job.without,
        places=tuple(Place(0, "", ()) for _ in told.items("places")),  # the limits are those of each process already
        test=job.test,
        entered=True,
    )
    if outside.connect or outside.forwards:
        from casemate.sandbox.native import net  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] -- before it cannot
    if plan.waits:
        from casemate.sandbox import waiting  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] -- likewise
    for number, descriptor in enumerate(STREAMS):
        os.dup2(descriptor, number, inheritable=True)
    k.close_all_but((0, 1, 2, LIFELINE, STATUS, CONTROL, WITNESS, ALIVE))
    k.close_on_exec(3)
    load_nothing_more()
    ends = Ends(0, LIFELINE, STATUS, CONTROL, (0, 1, 2), WITNESS, told.texts("entrances"), ALIVE)
    make_world(plan, job.environment, prepared, ends, start_target)

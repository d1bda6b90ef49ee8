"""How long a program that does nothing takes in each backend on this host, beside the same program by itself.

What was measured is kept, with its day, until the runtime or the kernel is another one.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from statistics import median

from casemate.cli.terminal import Progress
from casemate.model.errors import Refused
from casemate.model.sandbox import Runtime
from casemate.readers.host.program import Code
from casemate.reports.backends import Started
from casemate.run import Prepared, Request, prepare
from casemate.sandbox import Backend, Streams, confine
from casemate.services.alone import seconds
from casemate.services.store import Store, usual

RUNS = 7


def measure(
    backends: Sequence[tuple[str, Backend, Runtime]], environment: Mapping[str, str]
) -> dict[str, Started | Refused]:
    """Measure each backend and keep it; give what was measured, or why it did not start a program that does nothing."""
    store, found = usual(environment, "backends"), dict[str, Started | Refused]()
    prepared, progress = prepare(Request(Code("pass"), terminal=False)), Progress("measure")
    try:
        for number, (name, backend, runtime) in enumerate(backends):
            progress(number, len(backends))
            try:
                found[name] = started = _started(prepared, backend)
            except Refused as refused:
                found[name] = refused
                continue
            if store is not None:
                _keep(store, name, runtime, started)
    finally:
        progress.clear()
    return found


def kept(name: str, runtime: Runtime, environment: Mapping[str, str]) -> Started | None:
    """Give what was measured for this backend, in this version, on this kernel."""
    store = usual(environment, "backends")
    content = store.get(_key(name, runtime)) if store is not None else None
    return Started(**json.loads(content)) if content else None


def _keep(store: Store, name: str, runtime: Runtime, started: Started) -> None:
    values = {"seconds": started.seconds, "bare": started.bare, "runs": started.runs, "day": started.day}
    store.put(_key(name, runtime), json.dumps(values).encode())


def _key(name: str, runtime: Runtime) -> str:
    return sha256(f"1\0{name}\0{runtime.version}\0{os.uname().release}".encode()).hexdigest()


def _started(prepared: Prepared, backend: Backend) -> Started:
    """Start it several times in turn with the program by itself; the first start of each is not counted.

    Raises Refused.
    """
    command = prepared.command
    times = [(_seconds(prepared, backend), seconds(command.argv, command.executable)) for _ in range(RUNS + 1)][1:]
    within, alone = zip(*times, strict=True)
    return Started(median(within), median(alone), RUNS, time.strftime("%Y-%m-%d"))


def _seconds(prepared: Prepared, backend: Backend) -> float:
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 -- a device
        streams = Streams(nothing.fileno(), nothing.fileno(), nothing.fileno())
        began = time.perf_counter()
        ended = confine(
            prepared.command, prepared.policy, backend=backend, environment=prepared.environment, streams=streams
        )
        took = time.perf_counter() - began
    if ended.code:
        raise Refused(f"a program that does nothing ended with {ended.code}")
    return took

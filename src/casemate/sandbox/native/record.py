"""A run as events, one JSON object each, for `--record`: what was started, what was denied, what changed, how it ended.

Version 2; docs/reference/record.md describes every event, and a test compares the page with what is written. Names of
environment variables are recorded, never their values, and names and sizes of files, never their content. Paths are
shown with escapes, so that a name made by the target cannot forge a line or move a cursor (CWE-117, CWE-150).
"""

import os
import time
from _collections_abc import Iterator, Mapping, Sequence

from casemate.model.dataclass import dataclass
from casemate.model.sandbox import Denial, FileChange, Json, Outcome
from casemate.model.visible import visible
from casemate.sandbox.native import mounting
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.plan import WAIT
from casemate.sandbox.native.residual import residual
from casemate.sandbox.native.steps import Image
from casemate.sandbox.streams import RunInput

VERSION = 2
HASHED = 64 << 20  # bytes of an executable that are read for its hash, a tenth of a second; a larger one has none

Event = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Usage:
    """What passed between the run and the world, in bytes and connections."""

    output_bytes: int = 0
    traffic: tuple[tuple[str, int, int, int], ...] = ()  # HOST:PORT, connections, bytes sent, bytes received


def begun(plan: NativePlan, run: RunInput, tried: Sequence[str] = ()) -> Iterator[Event]:
    """Say what is about to be started, under which policy, which layers withhold what, and what remains.

    `tried` are the classes of which the self-test tries an act before. Where a runtime is started for a guest, the
    guest's command and coverage are told.
    """
    origin, told = run.origin, run.told or plan
    yield {
        "event": "started",
        "version": VERSION,
        "time": now(),
        "backend": told.backend,
        "host": {"kernel": os.uname().release, "machine": os.uname().machine, "uid": os.getuid()},
        "policy": origin.policy_hash,
        "effective": origin.effective_hash,
        "accepted": list(origin.accepted),
        "command": [visible(argument) for argument in told.command],
        "executable": _file(plan),
        "directory": visible(told.directory),
        "environment": list(told.environment),
        "waits": WAIT in told.operations,
        "layers": sorted({layer for entry in told.coverage for layer in entry.layers}),
        "self_test": list(tried),
        "coverage": [
            {
                "capability": str(entry.capability),
                "enforcement": str(entry.enforcement),
                "layers": list(entry.layers),
                "note": entry.note,
                "classes": [
                    {"class": part.name, "enforcement": str(part.enforcement), "layers": list(part.layers)}
                    for part in entry.classes
                ],
            }
            for entry in told.coverage
        ],
    }
    if origin.effective:
        yield {"event": "granted", "time": now(), **origin.effective}
    vendor = [str(operation.arguments["says"]) for operation in told.operations if operation.name == "vendor"]
    yield {"event": "residual", "time": now(), "risks": [*vendor, *residual(plan, told.coverage)]}


def denied(denial: Denial) -> Event:
    """Say what the program wanted and did not get."""
    return {
        "event": "denied",
        "time": now(),
        "capability": str(denial.capability),
        "resource": visible(denial.resource),
        "detail": visible(denial.detail),
    }


def finished(outcome: Outcome, usage: Usage) -> Iterator[Event]:
    """Say what a run used, what it wrote and what of that reached the host, and at last how it ended."""
    yield {
        "event": "resources",
        "time": now(),
        "wall_seconds": round(outcome.wall_seconds, 3),
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "max_rss_bytes": outcome.max_rss_bytes,
        "output_bytes": usage.output_bytes,
    }
    for host, connections, sent, received in usage.traffic:
        yield {
            "event": "traffic",
            "time": now(),
            "to": host,
            "connections": connections,
            "sent": sent,
            "received": received,
        }
    yield from map(_change, outcome.changes)
    if not outcome.changes:  # all of it was refused before it was looked at
        yield from ({"event": "refused", "time": now(), "what": visible(line)} for line in outcome.refused)
    yield {
        "event": "ended",
        "time": now(),
        "code": outcome.code,
        "signal": outcome.signal,
        "by": outcome.ended_by,
        "denials": len(outcome.denials),
    }


def now() -> str:
    """Give the time in UTC, to the millisecond: RFC 3339."""
    seconds, part = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{part:03}Z"


def _change(change: FileChange) -> Event:
    return {
        "event": "change",
        "time": now(),
        "path": visible(change.path),
        "kind": str(change.kind),
        "before": change.before,
        "after": change.after,
        "persist": change.persist,
        "copied": change.copied,
        "reason": visible(change.reason),
    }


def _opened(plan: NativePlan) -> int:
    """Open what is executed, where it is looked up: on this host or in the image. Raises OSError."""
    top = next((step.seen.path for step in plan.steps if isinstance(step, Image)), "")
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if not top:
        return os.open(plan.executable, flags)
    root = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return mounting.open_within(root, plan.executable, flags, links=0)
    finally:
        os.close(root)


def _file(plan: NativePlan) -> Event:
    """Say which file is executed, as far as it can be said by reading it once."""
    from hashlib import file_digest  # noqa: PLC0415 -- only for a record: it loads a large library

    found: dict[str, Json] = {"path": visible(plan.executable)}
    try:
        with open(_opened(plan), "rb") as file:
            state = os.fstat(file.fileno())
            found |= {"inode": f"{state.st_dev:x}:{state.st_ino}", "bytes": state.st_size}
            if state.st_size <= HASHED:
                found["sha256"] = file_digest(file, "sha256").hexdigest()
    except OSError as error:  # a program that may be executed and not read
        found["unread"] = error.strerror or str(error)
    return found

"""A run as events, one JSON object each, for `--record`: what was to be started, what was denied, how it ended.

Version 1. Names of environment variables are recorded, never their values. Paths are shown with escapes, so that a name
made by the target cannot forge a line or move a cursor (CWE-117, CWE-150).
"""

from _collections_abc import Iterator, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.sandbox import Denial, Json, Outcome, Plan
from casemate.model.visible import visible

VERSION = 1

Event = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Usage:
    """What passed between the run and the world, in bytes and connections."""

    output_bytes: int = 0
    traffic: tuple[tuple[str, int, int, int], ...] = ()  # HOST:PORT, connections, bytes sent, bytes received


def started(plan: Plan, policy_hash: str = "") -> Event:
    """Say what is about to be started, and which layers withhold what."""
    return {
        "event": "started",
        "version": VERSION,
        "backend": plan.backend,
        "policy": policy_hash,
        "command": [visible(argument) for argument in plan.command],
        "directory": visible(plan.directory),
        "environment": list(plan.environment),
        "coverage": [
            {
                "capability": str(entry.capability),
                "enforcement": str(entry.enforcement),
                "layers": list(entry.layers),
                "note": entry.note,
            }
            for entry in plan.coverage
        ],
    }


def denied(denial: Denial) -> Event:
    """Say what the program wanted and did not get."""
    return {
        "event": "denied",
        "capability": str(denial.capability),
        "resource": visible(denial.resource),
        "detail": visible(denial.detail),
    }


def finished(outcome: Outcome, usage: Usage) -> Iterator[Event]:
    """Say what a run used, what of its writing reached the host, and how it ended; `ended` is always the last event."""
    yield {
        "event": "resources",
        "wall_seconds": round(outcome.wall_seconds, 3),
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "max_rss_bytes": outcome.max_rss_bytes,
        "output_bytes": usage.output_bytes,
    }
    for host, connections, sent, received in usage.traffic:
        yield {"event": "traffic", "to": host, "connections": connections, "sent": sent, "received": received}
    for path in outcome.committed:
        yield {"event": "committed", "path": visible(path)}
    for line in outcome.refused:
        yield {"event": "refused", "what": visible(line)}
    yield {"event": "ended", "code": outcome.code, "signal": outcome.signal, "by": outcome.ended_by}

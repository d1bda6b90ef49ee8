"""What the policy is for a probe: the caller's, with grants on canaries beside it and limits made small.

An act that the policy grants is no escape; `given` says so.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.policy import MIB, Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import ClassCoverage, Enforcement, Json
from casemate.model.verification import Probe

SMALL: Mapping[str, tuple[str, int]] = {  # what probes call it: the field of the limits, and how small it is made
    "most_memory": ("memory_bytes", 512 * MIB),
    "most_processes": ("processes", 12),
    "most_fds": ("fds", 64),
    "most_output": ("output_bytes", MIB),
    "most_disk": ("disk_bytes", 4 * MIB),
    "most_cpu": ("cpu_seconds", 1),
    "most_wall": ("wall_seconds", 2),
}
TMP = 8 * MIB
GIVEN = ("granted", "the policy sets no limit")  # how a coverage table begins to say that a policy gives something
ELSEWHERE = "canary.invalid:443"  # a granted end that no probe may make more of (RFC 6761)


def policy_for(policy: Policy, probes: Iterable[tuple[Probe, Path]], program: str, slow: int = 1) -> Policy:
    """Give the policy under which probes with the same grants and limits are executed.

    `slow` is that of Runtime: a limit in seconds leaves time for the start.
    """
    grants, deny, limits, tmp = list[Grant](), list[str](), policy.limits, policy.tmp_bytes
    for probe, folder in probes:
        grants += _grants(probe, folder, program)
        deny += [f"{folder}/out/denied", f"{folder}/out/denied-new"] if "deny" in probe.granted else []
        limits = replace(limits, **dict(_small(probe, limits, slow)))
        tmp = min(tmp, TMP) if "most_tmp" in probe.uses else tmp
    return replace(policy.plus(*grants), deny=(*policy.deny, *deny), limits=limits, tmp_bytes=tmp)


def _grants(probe: Probe, folder: Path, program: str) -> Iterator[Grant]:
    """Yield what a probe is granted, by the words of its decorator."""
    for word in probe.granted:
        match word:
            case "read":
                yield Grant(C.FS_READ, f"{folder}/shared")
            case "write":
                yield Grant(C.FS_WRITE, f"{folder}/out", WriteMode.COMMIT, MIB)
            case "code":
                yield Grant(C.FS_READ, f"{folder}/shared/code")
                yield Grant(C.NATIVE_EXT, f"{folder}/shared/code")
            case "connect":
                yield Grant(C.NET_CONNECT, ELSEWHERE)
            case "unix":
                yield Grant(C.NET_UNIX, f"{folder}/shared/socket")
            case "spawn":
                yield Grant(C.PROC_SPAWN, program)
                yield Grant(C.FS_EXEC, program)
                yield Grant(C.FS_READ, program)
            case "wx":
                yield Grant(C.NATIVE_WX, "")
            case "deny":
                continue
            case _:
                raise ValueError(f"{probe.name}: nothing is called {word}")


def _small(probe: Probe, limits: Limits, slow: int) -> Iterator[tuple[str, int]]:
    """Make the limits small that a probe goes beyond, so that the act stays harmless outside."""
    for name, (limit, most) in SMALL.items():
        if name in probe.uses:
            small = most * slow if limit.endswith("_seconds") else most
            yield limit, min(getattr(limits, limit) or small, small)


def told(policy: Policy) -> dict[str, Json]:
    """Tell a probe which limits there are."""
    return {name: getattr(policy.limits, limit) for name, (limit, _) in SMALL.items()} | {"most_tmp": policy.tmp_bytes}


def given(probe: Probe, policy: Policy, place: Path, said: ClassCoverage) -> str:
    """Say that the caller's policy gives what a probe would take; "" where it does not."""
    if said.enforcement is Enforcement.DESCRIBED:
        return "no backend withholds this; it is only described"
    if said.enforcement is Enforcement.NOT and said.note.startswith(GIVEN):
        return f"the policy gives it: {said.note}"
    if probe.capability in (C.FS_READ, C.FS_LIST, C.FS_WRITE, C.FS_DELETE, C.FS_META, C.NET_UNIX):
        for grant in policy.grants:
            if grant.capability in (C.FS_READ, C.FS_WRITE) and _is_in(place, grant.resource):
                return f"the policy gives it: {grant.capability} {grant.resource}"
    return ""


def _is_in(place: Path, tree: str) -> bool:
    return Path(os.path.realpath(tree)) in (place, *place.parents)

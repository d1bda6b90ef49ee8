"""A policy in full: each grant with the paths that it means on this host, each limit, all that is denied."""
# ruff: noqa: PTH110 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from collections.abc import Callable, Iterator
from textwrap import wrap

from casemate.model.capability import Capability
from casemate.model.persist import PERSIST
from casemate.model.policy import PRIVATE, Assurance, Grant, Policy
from casemate.policy import values
from casemate.policy.expand import BROUGHT, IN_IMAGE
from casemate.policy.sets import VERSION, Places, read_set, secrets

WIDTH = 12


def describe(policy: Policy, places: Places) -> Iterator[str]:
    """Yield the lines. A set whose members depend on the program says so where `places` names none."""
    backends = ", ".join(policy.backends) or "native"
    yield f"policy {policy.name or '(unnamed)'}: backends {backends}; layers {policy.layers}"
    if policy.assurance is not Assurance.ANY:
        yield f"assurance {policy.assurance}: no backend whose vendor does not offer it against hostile code"
    yield f"sets of version {VERSION}; a granted path that is missing: {policy.missing}"
    if policy.image:
        yield f"image {policy.image}: the root, read-only; all of it can be read, and its libraries mapped executable"
    yield ""
    for grant in policy.grants:
        if policy.image and (grant.resource in IN_IMAGE - {"@program"} or grant.capability in BROUGHT):
            yield f"{grant.capability:{WIDTH}} {grant.resource}  (of the image)"
        else:
            yield from _grant(grant, places)
    for name, value in policy.settings:
        yield f"{'env.set':{WIDTH}} {name}={value}"
    for secret in policy.secrets:
        yield f"{'env.secret':{WIDTH}} {secret.name}: a placeholder; {secret.source} goes to {secret.to} alone"
    if not policy.grants:
        yield "nothing is granted; `run` adds @python and @program of what it starts"
    yield ""
    yield from _denied(policy, places)
    yield ""
    yield from _limits(policy)


def _grant(grant: Grant, places: Places) -> Iterator[str]:
    """Yield the lines of one grant."""
    mode = f" {grant.mode}" if grant.mode else ""
    most = f" up to {values.spell_size(grant.max_bytes).strip(chr(34))}" if grant.max_bytes else ""
    capability = f"{grant.capability + mode:{WIDTH}}"
    if not grant.resource.startswith("@"):
        is_path = grant.resource.startswith("/")
        gone = "  (does not exist)" if is_path and not os.path.exists(grant.resource) else ""
        yield f"{capability} {grant.resource}{most}{gone}".rstrip()
        return
    yield f"{capability} {grant.resource}{most}"
    if grant.resource == PRIVATE:
        yield f"{'':{WIDTH}}   sockets between its own processes; none of the host's"
        return
    program = (places.interpreter,) if places.interpreter else ()
    members = program if grant.capability is Capability.PROC_SPAWN else read_set(grant.resource, places)
    yield from (f"{'':{WIDTH}}   {path}" for path in members)
    if not members:
        yield f"{'':{WIDTH}}   (known when a program is named)"


def _denied(policy: Policy, places: Places) -> Iterator[str]:
    """Yield what is denied: of @secrets those that are there, of @persist the names."""
    for entry in policy.deny:
        yield f"{'deny':{WIDTH}} {entry}"
        if entry == "@secrets":
            there = [path for path in dict.fromkeys(secrets(places.homes)) if os.path.lexists(path)]
            yield from (f"{'':{WIDTH}}   {path}" for path in there)
            yield f"{'':{WIDTH}}   and {len(set(secrets(places.homes))) - len(there)} more that do not exist here"
        elif entry == "@persist":
            yield f"{'':{WIDTH}}   may be read, never written:"
            indent = f"{'':{WIDTH}}     "
            yield from wrap(
                " ".join(PERSIST), 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
            )
    if not policy.deny:
        yield f"{'deny':{WIDTH}} nothing: secrets inside granted folders can be read"


def _limits(policy: Policy) -> Iterator[str]:
    """Yield the limits; 0 is no limit."""
    limits = policy.limits
    yield f"{Capability.RES_CPU:{WIDTH}} {_or_none(limits.cpu_seconds, values.spell_duration)}"
    yield f"{Capability.RES_WALL:{WIDTH}} {_or_none(limits.wall_seconds, values.spell_duration)}"
    yield f"{Capability.RES_MEMORY:{WIDTH}} {_or_none(limits.memory_bytes, values.spell_size)}"
    yield f"{Capability.RES_PROCS:{WIDTH}} {_or_none(limits.processes, str)}"
    yield f"{Capability.RES_FDS:{WIDTH}} {_or_none(limits.fds, str)}"
    yield f"{Capability.RES_OUTPUT:{WIDTH}} {_or_none(limits.output_bytes, values.spell_size)}"
    yield f"{Capability.RES_DISK:{WIDTH}} {_or_none(limits.disk_bytes, values.spell_size)} for one file"
    tmp = _or_none(policy.tmp_bytes, values.spell_size)
    yield f"{'tmp':{WIDTH}} {tmp}, private, empty, nothing in it can be executed"


def _or_none(value: int, spell: Callable[[int], str]) -> str:
    """Write a limit as the file does, without its quotes."""
    return spell(value).strip('"') if value else "no limit"

"""What a program needs → the least policy that grants it. Nothing is run, and nothing is granted on a guess.

The result is the program's wish: whoever writes the program writes it. So what lies in the secret or the persist set is
never granted here, nor a shell, nor anything that the code does not name; all that is listed under `unresolved`.
"""
# ruff: noqa: PTH123 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from casemate.model.capability import Capability
from casemate.model.location import Location
from casemate.model.need import Need
from casemate.model.persist import persists
from casemate.model.policy import OWN_PYTHON, PRIVATE, Grant, Missing, Policy, WriteMode
from casemate.model.tree import below
from casemate.policy import resources
from casemate.policy.resources import Unclear
from casemate.policy.sets import homes, secrets
from casemate.readers.code.capabilities import Facts, Precision, Use, needs

READS = frozenset({Capability.FS_READ, Capability.FS_LIST})
WRITES = frozenset({Capability.FS_WRITE, Capability.FS_DELETE, Capability.FS_META})
CONNECTS = frozenset({Capability.NET_CONNECT, Capability.NET_DNS, Capability.NET_UDP})
NAMED = {(Capability.NET_UNIX, PRIVATE), (Capability.PROC_SPAWN, OWN_PYTHON)}  # as models and policies write them
STARTS = frozenset({Capability.PROC_SPAWN, Capability.FS_EXEC})
ITEMS = (  # what a policy file has words for, in the order of the file
    Capability.FS_READ,
    Capability.FS_WRITE,
    Capability.NET_CONNECT,
    Capability.NET_LISTEN,
    Capability.NET_UNIX,
    Capability.PROC_SPAWN,
    Capability.ENV_READ,
    Capability.NATIVE_WX,
)
GIVEN_VARIABLES = frozenset({"HOME", "PATH", "LANG", "TERM"})
NEVER = frozenset({Capability.UNRESOLVED, Capability.PROC_SHELL})
"""What inference only lists: a place that could not be followed, and a shell, which is every program at once."""


PathLike: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Inference:
    """What was found. `needs` has everything in order of place; `unresolved` is the part that the policy leaves out.

    `described` are capabilities that no policy withholds (code.eval, rt.patch …), `native` the extension modules, and
    `skipped` what could not be read; all three belong into a report, because they limit what the inference can know.
    """

    policy: Policy
    needs: tuple[Need, ...]
    unresolved: tuple[Need, ...]
    described: tuple[Need, ...]
    native: tuple[str, ...]
    skipped: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Where:
    """Where relative paths begin, where the program lies, what is never granted, and where programs are looked for."""

    folder: str
    programs: tuple[str, ...]
    denied: tuple[str, ...]
    search: str


def infer(
    paths: Iterable[PathLike],
    *,
    folder: PathLike = ".",
    name: str = "",
    search: Iterable[PathLike] = (),
    models: Iterable[PathLike] = (),
) -> Inference:
    """Read programs and their first-party imports, and work out the least policy.

    `folder` is where the policy will lie and the program will start: relative paths of the program begin there.
    `search` are site-packages directories. Raises InputError where a path does not exist.
    """
    entries = [Path(path) for path in paths]
    facts = needs(entries, search=[Path(path) for path in search], models=[Path(path) for path in models])
    return from_facts(facts, entries, folder=os.fspath(folder), name=name)


def from_facts(facts: Facts, paths: Sequence[Path], *, folder: str, name: str = "") -> Inference:
    """Turn what was read into the least policy; a pure function of the facts and of what is on this host."""
    programs = tuple(os.path.realpath(path if path.is_dir() else path.parent) for path in paths)
    denied = tuple(secrets(homes(os.environ.get("HOME", "/"))))
    where = _Where(os.path.realpath(folder), programs, denied, os.environ.get("PATH", os.defpath))
    pairs = [pair for uses in _together(facts.uses) for pair in _grants(uses, where)]
    found = sorted((need for need, _ in pairs), key=_order)
    grants = _least(pairs, where)
    policy = Policy(name=name, grants=(*_sets(grants), *grants), missing=Missing.SKIP_READ)
    return Inference(
        policy=policy,
        needs=tuple(found),
        unresolved=tuple(need for need in found if not need.resolved),
        described=tuple(need for need in found if need.resolved and not _is_item(need.capability)),
        native=tuple(sorted({imported.module.partition(".")[0] for imported in facts.imports if imported.native})),
        skipped=tuple(f"{s.path}:{s.line} {s.why} {s.detail}".replace(":0 ", " ") for s in facts.skipped),
        files=tuple(map(str, facts.files)),
    )


def _is_item(capability: Capability) -> bool:
    """Tell whether a policy file has words for a capability, or a run gives it anyway."""
    return capability.enforceable


def _sets(grants: Iterable[Grant]) -> Iterator[Grant]:
    """Yield the sets that an inferred policy names."""
    yield Grant(Capability.FS_READ, "@python", why="the interpreter, the standard library, its site-packages")
    yield Grant(Capability.FS_READ, "@program", why="the folder of the program")
    if any(grant.capability is Capability.NET_CONNECT for grant in grants):
        yield Grant(Capability.FS_READ, "@tls", why="public certificates, for what it connects to")


def _together(uses: Iterable[Use]) -> Iterator[list[Use]]:
    """Join the uses of one call that belong together: each host with each port where they are two arguments."""
    calls: dict[tuple[Capability, Location, str], list[Use]] = {}
    for use in dict.fromkeys(uses):
        if use.capability in CONNECTS or use.capability is Capability.NET_LISTEN:
            calls.setdefault((use.capability, use.location, use.callable), []).append(use)
        else:
            yield [use]
    for call in calls.values():
        ports = [use for use in call if use.argument == "port" or use.resource.isdigit()]
        others = [use for use in call if use not in ports]
        if ports and others:
            yield from ([other, port] for other in others for port in ports)
        else:
            yield from ([use] for use in call)


def _grants(uses: list[Use], where: _Where) -> Iterator[tuple[Need, Grant | None]]:
    """Yield the need of one call, and the grant that meets it: None where there is nothing to grant."""
    use = uses[0]
    need = Need(use.capability, use.resource, use.location, use.callable)
    if use.capability in NEVER:
        yield replace(need, resolved=False), None
        return
    try:
        named = (use.capability, use.resource) in NAMED
        grant = Grant(use.capability, use.resource) if named else _grant(uses, where)
    except Unclear as unclear:
        yield replace(need, reason=f"{use.callable}: {unclear}", resolved=False), None
        return
    yield replace(need, resource=grant.resource if grant else use.resource), grant


def _grant(uses: list[Use], where: _Where) -> Grant | None:  # noqa: PLR0911 -- one answer for each kind of capability
    """Translate one call. Raises Unclear where it cannot be told what would have to be granted."""
    use = uses[0]
    match use.capability:
        case capability if capability in READS | WRITES:
            return _file(use, where)
        case capability if capability in CONNECTS:
            return Grant(Capability.NET_CONNECT, _connection(uses))
        case Capability.NET_LISTEN:
            return Grant(Capability.NET_LISTEN, resources.listening(*_host_and_port(uses)))
        case Capability.NET_UNIX:
            path = _allowed(resources.path(use.resource, use.precision, where.folder), where)
            return Grant(Capability.NET_UNIX, path) if path else None
        case capability if capability in STARTS:
            return Grant(Capability.PROC_SPAWN, resources.program(use.resource, use.precision, where.search))
        case Capability.ENV_READ:
            if use.precision is not Precision.CONSTANT:
                raise Unclear("the name of the variable is not constant")
            name = resources.variable(use.resource)
            return None if name in GIVEN_VARIABLES else Grant(Capability.ENV_READ, name)
        case Capability.NATIVE_WX:
            return Grant(Capability.NATIVE_WX, "")
        case _:
            return None


def _file(use: Use, where: _Where) -> Grant | None:
    """Translate a use of a path."""
    path = _allowed(resources.path(use.resource, use.precision, where.folder), where)
    if path is None:
        return None
    if use.capability in READS:
        if path == where.folder:
            raise Unclear('the working directory itself; "@cwd" in fs.read would grant it')
        return Grant(Capability.FS_READ, path)
    writable = path if use.precision is Precision.PARTLY else resources.folder_to_write(path, where.folder)
    if any(below(program, writable) for program in where.programs):
        raise Unclear(f"{path}: Python imports from there; keep the program and what it writes apart")
    if persists(writable):
        raise Unclear(f"{path}: something later executes what is written there (@persist)")
    return Grant(Capability.FS_WRITE, writable, WriteMode.COMMIT)


def _allowed(path: str | None, where: _Where) -> str | None:
    """Give a path back, unless it belongs to what inference never grants."""
    if path and any(below(name, tree) for name in (path, os.path.realpath(path)) for tree in where.denied):
        raise Unclear(f"{path} holds credentials and is never granted by inference (@secrets)")
    return path


def _host_and_port(uses: list[Use]) -> tuple[str, str]:
    """Tell apart the host and the port of one call."""
    if any(use.precision in (Precision.PARTLY, Precision.UNKNOWN) for use in uses):
        raise Unclear("the host or the port is not constant")
    ports = [use.resource for use in uses if use.resource.isdigit()]
    hosts = [use.resource for use in uses if use.resource and not use.resource.isdigit()]
    host, colon, port = hosts[0].rpartition(":") if hosts else ("", "", "")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host, port  # its own port counts before the one beside it: http.client.HTTPConnection
    if not ports:
        raise Unclear("the port is not known")
    return (hosts or [""])[0], ports[0]


def _connection(uses: list[Use]) -> str:
    """Give the end of a connection that one call names."""
    if len(uses) > 1 and any(use.resource.isdigit() for use in uses):
        host, port = _host_and_port(uses)
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return resources.connection(f"{shown}:{port}", Precision.CONSTANT)
    return resources.connection(uses[0].resource, uses[0].precision)


def _order(need: Need) -> tuple[str, int, int, str, str]:
    """Sort needs by place; the same on every machine."""
    at = need.location
    return (at.path, at.line, at.column, need.capability, need.resource)


def _least(pairs: Iterable[tuple[Need, Grant | None]], where: _Where) -> tuple[Grant, ...]:
    """Drop what another grant covers, and give each grant the place that needs it first."""
    wanted: dict[Grant, list[Need]] = {}
    for need, grant in sorted(pairs, key=lambda pair: _order(pair[0])):
        if grant is not None:
            wanted.setdefault(grant, []).append(need)
    trees = [grant.resource for grant in wanted if grant.capability is Capability.FS_WRITE]
    kept = list[Grant]()
    for grant, reasons in wanted.items():
        if not _covered(grant, wanted, trees, where):
            below = [n for g, ns in wanted.items() for n in ns if g != grant and _covers(grant, g)]
            kept.append(replace(grant, why=_why([*reasons, *below], where)))
    return tuple(sorted(kept, key=lambda grant: (ITEMS.index(grant.capability), grant.resource)))


def _covered(grant: Grant, wanted: Iterable[Grant], trees: list[str], where: _Where) -> bool:
    """Tell whether a grant adds nothing."""
    if grant.capability is Capability.FS_READ:
        if any(below(grant.resource, tree) for tree in (*trees, *where.programs)):
            return True
    elif grant.capability is not Capability.FS_WRITE:
        return False
    return any(_covers(other, grant) for other in wanted if other != grant)


def _covers(wide: Grant, narrow: Grant) -> bool:
    """Tell whether one grant of a path makes another needless."""
    reads = wide.capability is Capability.FS_WRITE and narrow.capability is Capability.FS_READ
    same = wide.capability is narrow.capability and wide.capability in (Capability.FS_READ, Capability.FS_WRITE)
    return (reads or same) and below(narrow.resource, wide.resource)


def _why(reasons: Sequence[Need], where: _Where) -> str:
    """Name the first place that needs a grant, its text, and how many others there are."""
    first = min(reasons, key=_order)
    places = {(need.location.path, need.location.line) for need in reasons}
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    text = _line(first.location)
    return f"{shown(first.location, where.programs)} needs this{': ' if text else ''}{text}{more}"


def shown(at: Location, roots: Sequence[str]) -> str:
    """Write a place short: relative to the program."""
    real = os.path.realpath(at.path)
    root = next((root for root in roots if below(real, root)), "")
    return f"{os.path.relpath(real, root) if root else at.path}:{at.line}"


def _line(at: Location) -> str:
    """Give the source line at a place, shortened."""
    try:
        with open(at.path, "rb") as file:
            text = file.read(1 << 20).split(b"\n")[at.line - 1].decode("utf-8", "replace").strip()
    except (OSError, IndexError):
        return ""
    return text if len(text) <= 90 else f"{text[:89]}…"

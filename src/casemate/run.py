"""The engine of `run`: what the user asked for → an expanded policy and a command → confinement.

Whatever is wrong is raised before anything of the target starts. The policy that is enforced is exactly the one that
`prepare()` gives; the command line and the public API both come through here.
"""
# ruff: noqa: PTH118 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from _collections_abc import Callable, Iterable, Iterator, Mapping

from casemate.model import own
from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, field, replace
from casemate.model.errors import PolicyError, Refused
from casemate.model.policy import OWN_PYTHON, Grant, Policy
from casemate.model.sandbox import Command, Json, Outcome, Plan
from casemate.model.secret import Injection
from casemate.model.tree import below
from casemate.policy.expand import expand, is_path
from casemate.policy.sets import Places, homes
from casemate.readers.host.choose import Choice, Own, choose
from casemate.readers.host.choose import own as own_environment
from casemate.readers.host.interpreter import Interpreter
from casemate.readers.host.program import (
    Code,
    Executable,
    Files,
    Host,
    Module,
    Program,
    Script,
    Target,
    files_to_spawn,
    needs_python,
    whole_path,
)
from casemate.readers.host.program import of as program_of
from casemate.readers.host.real import Remembering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from casemate.readers.host.imaged import Image

HOME = "/home/casemate"  # private, empty, gone afterwards
SEARCH = "/usr/local/bin:/usr/bin:/bin"
BARE = ("LANG", "TERM")  # of the caller; everything else only by name
SAFE_PATH = (3, 11)  # the first Python with -P
SPAWN = Capability.PROC_SPAWN
MOST_ARGUMENTS = 100  # that are looked at for a hint


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for. `grants`, `settings` and `limits` come on top of `policy`."""

    target: Target
    policy: Policy = field(default_factory=Policy)
    grants: tuple[Grant, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict[str, int])
    policy_file: str = ""  # where the policy was read: no program may see or change it
    policy_hash: str = ""  # of the file as it was read, for the record
    record: str = ""  # where the record will be written: no program may write there
    python: str | None = None
    backend: str | None = None
    accept: frozenset[Capability] = frozenset()
    discard: bool = False  # nothing that was written is copied out
    differences: bool = False  # the text of small files that changed is wanted too
    waits: bool = False  # everything is made ready, and further arguments come on standard input
    directory: str = field(default_factory=os.getcwd)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    terminal: bool = field(default_factory=lambda: any(map(os.isatty, range(3))))  # the program gets one of its own


@dataclass(frozen=True, slots=True)
class Prepared:
    """What will be confined, and to what.

    `notes` say which grant was not given; `hints` explain what often surprises: they matter when somebody looks.
    """

    command: Command
    policy: Policy
    environment: Mapping[str, str]
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    injections: tuple[Injection, ...] = ()


def prepare(request: Request) -> Prepared:
    """Choose the Python, find the program, expand the policy. Raises CasemateError; reads files and starts nothing."""
    with Remembering():
        return _prepared(request)


def _prepared(request: Request) -> Prepared:
    """Prepare, each part after the other."""
    host = Host(request.directory, request.environment, homes(request.environment.get("HOME", "/")), own_environment())
    asked = _asked(request)
    chosen = _in_image(request, asked, host) if asked.image else _on_host(request, asked, host)
    program = chosen.program
    expanded = expand(chosen.asked, chosen.places)
    policy = expanded.policy
    _keep_ours(request, policy, host.ours)
    program = _without_writable_path(program, request, policy, chosen.choice)
    directory = request.directory if _is_shown(request.directory, policy) else HOME
    argv = _argv(program, request, directory)
    command = Command(argv, program.executable, directory, bool(program.python), request.waits)
    unseen = _unseen(request, program, directory)
    hints = (*program.notes, *unseen, *_hints(request, chosen, policy), *expanded.absent)
    environment = _environment(request, policy, chosen.values)
    if chosen.image is not None:
        policy = replace(policy.plus(*chosen.brought), image=chosen.image.root)
    prepared = Prepared(command, policy, environment, expanded.notes, hints)
    if not policy.secrets:
        return prepared
    from casemate.policy.placeholder import placed  # noqa: PLC0415 -- only where there is a secret

    environment, injections = placed(policy, request.environment, prepared.environment, command.argv)
    return replace(prepared, environment=environment, injections=injections)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is started and where that was found: on this host, or in an image, which brings grants of its own paths.

    `asked` is the policy about paths of this host; `values` are the variables of an image's configuration.
    """

    program: Program
    asked: Policy
    places: Places
    choice: Choice | None = None
    image: "Image | None" = None
    brought: tuple[Grant, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict[str, str])


def _on_host(request: Request, asked: Policy, host: Host) -> _Chosen:
    """Choose the Python, and find the program, on this host."""
    choice = _python(request, host.ours)
    program = program_of(request.target, choice.interpreter if choice else None, host)
    files = program.files
    for grant in asked.of(Capability.PROC_SPAWN):
        if grant.resource != OWN_PYTHON:  # its files are the program's own
            files |= files_to_spawn(grant.resource, host)
    places = Places(request.directory, host.homes, files.read, files.libraries, program.own, program.python)
    return _Chosen(program, _with_own(asked, program, files, terminal=request.terminal), places, choice)


def _in_image(request: Request, asked: Policy, host: Host) -> _Chosen:
    """Find the Python, the program and what it may start in the image. Only that is executed; grants are as ever."""
    from casemate.policy.expand import of_the_host  # noqa: PLC0415 -- only where there is an image
    from casemate.readers.host.imaged import Image, spawned  # noqa: PLC0415 -- likewise
    from casemate.readers.host.imaged import of as program_in  # noqa: PLC0415 -- likewise

    root, values = _unpacked(asked.image, request.environment)
    image = Image(root, dict(asked.settings).get("PATH", SEARCH))
    program = program_in(request.target, image, host, request.python)
    names = [program.python if grant.resource == OWN_PYTHON else grant.resource for grant in asked.of(SPAWN)]
    if not all(names):
        raise PolicyError(f"{OWN_PYTHON} is granted (proc.spawn), and what is started is no Python program")
    execute = (*program.files.execute, *(path for name in names for path in spawned(name, image)))
    brought = (
        *(Grant(SPAWN, name) for name in names),
        *(Grant(Capability.FS_EXEC, path) for path in dict.fromkeys(execute)),
        Grant(Capability.NATIVE_EXT, "/"),
    )
    places = Places(request.directory, host.homes, program=program.own)
    policy = of_the_host(asked).plus(Grant(Capability.FS_READ, "@program"))
    taken = os.path.realpath(asked.image)
    for grant in policy.of(Capability.FS_WRITE):
        real = os.path.realpath(grant.resource)
        if below(real, taken) or below(taken, real):
            raise Refused(f"{grant.resource} cannot be writable: the image {asked.image} would be written to")
    return _Chosen(program, policy, places, image=image, brought=brought, values=values)


def _unpacked(path: str, environment: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Give the directory of an image, and the variables of its configuration where it comes from a layout."""
    from casemate.readers.images.mark import is_layout  # noqa: PLC0415 -- only where there is an image

    if not os.path.isdir(path):  # noqa: PTH112 -- a path stays the string that was written
        raise PolicyError(f"fs.image {path}: there is no such directory")
    if not is_layout(path):
        return os.path.realpath(path), {}
    from casemate.services.images import kept  # noqa: PLC0415 -- only where there is a layout

    image = kept(path, environment)
    return image.folder, image.environment


def run(prepared: Prepared, request: Request, *, record: Callable[[Mapping[str, Json]], None] | None = None) -> Outcome:
    """Confine and wait for the end. Raises Refused and Unenforceable before the start, never after it."""
    from casemate.sandbox import AtEnd, Look, confine  # noqa: PLC0415 -- a plan that is wrong never loads what enforces it

    return confine(
        prepared.command,
        prepared.policy,
        backend=request.backend,
        accept=request.accept,
        environment=prepared.environment,
        record=record,
        policy_hash=request.policy_hash,
        at_end=AtEnd.DISCARD if request.discard else AtEnd.COPY,
        look=Look.CONTENT if request.differences else Look.NOT,
        injections=prepared.injections,
    )


def explained(prepared: Prepared, request: Request, outcome: Outcome) -> Iterator[str]:
    """Yield why a program that failed may have failed under its policy, with the grants that would help."""
    from casemate.policy.expand import denied_paths  # noqa: PLC0415 -- only for a program that failed
    from casemate.policy.wanted import Ground, wanted  # noqa: PLC0415 -- likewise
    from casemate.sandbox import choose as backend_of  # noqa: PLC0415 -- likewise

    owners = homes(request.environment.get("HOME", "/"))
    ground = Ground(
        policy=prepared.policy,
        directory=request.directory,
        denied=frozenset(denied_paths(_asked(request), Places(request.directory, owners), owners)),
        homes=owners,
        environment=request.environment,
        passed=frozenset(prepared.environment),
        executable="" if isinstance(request.target, Executable) else prepared.command.executable,
        backend=outcome.backend,
        never=backend_of(outcome.backend).never,
    )
    yield from wanted(outcome, ground)


def plan(prepared: Prepared, request: Request) -> Plan:
    """Give exactly what `run` would start, and start nothing."""
    from casemate.sandbox import plan as plan_of  # noqa: PLC0415 -- likewise

    return plan_of(prepared.command, prepared.policy, backend=request.backend, accept=request.accept)


def _python(request: Request, ours: Own) -> Choice | None:
    """Choose the Python where the target needs one."""
    if not needs_python(request.target):
        if request.python is not None:
            raise Refused("--python belongs to SCRIPT, -m and -c; a command after `--` chooses its own")
        return None
    return choose(request.python, request.environment, request.directory, ours)


def _asked(request: Request) -> Policy:
    """Put the policy together with what was asked for on top of it; a value that is set wins over one passed on."""
    settings = dict(request.policy.settings) | dict(request.settings)
    everything = request.policy.plus(*request.grants)
    grants = tuple(
        g for g in everything.grants if g.capability is not Capability.ENV_READ or g.resource not in settings
    )
    limits = replace(request.policy.limits, **request.limits)
    ours = [os.path.realpath(request.policy_file)] if request.policy_file else []
    ours += [path for path in (kept(request.environment) for kept in (own.cache, own.state, own.data)) if path]
    secret = (one.source.removeprefix("file:") for one in request.policy.secrets if one.source.startswith("file:"))
    deny = (*request.policy.deny, *ours, *secret)
    return replace(everything, grants=grants, settings=tuple(settings.items()), limits=limits, deny=deny)


def _with_own(policy: Policy, program: Program, files: Files, *, terminal: bool) -> Policy:
    """Add what a program always gets: its interpreter and itself, read-only; the public certificates if it connects.

    Where it gets a terminal, it can look up the terminal's keys.
    """
    sets = [Grant(Capability.FS_READ, "@python"), Grant(Capability.FS_READ, "@program")]
    if policy.grants_any(Capability.NET_CONNECT):
        sets.append(Grant(Capability.FS_READ, "@tls"))
    if terminal:
        sets.append(Grant(Capability.FS_READ, "@terminal"))
    execute = [Grant(Capability.FS_EXEC, path) for path in program.files.execute]
    spawned = [Grant(Capability.FS_EXEC, path) for path in files.execute if path not in program.files.execute]
    return policy.plus(*sets, *execute, *spawned)


def _keep_ours(request: Request, policy: Policy, ours: Own) -> None:
    """Refuse a write grant over casemate itself, or in what it executes, or over the record of this run."""
    executed = (ours.package, f"{ours.prefix}/bin", f"{ours.prefix}/lib")
    kept = {ours.package: "casemate lives there", ours.prefix: "casemate lives there"}
    if request.record:
        kept[os.path.join(request.directory, request.record)] = "the record of the run is written there"
    for grant in policy.of(Capability.FS_WRITE):
        for path, why in kept.items():
            if below(os.path.realpath(path), os.path.realpath(grant.resource)):
                raise Refused(f"{grant.resource} cannot be writable: {why}")
        if any(below(os.path.realpath(grant.resource), os.path.realpath(path)) for path in executed):
            raise Refused(f"{grant.resource} cannot be writable: casemate lives there")


def _without_writable_path(program: Program, request: Request, policy: Policy, choice: Choice | None) -> Program:
    """Refuse a write grant over what `sys.path` begins with: the next import there would run what was written."""
    writable = [os.path.realpath(grant.resource) for grant in policy.of(Capability.FS_WRITE)]
    clash = [path for path in program.startup if any(below(os.path.realpath(path), tree) for tree in writable)]
    if not clash:
        return program
    code = isinstance(request.target, Code) or (isinstance(request.target, Script) and request.target.path == "-")
    if code and clash == [request.directory] and choice and _has_safe_path(choice.interpreter):
        return replace(program, argv=(program.argv[0], "-P", *program.argv[1:]))  # it imports nothing from there
    raise Refused(
        f"{clash[0]} would be writable, and Python imports from there: grant a folder below it instead, "
        "or keep the program and what it writes apart"
    )


def _has_safe_path(python: Interpreter) -> bool:
    """Tell whether a Python knows -P."""
    return tuple(map(int, python.version.split(".")[:2])) >= SAFE_PATH


def _is_shown(directory: str, policy: Policy) -> bool:
    """Tell whether a directory can be seen under a policy: it is granted, or something in it is."""
    paths = [grant.resource for grant in policy.grants if is_path(grant)]
    own = [path for path in paths if not below(path, "/usr") or below(directory, "/usr")]
    return any(below(directory, path) or below(path, directory) for path in own)


def _argv(program: Program, request: Request, directory: str) -> tuple[str, ...]:
    """Name the script by its whole path where the program does not start in the caller's directory."""
    match request.target:
        case Script(path, _) if path != "-" and directory != request.directory:
            whole = whole_path(path, request.directory)
            return tuple(whole if word in (path, f"./{path}") else word for word in program.argv)
        case _:
            return program.argv


def _environment(request: Request, policy: Policy, image: Mapping[str, str]) -> dict[str, str]:
    """Give exactly the variables that the program will see; `image` has a value for those that the caller has not."""
    caller = request.environment
    values = {"HOME": HOME, "PATH": SEARCH, "LANG": "C.UTF-8", "TERM": "dumb"}
    values |= {name: caller[name] for name in BARE if name in caller}
    known = {**image, **caller}
    values |= {
        grant.resource: known[grant.resource] for grant in policy.of(Capability.ENV_READ) if grant.resource in known
    }
    return values | dict(policy.settings)


def _hints(request: Request, chosen: _Chosen, policy: Policy) -> Iterator[str]:
    """Explain what often surprises: another Python than expected, arguments and imports that are not readable."""
    named = [word for word in _arguments(request.target)[:MOST_ARGUMENTS] if word and not word.startswith("-")]
    paths = [os.path.normpath(os.path.join(request.directory, word)) for word in named]
    choice, image = chosen.choice, chosen.image
    there = [path for path in paths if os.path.lexists(path) and not (image and image.has(path))]
    yield from _unreadable(there, "an argument", policy)
    if choice is None:
        return
    if choice.note:
        yield choice.note
    yield from _unreadable(choice.interpreter.linked, "a .pth file of site-packages", policy)
    folders = _environment(request, policy, {}).get("PYTHONPATH", "").split(":")
    yield from _unreadable([os.path.join(request.directory, path) for path in folders if path], "PYTHONPATH", policy)


def _unseen(request: Request, program: Program, directory: str) -> tuple[str, ...]:
    """Say that a server or a test runner will not find the application in the working directory."""
    if directory == request.directory or not program.python or not isinstance(request.target, Module | Executable):
        return ()
    return (f"{request.directory} is not readable, and the program starts in {directory} (--read . would show it)",)


def _arguments(target: Target) -> tuple[str, ...]:
    """Give what a target is told."""
    return target.argv[1:] if isinstance(target, Executable) else target.arguments


def _unreadable(paths: Iterable[str], named_by: str, policy: Policy) -> Iterator[str]:
    """Yield a sentence for each path that no grant opens."""
    readable = [g.resource for g in policy.grants if g.capability in (Capability.FS_READ, Capability.FS_WRITE)]
    for path in paths:
        if not any(below(path, tree) for tree in readable):
            yield f"{path} is named by {named_by} and is not readable (--read {path})"

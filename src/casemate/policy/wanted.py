"""Why a program that failed may have failed under its policy, and which grant would have helped, as sentences.

There are two sources. What was denied was seen from outside: it is certain, though not that the program failed of it.
What the program said last on standard error is only its word: a program may say anything to be granted more, so each
sentence tells whose word it is, nothing is said of what is denied by name, of secrets and persistence points, of homes
and of folders around them, and there is an end to it. The host is looked at by lstat(2) alone, as the caller.
"""

# ruff: noqa: PTH118 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.dataclass import dataclass, field
from casemate.model.errors import PolicyError
from casemate.model.persist import persists
from casemate.model.policy import OWN_PYTHON, PRIVATE, Policy, WriteMode
from casemate.model.sandbox import Denial, Outcome
from casemate.model.tree import below
from casemate.policy import values
from casemate.policy.host import Host
from casemate.policy.limits import LIMITS, spelled, that_ended
from casemate.policy.said import Said, Trouble, complaints
from casemate.policy.write import quote

MOST = 6  # sentences
GRANTED_BY = {  # capability: the option of `run`, table and key of a policy file
    C.FS_READ: ("--read", "fs", "read"),
    C.FS_WRITE: ("--write", "fs", "write"),
    C.NET_CONNECT: ("--connect", "net", "connect"),
    C.NET_DNS: ("--connect", "net", "connect"),
    C.NET_LISTEN: ("--listen", "net", "listen"),
    C.NET_UNIX: ("--unix", "net", "unix"),
    C.PROC_SPAWN: ("--spawn", "proc", "spawn"),
    C.ENV_READ: ("--env", "env", "pass"),
}
LIMIT_OF = {
    Trouble.MEMORY: "memory",
    Trouble.PROCESSES: "processes",
    Trouble.FDS: "fds",
    Trouble.FILE_SIZE: "disk",
}
OWN = ("/home/casemate", "/dev", "/proc", "/sys")  # made anew inside; of /tmp the host may have what was meant
RAISE = "would raise it"
ANY_HOST = "HOST:PORT"
SECRET_WORDS = ("SECRET", "TOKEN", "PASSW", "CREDENTIAL", "KEY", "AUTH", "COOKIE", "SESSION")
RELATED = {  # what was seen, and what is said of the same thing
    C.NET_CONNECT: (Trouble.NAME, Trouble.REFUSED, Trouble.UNREACHABLE),
    C.NET_DNS: (Trouble.NAME, Trouble.REFUSED, Trouble.UNREACHABLE),
    C.NET_UDP: (Trouble.NAME, Trouble.UNREACHABLE),
    C.PROC_SPAWN: (Trouble.COMMAND,),
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a failed run stood on: the expanded policy, what is denied besides, and where the caller is.

    `environment` is the caller's, `passed` names what the program saw; `denied` are absolute paths; `never` is what
    the backend gives to no program, and why.
    """

    policy: Policy
    directory: str
    denied: frozenset[str]
    homes: tuple[str, ...]
    environment: Mapping[str, str]
    passed: frozenset[str]
    executable: str = ""  # of the program's own Python, where it has one
    backend: str = ""
    never: Mapping[C, str] = field(default_factory=dict[C, str])

    def grant(self, capability: C, resource: str, verb: str = "would allow it") -> str:
        """Say how to grant this resource, or why nobody can; "" where a policy file cannot name it."""
        if why := self.why_never(capability):
            return why
        option, table, key = GRANTED_BY[capability]
        try:
            line = f"[{table}] {key} = [{quote(resource)}]"
        except PolicyError:
            return ""
        return _how(f"{option} {shlex.quote(resource)}" if option else "", line, verb)

    def why_never(self, capability: C) -> str:
        """Say why no grant of this would help; "" where one does."""
        why = self.never.get(capability)
        return f" (the {self.backend} backend cannot grant it: {why})" if why else ""


def wanted(outcome: Outcome, ground: Ground) -> Iterator[str]:
    """Yield at most MOST sentences, what is certain before what was only said."""
    said = tuple(complaints(outcome.last_words))
    every = dict.fromkeys(
        (*_ended(outcome, ground), *_denied(outcome.denials, said, ground), *_said(outcome, said, ground))
    )
    yield from islice(every, MOST)
    if len(every) > MOST:
        yield f"and {len(every) - MOST} more; --record FILE lists everything that was denied"


def _ended(outcome: Outcome, ground: Ground) -> Iterator[str]:
    """Name the limit that ended the program, and how large it was."""
    if outcome.ended_by:
        key = that_ended(outcome.ended_by)
        how = f": {_raised(key)[2:-1]}" if key else ""
        yield f"the program was ended by the {spelled(outcome.ended_by, ground.policy.limits)}{how}"


def _how(option: str, line: str, verb: str = "would allow it") -> str:
    """Name the option and the line of a policy file that would give something."""
    return f" ({option} {verb}; in a policy: {line})" if option else f" (in a policy, {line} {verb})"


def _raised(key: str) -> str:
    """Name the option and the line that would raise a limit."""
    limit = LIMITS[key]
    return _how(f"{limit.option} {limit.unit}" if limit.option else "", f"[limits] {key} = {limit.unit}", RAISE)


def _denied(denials: Sequence[Denial], said: Sequence[Said], ground: Ground) -> Iterator[str]:
    """Yield what was denied, each with the grant that would give it."""
    network = [d for d in denials if d.capability in (C.NET_CONNECT, C.NET_DNS, C.NET_UDP) and not d.resource]
    spawned = [denial for denial in denials if denial.capability is C.PROC_SPAWN]
    for denial in denials:
        if denial.capability is C.PROC_SPAWN:
            if denial is spawned[0]:
                yield from _programs([one.resource for one in spawned], ground)
        elif denial not in network:
            yield _one(denial, ground)
        elif denial is network[0]:
            yield from _network(network[0], said, ground)


def _one(denial: Denial, ground: Ground) -> str:
    """Say one denial."""
    lead = f"denied: {denial.capability} {denial.resource or denial.detail}"
    match denial.capability:
        case C.NATIVE_WX:
            return f"{lead}{_how('', '[native] wx = true')}"
        case C.NET_DNS:
            return f"{lead}{ground.grant(C.NET_CONNECT, f'{denial.resource}:PORT')}"
        case C.NET_CONNECT if denial.detail:  # the broker's: the name leads to an address that is refused
            return f"{lead}: {denial.detail}"
        case C.RES_PROCS:
            return f"{lead}{_raised('processes')}"
        case C.NET_UNIX:
            return f"{lead}{ground.grant(C.NET_UNIX, PRIVATE, 'would allow those between its own processes')}"
        case _:
            return f"{lead} (no grant allows it)"


def _network(denial: Denial, said: Sequence[Said], ground: Ground) -> Iterator[str]:
    """Say that nothing of the network is granted, with the hosts that the program named."""
    lead = f"denied: {denial.capability} {denial.detail}: no network is granted"
    hosts = list(dict.fromkeys(one.what for one in said if one.trouble is Trouble.HOST))
    if denial.capability is C.NET_UDP:
        yield f"{lead} (no grant allows UDP)"
    elif not hosts:
        yield f"{lead}{ground.grant(C.NET_CONNECT, ANY_HOST)}"
    else:
        yield from (f"{lead}{ground.grant(C.NET_CONNECT, host)}" for host in hosts)


def _programs(paths: Sequence[str], ground: Ground) -> Iterator[str]:
    """Say which programs were not started: of one that was looked for in many folders, where it is."""
    host = Host()
    found = dict.fromkeys(path for path in paths if path.startswith("/") and host.file(path))
    real = {os.path.realpath(path): path for path in reversed(found)}  # /bin/git and /usr/bin/git are one
    names = {path.rpartition("/")[2] for path in found}
    for file, path in reversed(real.items()):
        itself = file == os.path.realpath(ground.executable)
        may = itself or _suggested(path, ground)
        yield f"denied: proc.spawn {path}{ground.grant(C.PROC_SPAWN, OWN_PYTHON if itself else path) if may else ''}"
    for name in dict.fromkeys(path.rpartition("/")[2] for path in paths):
        if name not in names:
            yield f"denied: proc.spawn {name or 'another program'} (it was not found on this host)"


def _said(outcome: Outcome, said: Sequence[Said], ground: Ground) -> Iterator[str]:
    """Yield what follows from what the program said."""
    told = {trouble for denial in outcome.denials for trouble in RELATED.get(denial.capability, ())}
    host = Host()
    for one in said:
        if one.trouble in told:
            continue
        match one.trouble:
            case Trouble.MISSING | Trouble.NOT_ALLOWED | Trouble.READ_ONLY:
                about = tuple(_path(one, ground, host))
                yield from about
                if not about and Trouble.COMMAND not in told:
                    yield from _command(one.what, ground, host)
            case Trouble.COMMAND:
                yield from _command(one.what, ground, host)
            case Trouble.MODULE:
                yield from _module(one.what, ground, host)
            case Trouble.VARIABLE:
                yield from _variable(one.what, ground)
            case Trouble.HOST:
                continue
            case _:
                yield from _limit(one.trouble, ground)


def _path(one: Said, ground: Ground, host: Host) -> Iterator[str]:
    """Say what the host has at a path that the program did not find, or could not use."""
    path = os.path.normpath(os.path.join(ground.directory, one.what))
    if not path.startswith("/") or _within(path, OWN) or not _suggested(path, ground):
        return
    shown, written = (_granted(path, capability, ground) for capability in (C.FS_READ, C.FS_WRITE))
    if one.trouble is Trouble.MISSING and not shown and not written:
        if host.there(path):
            hint = ground.grant(C.FS_READ, path, "would show it")
            yield f"the program says that it did not find {path}, which is there on this host{hint}"
        elif (folder := path.rpartition("/")[0]) != ground.directory and _writable(folder, ground, host):
            hint = ground.grant(C.FS_WRITE, folder, "would let it make the file")
            yield f"the program says that it did not find {path}, nor does this host have it{hint}"
    elif one.trouble is not Trouble.MISSING and not written and (shown or one.trouble is Trouble.READ_ONLY):
        target = path if host.file(path) else path.rpartition("/")[0]
        if host.there(target) and _suggested(target, ground, write=True):
            hint = ground.grant(C.FS_WRITE, target, "would let it write there")
            yield f"the program says that it could not write {path}{hint}"


def _writable(folder: str, ground: Ground, host: Host) -> bool:
    """Tell whether it may be suggested that a program writes to a folder that it does not see."""
    return host.folder(folder) and _suggested(folder, ground, write=True) and not _granted(folder, C.FS_READ, ground)


def _command(name: str, ground: Ground, host: Host) -> Iterator[str]:
    """Say where a program is that was not found or not started."""
    folders = ground.environment.get("PATH", os.defpath).split(":")
    places = [f"{folder}/{name}" for folder in folders if folder.startswith("/")] if "/" not in name else [name]
    for path in places:
        if host.file(path) and os.access(path, os.X_OK):
            if _suggested(path, ground) and not _granted(path, C.PROC_SPAWN, ground):
                yield f"the program says that it could not start {path}{ground.grant(C.PROC_SPAWN, path)}"
            return


def _module(name: str, ground: Ground, host: Host) -> Iterator[str]:
    """Say where a module is that the program's Python did not find."""
    top = name.partition(".")[0]
    for environment in (f"{ground.directory}/.venv", f"{ground.directory}/venv"):
        for folder in host.below(f"{environment}/lib", "python"):
            if host.there(f"{folder}/site-packages/{top}") or host.there(f"{folder}/site-packages/{top}.py"):
                yield f"the program says that it has no module {name}; {environment} has (--python {environment})"
                return
    paths = ground.environment.get("PYTHONPATH", "").split(":") if "PYTHONPATH" not in ground.passed else []
    for folder in paths:
        if folder and (host.there(f"{folder}/{top}") or host.there(f"{folder}/{top}.py")):
            yield (
                f"the program says that it has no module {name}; PYTHONPATH leads to it and is not passed on "
                f"(--env PYTHONPATH --read {shlex.quote(folder)})"
            )
            return
    yield f"the program says that it has no module {name}: --python PATH chooses the Python, or environment, to run it"


def _variable(name: str, ground: Ground) -> Iterator[str]:
    """Say that a variable is set here and was not passed on; of one that looks like a secret nothing is said."""
    if name in ground.environment and name not in ground.passed and not any(w in name.upper() for w in SECRET_WORDS):
        hint = ground.grant(C.ENV_READ, name)
        yield f"the program says that it has no {name}, which is set here and not passed on{hint}"


def _limit(trouble: Trouble, ground: Ground) -> Iterator[str]:
    """Say which limit a complaint may come from."""
    limits = ground.policy.limits
    if trouble is Trouble.SPACE:
        tmp = values.spell_size(ground.policy.tmp_bytes).strip('"')
        line = "[fs] tmp = SIZE, or max = SIZE of the grant"
        direct = [grant.resource for grant in ground.policy.of(C.FS_WRITE) if grant.mode is WriteMode.DIRECT]
        disk = f", the disk of {', '.join(direct)} may be full" if direct else ""
        yield f"the program says that there is no room left: its /tmp and home hold {tmp}{disk}{_how('', line, RAISE)}"
    elif trouble is Trouble.REFUSED:
        hint = ground.grant(C.NET_CONNECT, "127.0.0.1:PORT", "reaches that of the host")
        yield f"the program says that a connection was refused: 127.0.0.1 inside is the run's own{hint}"
    elif trouble in (Trouble.NAME, Trouble.UNREACHABLE):
        yield f"the program says that it reached no host{ground.grant(C.NET_CONNECT, ANY_HOST)}"
    elif trouble is Trouble.PROCESSES and (why := ground.why_never(C.PROC_THREAD)):
        yield f"the program says that it could start no thread{why}"
    elif (key := LIMIT_OF.get(trouble, "")) and LIMITS[key].of(limits):
        value = LIMITS[key].plain(limits)
        yield f"the program says that it ran into a limit: limits.{key} is {value}{_raised(key)}"


def _suggested(path: str, ground: Ground, *, write: bool = False) -> bool:
    """Tell whether a grant of this path may be suggested: it neither is, holds nor lies in what is denied.

    Homes and the folders around them hold what nobody should grant by a hint. What later executes is not suggested
    either; the folders of the system, which are in the persist set as a whole, may be read.
    """
    real = os.path.realpath(path) if Host().there(path) else path
    for name in {path, real}:
        judged = name if write else f"/.{name}"
        if name.count("/") < 2 or persists(judged) or persists(f"{judged}/x"):
            return False
        if any(_within(name, [other]) or _within(other, [name]) for other in ground.denied):
            return False
        if any(_within(home, [name]) for home in ground.homes):
            return False
    return True


def _granted(path: str, capability: C, ground: Ground) -> bool:
    """Tell whether a path lies in a grant of a capability."""
    return _within(path, [grant.resource for grant in ground.policy.of(capability)])


def _within(path: str, trees: Iterable[str]) -> bool:
    """Tell whether a path is one of these or lies below one, by name alone."""
    return any(below(path, tree) for tree in trees)

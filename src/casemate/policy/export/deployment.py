"""What every target is made of: the folders and files that are shown, those that are hidden, variables, the command."""
# ruff: noqa: PTH112 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- several of them
from casemate.model.dataclass import dataclass, replace
from casemate.model.errors import PolicyError
from casemate.model.policy import PRIVATE, Policy
from casemate.model.sandbox import Command, Json
from casemate.model.tree import below
from casemate.model.visible import is_hidden, visible
from casemate.policy.expand import PATHS
from casemate.readers.host.real import real

HOME = "/home/casemate"
UID = 1000
OWN = ("/proc", "/dev", "/sys")  # made anew by every target
READY = frozenset(
    f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "stdin", "stdout", "stderr", "fd")
)
EXECUTING = (C.FS_EXEC, C.PROC_SPAWN, C.NATIVE_EXT)
MEMORY = 64 << 20  # bytes of /dev/shm
LABEL = re.compile(r"[^a-z0-9]+")
LONGEST = 50  # letters of a name
CORES = 1  # bytes of a core dump: 0 would let a program of the host look at a crash (core(5))


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host at its own place inside; `source` is what its links lead to."""

    path: str
    source: str
    directory: bool
    write: bool = False
    execute: bool = False
    socket: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """A policy of absolute paths and what is to run under it.

    `image` is "" where the program is one of this host, `command` None where it is the one of an image; `settings` are
    variables with values, `passed` those whose values the deployment gives; `profile` is the system call filter, and
    `calls` are the names of what passes it.
    """

    name: str
    policy: Policy
    mounts: tuple[Mount, ...]
    hidden: tuple[Mount, ...]
    settings: tuple[tuple[str, str], ...]
    passed: tuple[str, ...]
    command: Command | None
    profile: Mapping[str, Json]
    calls: tuple[str, ...]
    image: str = ""


def label(text: str) -> str:
    """Give a name that every target takes: lower-case letters, digits and hyphens, beginning with a letter."""
    words = LABEL.sub("-", text.lower())[:LONGEST].strip("-")
    return words if words[:1].isalpha() else f"casemate-{words}".rstrip("-")


def plain(text: str) -> str:
    """Give a text that every target can quote. Raises PolicyError for one that could end a line or that is no UTF-8."""
    utf8(text)
    if any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 or letter in "\u2028\u2029" for letter in text):
        raise PolicyError(f"{visible(text)}: a control character cannot be written for another tool")
    if not is_text(text):
        raise PolicyError(f"{visible(text)}: what Unicode calls no character cannot be written for another tool")
    return text


def utf8(text: str) -> str:
    """Give a text that has bytes in UTF-8. Raises PolicyError for an argument or a name that was none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PolicyError(f"{visible(text)}: what is not UTF-8 cannot be written for another tool") from None
    return text


def is_text(text: str) -> bool:
    """Tell whether a text has only characters: systemd reads no line with one of the 66 that Unicode keeps free."""
    return not any(ord(letter) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(letter) <= 0xFDEF for letter in text)


def sentence(text: str) -> str:
    """Make one line of comment of any text: it can neither end the line nor hide in it."""
    return "".join("\N{REPLACEMENT CHARACTER}" if is_hidden(c) and c != " " else c for c in text)


def mounts(policy: Policy) -> tuple[Mount, ...]:
    """List what a policy shows of the host, each folder before what lies in it. Raises PolicyError."""
    found = dict[str, Mount]()
    for grant in policy.grants:
        if grant.capability in PATHS and grant.resource != PRIVATE and not _is_own(grant.resource):
            for path in dict.fromkeys((grant.resource, real(grant.resource))):
                if not _is_own(path):  # a link may lead there, too
                    found[path] = _merged(found.get(path), _mount(plain(path), grant.capability))
    runnable = {mount.source for mount in found.values() if mount.execute}  # a link to what is executed is, too
    for path, mount in found.items():
        if mount.source in runnable and not mount.write:
            found[path] = replace(mount, execute=True)
    ordered = sorted(found.values(), key=lambda mount: (mount.path.count("/"), mount.path))
    return tuple(mount for mount in ordered if not _is_same_above(mount, ordered))


def _is_own(path: str) -> bool:
    """Tell whether every target has a path anyway. Raises PolicyError for what would show the kernel of the host."""
    if path in READY or path.startswith("/proc/self/"):
        return True
    if path == "/" or any(below(path, own) for own in OWN):
        raise PolicyError(f"{path} cannot be granted to another tool: /proc, /dev and /sys are made anew there")
    return False


def private(shown: Iterable[Mount]) -> tuple[str, ...]:
    """Name the empty places in memory that a program has of its own, unless the policy grants the host's."""
    taken = {mount.path for mount in shown}
    return tuple(path for path in ("/tmp", HOME) if path not in taken)  # noqa: S108 -- its own


def _mount(path: str, capability: C) -> Mount:
    mode = os.stat(path).st_mode  # noqa: PTH116 -- likewise
    return Mount(
        path=path,
        source=plain(real(path)),
        directory=stat.S_ISDIR(mode),
        write=capability is C.FS_WRITE,
        execute=capability in EXECUTING,
        socket=stat.S_ISSOCK(mode),
    )


def _merged(one: Mount | None, other: Mount) -> Mount:
    """Unite two grants of one path; what may be written is never executed."""
    if one is None:
        return other
    write = one.write or other.write
    execute = (one.execute or other.execute) and not write
    return Mount(one.path, one.source, one.directory, write, execute, one.socket or other.socket)


def _is_same_above(mount: Mount, every: Iterable[Mount]) -> bool:
    """Tell whether the nearest folder above shows a path in the same way already."""
    above = [other for other in every if other.path != mount.path and below(mount.path, other.path)]
    if not above or mount.source != mount.path:
        return False
    nearest = max(above, key=lambda other: len(other.path))
    same = (nearest.write, nearest.execute) == (mount.write, mount.execute)
    return same and real(nearest.path) == nearest.path


def hidden(policy: Policy, shown: Iterable[Mount]) -> tuple[Mount, ...]:
    """List the denied paths that are there and would be shown, each under every name that it has inside."""
    trees = [mount for mount in shown if mount.directory]
    found = dict(_hidden(policy.deny, trees))
    return tuple(
        Mount(path, path, found[path])
        for path in sorted(found)
        if not any(below(path, other) for other in found if other != path)
    )


def _hidden(denied: Iterable[str], trees: Iterable[Mount]) -> Iterator[tuple[str, bool]]:
    for path in dict.fromkeys(real(path) for path in denied if path.startswith("/")):
        for tree in trees if os.path.lexists(path) else ():
            if below(path, tree.source):
                yield plain(tree.path + path[len(tree.source) :]), os.path.isdir(path)

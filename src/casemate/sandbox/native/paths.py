"""Where a path really leads: every symbolic link on the way, and the file at the end."""

import os
import stat
from _collections_abc import Collection, Iterator
from errno import ELOOP, ENOENT, ENOTDIR

from casemate.model.dataclass import dataclass
from casemate.sandbox.native.steps import Link, Seen

LINKS = 40  # as the kernel: MAXSYMLINKS
ABSENT = (ENOENT, ENOTDIR)


def unescaped(name: str) -> str:
    """Read a path as the tables of /proc write it: an octal escape for each blank, tab, line end and backslash."""
    first, *escaped = name.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in escaped)


def walk(path: str) -> tuple[str, tuple[Link, ...]]:
    """Resolve an absolute path; give the real one and the links passed. Raises OSError as open(2) would."""
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    real, links = "", list[Link]()
    while pending:
        part = pending.pop()
        if part == "..":
            real = real.rpartition("/")[0]
            continue
        here = f"{real}/{part}"
        if not stat.S_ISLNK(os.lstat(here).st_mode):
            real = here
            continue
        text = os.readlink(here)  # noqa: PTH115 -- pathlib is too heavy for the start-up path
        links.append(Link(here, text))
        if len(links) > LINKS:
            raise OSError(ELOOP, os.strerror(ELOOP), path)
        if text.startswith("/"):
            real = ""
        pending += [step for step in reversed(text.split("/")) if step not in ("", ".")]
    return real or "/", tuple(links)


def look(path: str) -> Seen:
    """Note which file a real path names now. Raises OSError."""
    status = os.lstat(path)
    return Seen(path, status.st_dev, status.st_ino, stat.S_ISDIR(status.st_mode))


@dataclass(frozen=True, slots=True)
class Denied:
    """A denied path: as it is written, where it leads, existing or not, and what is there."""

    path: str
    real: str
    seen: Seen | None


def denied(path: str, folders: dict[str, str]) -> Denied:
    """Look at a denied path. `folders` remembers where folders lead: many denied paths share one."""
    real = _real(path, folders)
    try:
        seen = None if os.path.islink(real) else look(real)  # noqa: PTH114 -- likewise; a loop of links leads nowhere
    except OSError:
        seen = None
    return Denied(path, real, seen)


def _real(path: str, folders: dict[str, str]) -> str:
    """Resolve links as os.path.realpath does."""
    folder, _, name = path.rpartition("/")
    if name in ("", ".", ".."):
        return os.path.realpath(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder or "/")
    here = f"{folders[folder].rstrip('/')}/{name}"
    return os.path.realpath(here) if os.path.islink(here) else here  # noqa: PTH114 -- likewise


def within(path: str, trees: Collection[str]) -> bool:
    """Tell whether `path` is one of these trees or lies in one."""
    return any(folder in trees for folder in above(path))


def above(path: str) -> Iterator[str]:
    """Yield an absolute path and every folder above it."""
    while path != "/":
        yield path
        path = path.rpartition("/")[0] or "/"
    yield "/"

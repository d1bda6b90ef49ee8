"""Where a path really leads: every symbolic link on the way, and the file at the end."""

import os
import stat
from errno import ELOOP, ENOENT, ENOTDIR

from casemate.sandbox.native.steps import Link, Seen

LINKS = 40  # as the kernel: MAXSYMLINKS
ABSENT = (ENOENT, ENOTDIR)


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


def below(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")

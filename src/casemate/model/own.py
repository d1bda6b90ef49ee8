"""Where casemate keeps what is its own, by the XDG Base Directory Specification.

A program under a policy neither reads nor writes there: who could, would accept policies and forge results.
"""

import os
import stat
from _collections_abc import Mapping


def cache(environment: Mapping[str, str]) -> str:
    """Name the folder of results that can be made anew; "" where the caller has no home."""
    return _folder(environment, "XDG_CACHE_HOME", ".cache")


def data(environment: Mapping[str, str]) -> str:
    """Name the folder of what was installed; "" likewise."""
    return _folder(environment, "XDG_DATA_HOME", ".local/share")


def state(environment: Mapping[str, str]) -> str:
    """Name the folder of what was decided, and of the key; "" likewise."""
    return _folder(environment, "XDG_STATE_HOME", ".local/state")


def runtime(environment: Mapping[str, str], backend: str, digest: str) -> str:
    """Name the folder of an installed runtime; `digest` is of the lock file by which it was installed; "" likewise."""
    base = data(environment)
    return f"{base}/runtimes/{backend}-{digest[:16]}" if base else ""


def image(environment: Mapping[str, str], digest: str) -> str:
    """Name the folder of an unpacked image; `digest` is the SHA-256 of its manifest; "" likewise."""
    base = cache(environment)
    return f"{base}/images/sha256-{digest}" if base else ""


def is_private(state: os.stat_result) -> bool:
    """Tell whether a status, that of lstat(2), is of a folder in which nobody writes but the caller, and root."""
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o022


def belongs_to_others(state: os.stat_result) -> bool:
    """Tell whether a file or folder is that of another user, who could change it, or exchange what lies in it."""
    return state.st_uid not in (0, os.geteuid())


def open_to_others(state: os.stat_result) -> int:
    """Give the bits by which others could do so: S_IWOTH, S_IWGRP, or 0. Where a folder is sticky only owners can."""
    if stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX:
        return 0
    ours = state.st_gid in (0, os.getegid())
    return state.st_mode & (stat.S_IWOTH if ours else stat.S_IWOTH | stat.S_IWGRP)


def _folder(environment: Mapping[str, str], variable: str, below: str) -> str:
    """Take the variable where it is an absolute path, as the specification says."""
    named, home = environment.get(variable, ""), environment.get("HOME", "")
    base = named if named.startswith("/") else f"{home}/{below}" if home.startswith("/") else ""
    return f"{base}/casemate" if base else ""

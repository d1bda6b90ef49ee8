"""Where casemate keeps what is its own, by the XDG Base Directory Specification.

A program under a policy neither reads nor writes there: who could, would accept policies and forge results.
"""

from _collections_abc import Mapping


def cache(environment: Mapping[str, str]) -> str:
    """Name the folder of results that can be made anew; "" where the caller has no home."""
    return _folder(environment, "XDG_CACHE_HOME", ".cache")


def state(environment: Mapping[str, str]) -> str:
    """Name the folder of what was decided, and of the key; "" likewise."""
    return _folder(environment, "XDG_STATE_HOME", ".local/state")


def _folder(environment: Mapping[str, str], variable: str, below: str) -> str:
    """Take the variable where it is an absolute path, as the specification says."""
    named, home = environment.get(variable, ""), environment.get("HOME", "")
    base = named if named.startswith("/") else f"{home}/{below}" if home.startswith("/") else ""
    return f"{base}/casemate" if base else ""

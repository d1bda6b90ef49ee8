"""Where casemate keeps what is its own, by the XDG Base Directory Specification.

A program under a policy neither reads nor writes there: who could, would accept policies and forge results.
"""

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


def _folder(environment: Mapping[str, str], variable: str, below: str) -> str:
    """Take the variable where it is an absolute path, as the specification says."""
    named, home = environment.get(variable, ""), environment.get("HOME", "")
    base = named if named.startswith("/") else f"{home}/{below}" if home.startswith("/") else ""
    return f"{base}/casemate" if base else ""

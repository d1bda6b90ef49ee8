"""Names that a user types and that must be one of a known set."""

from collections.abc import Iterable
from difflib import get_close_matches

from casemate.model.errors import UsageError


def known(name: str, names: Iterable[str], noun: str) -> str:
    """Give the name back. Raises UsageError that says what was probably meant where it is none of the names."""
    every = sorted(names)
    if name in every:
        return name
    near = get_close_matches(name.replace("_", "-").lower(), every, n=3, cutoff=0.75)
    hint = f"did you mean {' or '.join(near)}?" if near else f"casemate {noun}s lists all"
    raise UsageError(f"unknown {noun} {name or repr(name)}: {hint}")

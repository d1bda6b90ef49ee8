"""Names that a user types and that must be one of a known set."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from casemate.model.errors import UsageError

CLEARLY = 0.05  # of 1: a word that is so much less alike was not meant


def likeness(one: str, other: str) -> float:
    """Tell how much alike two words are, from 0 to 1."""
    return SequenceMatcher(None, one, other).ratio()


def known(name: str, names: Iterable[str], noun: str) -> str:
    """Give the name back. Raises UsageError that says what was probably meant where it is none of the names."""
    every = sorted(names)
    if name in every:
        return name
    typed = name.replace("_", "-").lower()
    near = get_close_matches(typed, every, n=3, cutoff=0.75)
    best = max((likeness(typed, word) for word in near), default=0.0)
    near = [word for word in near if likeness(typed, word) > best - CLEARLY]
    hint = f"did you mean {' or '.join(near)}?" if near else f"casemate {noun}s lists all"
    raise UsageError(f"unknown {noun} {name or repr(name)}: {hint}")

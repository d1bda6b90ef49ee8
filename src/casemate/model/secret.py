"""A secret that a program uses without having it: where it comes from, where alone it goes, and what stands for it.

A policy names sources and destinations. The value exists in an Injection only, which is never printed, compared with
another run's, kept or recorded.
"""

from casemate.model.dataclass import dataclass

SHORTEST = 8  # letters and digits: fewer would be found by chance in what passes, or guessed
LONGEST = 8192  # bytes


@dataclass(frozen=True, slots=True)
class Secret:
    """A variable whose value is a placeholder inside. `source` is env:NAME or file:/PATH, `to` a granted HOST:PORT."""

    name: str
    source: str
    to: str


class Injection:
    """What takes the place of a placeholder on the way to one HOST:PORT. It has no repr, so that nothing prints it."""

    __slots__ = ("placeholder", "to", "value")

    def __init__(self, to: str, placeholder: bytes, value: bytes) -> None:
        """Both are of the same length."""
        self.to, self.placeholder, self.value = to, placeholder, value

    def __repr__(self) -> str:
        """Say where it goes and nothing else."""
        return f"<a secret for {self.to}>"

"""Where something is, and the way that led there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A region of a file. Lines and columns count from 1; columns count Unicode characters; the end is exclusive.

    The source is SARIF 2.1.0 §3.30: what a report shows is what an editor shows.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        """Give the form that terminals and editors make clickable."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Step:
    """One station of a flow: where, and what happens to the value there."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Flow:
    """The way of a value from its source, first, to its sink, last."""

    steps: tuple[Step, ...]

    @property
    def source(self) -> Step:
        """Where the value enters."""
        return self.steps[0]

    @property
    def sink(self) -> Step:
        """Where the value arrives."""
        return self.steps[-1]

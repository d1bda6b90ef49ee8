"""A rule: one criterion, with its documentation, its metadata and its example in one file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Evidence, Severity
from casemate.model.location import Flow, Location

GAP = r"\s*(?:(?:\\\r?\n|#[^\n]{0,200}\n)\s*){0,5}"
Subject_contra = TypeVar("Subject_contra", contravariant=True)


def spaced(pattern: str) -> str:
    """Give a regular expression with comments and joined lines wherever any number of blanks may be."""
    return pattern.replace(r"\s*", GAP)


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where a rule was met. What is None is taken from the rule."""

    location: Location
    message: str
    flow: Flow | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    capabilities: tuple[Capability, ...] = ()


@dataclass(frozen=True, slots=True)
class Needle:
    """A text that stands in every file where a rule can be met, and a regular expression of what follows it at once.

    `beside` is a top module that the file must also name in an import.
    """

    text: str
    then: str = ""
    beside: str = ""

    @property
    def behind(self) -> str:
        """The regular expression of what follows, with comments and joined lines wherever blanks may be."""
        return spaced(self.then)


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject_contra]):
    """One criterion, with all that is said of it.

    `name` is the file's name with hyphens and completes "allow …"; `documentation` is the module's docstring; the lines
    of `example` that end in `# flag` are met and no others. `kinds` are the sink kinds of a rule about flows; `needles`
    texts one of which stands in every file where the rule can be met: other files are not parsed.
    """

    name: str
    summary: str
    documentation: str
    severity: Severity
    confidence: Confidence
    evidence: Evidence
    cwe: tuple[int, ...]
    capabilities: tuple[Capability, ...]
    example: str
    check: Callable[[Subject_contra], Iterable[Hit]]
    kinds: tuple[str, ...] = ()
    needles: tuple[str | Needle, ...] = ()

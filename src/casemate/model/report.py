"""The result of one audit: findings, what was skipped, and what the numbers stand on."""

from dataclasses import dataclass, field

from casemate.model.finding import Finding, Skipped
from casemate.model.scope import Scope


@dataclass(frozen=True, slots=True)
class Counts:
    """What was looked at. Files of kinds that no reader claims are out of scope, not incomplete."""

    files_seen: int = 0
    files_analysed: int = 0
    files_out_of_scope: int = 0
    lines: int = 0
    rules: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Findings worst first, skips by place; the same bytes for the same input."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    counts: Counts = field(default_factory=Counts)
    scope: Scope = field(default_factory=Scope)

    @property
    def complete(self) -> bool:
        """Tell whether everything in scope was analysed, and anything at all: nothing found in nothing says nothing."""
        return not self.skipped and self.counts.files_analysed > 0

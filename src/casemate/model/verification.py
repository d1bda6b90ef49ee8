"""What the attack battery says: an act, whether it succeeded outside, and whether it was withheld inside."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from casemate.model.capability import Capability
from casemate.model.exits import Exit
from casemate.model.sandbox import Coverage, Enforcement


class Verdict(StrEnum):
    """What became of an act inside."""

    HELD = "held"
    THROUGH = "got through"
    AS_SAID = "got through, as the table says"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Probe:
    """One act that confinement must withhold. Its text is data: the target executes it, casemate never does.

    `granted` names what the policy gives beside: grants on canaries of casemate's own, never on anything else. `alone`
    keeps it out of the run of the others, `partly` says that the coverage table promises less for this act, `waits`
    that silence is what withholding looks like. `uses` are the canaries that its text names.
    """

    file: str
    function: str
    capability: Capability
    summary: str
    reference: str
    granted: tuple[str, ...] = ()
    alone: bool = False
    partly: bool = False
    waits: bool = False
    uses: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Give the name by which a person asks for it."""
        return f"{self.file}/{self.function.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Tried:
    """How one act went on one side. `story` says by what it was seen."""

    succeeded: bool
    story: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one probe, and why. `inside` is what was seen there, also where it was held."""

    probe: Probe
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A whole battery against one backend and policy."""

    backend: str
    results: tuple[Result, ...]
    coverage: tuple[Coverage, ...]

    def of(self, verdict: Verdict) -> Iterator[Result]:
        """Yield the results of one kind."""
        return (result for result in self.results if result.verdict is verdict)

    def unjudged(self) -> tuple[Capability, ...]:
        """Name the capabilities of which no probe could be judged, although the policy denies them."""
        judged = {result.probe.capability for result in self.results if result.verdict is not Verdict.NOT_APPLICABLE}
        asked = {result.probe.capability for result in self.results}
        given = {entry.capability for entry in self.coverage if entry.enforcement is Enforcement.NOT}
        return tuple(capability for capability in Capability if capability in asked - judged - given)

    @property
    def code(self) -> Exit:
        """Give the exit code: 1 where anything got through that should not, 3 where a class was left unjudged."""
        if any(self.of(Verdict.THROUGH)):
            return Exit.FINDINGS
        return Exit.INCOMPLETE if self.unjudged() or not self.results else Exit.CLEAN

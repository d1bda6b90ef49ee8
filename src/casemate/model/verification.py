"""What the attack battery says: an act, whether it succeeded outside, and whether it was withheld inside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from casemate.model.capability import Capability
from casemate.model.classes import CLASSES, capability_of
from casemate.model.exits import Exit
from casemate.model.sandbox import ClassCoverage, Coverage, Enforcement


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
    kind: str  # a class of model.classes, or a capability that has none
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

    @property
    def capability(self) -> Capability:
        """Give the capability that the act would use."""
        return capability_of(self.kind) if self.kind in CLASSES else Capability(self.kind)


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

    def unjudged(self) -> tuple[str, ...]:
        """Name the classes of which no probe could be tried, although the policy denies them."""
        judged = {result.probe.kind for result in self.results if result.verdict is not Verdict.NOT_APPLICABLE}
        asked = {result.probe.kind for result in self.results}
        return tuple(
            entry.name
            for entry in by_class(self.coverage)
            if entry.name in asked - judged and entry.enforcement is not Enforcement.NOT
        )

    @property
    def code(self) -> Exit:
        """Give the exit code: 1 where anything got through that should not, 3 where a capability was left untried.

        Single classes may have nothing to show on a host (its kernel has no AF_ALG, say): they are listed, and no more.
        """
        if any(self.of(Verdict.THROUGH)):
            return Exit.FINDINGS
        judged = {result.probe.capability for result in self.results if result.verdict is not Verdict.NOT_APPLICABLE}
        left = {capability_of(name) if name in CLASSES else Capability(name) for name in self.unjudged()} - judged
        return Exit.INCOMPLETE if left or not judged else Exit.CLEAN


def by_class(coverage: Iterable[Coverage]) -> Iterator[ClassCoverage]:
    """Yield what is said of each capability and of each of its classes."""
    for entry in coverage:
        yield ClassCoverage(str(entry.capability), entry.enforcement, entry.layers, entry.note)
        given = entry.enforcement is Enforcement.NOT and not entry.layers
        for part in entry.classes:
            yield replace(part, enforcement=entry.enforcement, note=entry.note) if given else part

"""An advisory that is known for the version of a runtime."""

from casemate.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """An advisory by its id (CVE, GHSA …) and what it allows in one sentence.

    `note`: which versions have it, and what is known of a distribution's own fix.
    """

    id: str
    summary: str
    note: str = ""

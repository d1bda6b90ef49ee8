"""What an audit was asked to look at: declared, versioned, printed in every report."""

from enum import StrEnum

from casemate.model.dataclass import dataclass


class ScopeKind(StrEnum):
    """The program alone, or also what it stands on."""

    SOFTWARE = "software"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Scope:
    """The declared object of an audit. `declared` is false where nobody wrote one and the default holds."""

    kind: ScopeKind = ScopeKind.SOFTWARE
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    declared: bool = False
    version: int = 1

    IN_SCOPE_NOT_TESTED = ("data files", "packages", "host")

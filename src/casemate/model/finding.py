"""What an audit says: a finding where a rule was met, a Skipped where nothing could be said."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from casemate.model.capability import Capability
from casemate.model.location import Flow, Location


class Severity(IntEnum):
    """How bad it is if it is true."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        """Use the lower-case word everywhere people read or type it."""
        return self.name.lower()


class Confidence(IntEnum):
    """How likely it is to be true."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    def __str__(self) -> str:
        """Use the lower-case word everywhere people read or type it."""
        return self.name.lower()


class Evidence(IntEnum):
    """What the finding rests on: a shape of code, a followed flow, or an act that was carried out."""

    PATTERN = 0
    FLOW = 1
    DEMONSTRATED = 2

    def __str__(self) -> str:
        """Use the lower-case word everywhere people read or type it."""
        return self.name.lower()


class Trust(StrEnum):
    """Who can choose a value: the further away, the worse.

    `model` is the answer of a language model, which whoever wrote a part of its prompt may have steered; `stored` is
    what some other request or program left in a database, a queue or a file.
    """

    REMOTE = "remote"
    MODEL = "model"
    STORED = "stored"
    LOCAL = "local"

    @property
    def far(self) -> bool:
        """Tell whether somebody who has no account on this machine can choose the value."""
        return self in {Trust.REMOTE, Trust.MODEL}


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a rule was met.

    `fingerprint` stays the same when lines move: it is made of the rule, the file and the text of the statement.
    `capabilities` are what somebody who exploits it would gain.
    """

    rule: str
    message: str
    location: Location
    severity: Severity
    confidence: Confidence
    evidence: Evidence
    cwe: tuple[int, ...]
    fingerprint: str
    capabilities: tuple[Capability, ...] = ()
    flow: Flow | None = None
    excerpt: str = ""

    @property
    def order(self) -> tuple[int, str, int, int, str]:
        """Sort key: worst first, then by place; the same on every machine."""
        return (-self.severity, self.location.path, self.location.line, self.location.column, self.rule)


class Why(StrEnum):
    """Why something in scope was not analysed."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    SYNTAX = "syntax"
    ENCODING = "encoding"
    BUDGET = "budget"
    LINK = "link"
    NOT_A_FILE = "not-a-file"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, order=True)
class Skipped:
    """Something in scope that was not analysed, wholly or in part. Silence is never "clean".

    `line` is 0 where the whole file is meant.
    """

    path: str
    line: int
    why: Why
    detail: str

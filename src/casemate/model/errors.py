"""What can go wrong, by who is at fault.

CasemateError
├── UsageError        the caller asked for something that cannot be done as asked
│   └── PolicyError   a policy file or a grant is wrong
├── InputError        what was to be read is missing or unreadable
└── Refused           a run that does not start: the host or the policy does not allow it
    └── Unenforceable a denied class that no layer withholds, and nobody accepted that gap
"""

from _collections_abc import Iterable

from casemate.model.exits import Exit
from casemate.model.sandbox import Gap


class CasemateError(Exception):
    """Anything casemate says in one line; the message tells what to do."""


class UsageError(CasemateError):
    """The caller asked for something that cannot be done as asked."""


class PolicyError(UsageError):
    """A policy file or a grant is wrong; the message names the file, the key and what is allowed there."""


class InputError(CasemateError):
    """What was to be read is missing or cannot be read."""


class Refused(CasemateError):  # noqa: N818 -- it reads as what it is
    """The run does not start; nothing of the target was executed. `code` is what `run` ends with: 125, 126 or 127."""

    def __init__(self, message: str, code: int = Exit.REFUSED) -> None:
        """Say why, and with which exit code."""
        self.code = int(code)
        super().__init__(message)


class Unenforceable(Refused):
    """The host cannot withhold what the policy denies."""

    def __init__(self, gaps: Iterable[Gap]) -> None:
        """Name every gap, and the way to accept it."""
        self.gaps = tuple(gaps)
        reasons = "; ".join(f"{gap.capability}: {gap.reason}" for gap in self.gaps)
        names = " ".join(f"--accept {name}" for name in sorted({str(gap.capability) for gap in self.gaps}))
        super().__init__(f"cannot enforce the policy here: {reasons} (to run without it: {names})")

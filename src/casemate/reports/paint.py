"""How text looks: its width, and colours where somebody asked for them. Colour never carries what the words do not."""

from dataclasses import dataclass
from enum import StrEnum

from casemate.model.finding import Severity


class Ink(StrEnum):
    """What a piece of text is; the value is its SGR code (ECMA-48 §8.3.117)."""

    CRITICAL = "1;31"
    HIGH = "31"
    MEDIUM = "33"
    LOW = "36"
    INFO = "34"
    NAME = "1"
    FAINT = "2"
    GOOD = "32"


SEVERITY = {
    Severity.CRITICAL: Ink.CRITICAL,
    Severity.HIGH: Ink.HIGH,
    Severity.MEDIUM: Ink.MEDIUM,
    Severity.LOW: Ink.LOW,
    Severity.INFO: Ink.INFO,
}


@dataclass(frozen=True, slots=True)
class Style:
    """`width` in columns; `colours` only where the reader's terminal shows them."""

    width: int = 100
    colours: bool = False

    def paint(self, text: str, ink: Ink) -> str:
        """Give the text in that colour, or as it is."""
        return f"\x1b[{ink}m{text}\x1b[0m" if self.colours and text else text

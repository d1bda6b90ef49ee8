"""Exit codes. They are never renumbered."""

from casemate.model.words import IntEnum


class Exit(IntEnum):
    """What the verbs other than `run` end with; of `run` only what is wrong before the program starts."""

    CLEAN = 0  # nothing at or above --fail-on, and complete
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3  # nothing found, but something in scope was not analysed
    INTERNAL = 4  # our own fault
    REFUSED = 125  # run: whatever is wrong before it starts
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    SIGNAL = 128  # run: 128+N where signal N ended the program

"""What a run needs beside its plan: values, streams, and where events go. The same for every backend."""

import os
from _collections_abc import Callable, Mapping

from casemate.model.dataclass import dataclass, field
from casemate.model.sandbox import Json


@dataclass(frozen=True, slots=True)
class Streams:
    """The caller's descriptors that stand for the target's standard streams. They are never handed in."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run needs beside its plan; only the variables that the plan names are handed in."""

    environment: Mapping[str, str]
    streams: Streams = field(default_factory=Streams)
    record: Callable[[Mapping[str, Json]], None] | None = None
    policy_hash: str = ""  # of the policy as it was read, for the record


def occupy() -> None:
    """Open /dev/null in the place of a standard descriptor that the caller closed.

    To be called before anything else is opened: a file of ours with the number 1 would pass for the target's stdout.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(fd, True)  # noqa: FBT003 -- the signature of the library
    os.close(fd)

"""What a run needs beside its plan: values, streams, and where events go. The same for every backend."""

from _collections_abc import Callable, Mapping

from casemate.model.dataclass import dataclass, field
from casemate.model.sandbox import Json, Plan
from casemate.model.secret import Injection
from casemate.model.words import StrEnum


@dataclass(frozen=True, slots=True)
class Streams:
    """The caller's descriptors that stand for the target's standard streams. They are never handed in."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


class AtEnd(StrEnum):
    """What happens to the files that a program wrote under grants in mode commit."""

    COPY = "copy out what the policy allows"
    DISCARD = "throw everything away"


class Look(StrEnum):
    """How closely these files are looked at before that."""

    NOT = "not at all"
    NAMES = "names and sizes"
    CONTENT = "names, sizes, and the text of small files"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from, for its record: hashes of the policy, its parts, and the gaps that were accepted."""

    policy_hash: str = ""  # of the policy file as it was read
    effective_hash: str = ""  # of the expanded policy that is enforced
    effective: Mapping[str, Json] = field(default_factory=dict[str, Json])
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run needs beside its plan; only the variables that the plan names are handed in."""

    environment: Mapping[str, str]
    streams: Streams = field(default_factory=Streams)
    record: Callable[[Mapping[str, Json]], None] | None = None
    origin: Origin = field(default_factory=Origin)
    at_end: AtEnd = AtEnd.COPY
    look: Look = Look.NOT
    injections: tuple[Injection, ...] = ()  # secrets by placeholder, put in on the way to their HOST:PORT
    told: Plan | None = None  # what a record tells of, where that is more than the plan that is started

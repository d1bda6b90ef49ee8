"""What a program is granted: deny by default, absence means deny."""

from _collections_abc import Iterator

from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, field, replace
from casemate.model.secret import Secret
from casemate.model.words import StrEnum

MIB = 1024 * 1024
GIB = 1024 * MIB
PRIVATE = "@private"  # net.unix, net.listen: sockets of the program's own processes, none of the host's
OWN_PYTHON = "@python"  # proc.spawn: the interpreter that runs the program, again


class WriteMode(StrEnum):
    """How a write grant reaches the host: copied out at the end after checks, or at once without them."""

    COMMIT = "commit"
    DIRECT = "direct"


class Missing(StrEnum):
    """What a granted path that does not exist means. A missing write path is always an error."""

    ERROR = "error"
    SKIP_READ = "skip-read"


class Assurance(StrEnum):
    """Which backends a policy admits: any, or only those whose vendor offers them against hostile code."""

    ANY = "any"
    BOUNDARY = "boundary"


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing that a policy gives.

    `resource` is an absolute path or an @set, HOST:PORT, a variable name or a program. `mode` and `max_bytes` belong to
    fs.write. `why` is a comment and no part of the grant.
    """

    capability: Capability
    resource: str
    mode: WriteMode | None = None
    max_bytes: int | None = None
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of a whole run. None of them is ever unlimited unless a policy says so with 0."""

    cpu_seconds: int = 600
    wall_seconds: int = 0
    memory_bytes: int = 4 * GIB
    processes: int = 64
    fds: int = 1024
    output_bytes: int = 0
    disk_bytes: int = 1 * GIB  # one file; the writable layers have sizes of their own


@dataclass(frozen=True, slots=True)
class Policy:
    """The set of grants and limits of one program. `Policy()` is the strictest.

    Expanded (as `confine()` takes it), every path is absolute, no grant is an @set, a grant of native.ext names a path
    below which shared libraries may be mapped, and `deny` holds absolute paths to hide, existing or not, and "@persist"
    where the names of model.persist may not be written. `image` is a directory then, and the paths of fs.exec,
    proc.spawn and native.ext are those of the image.
    """

    name: str = ""
    backends: tuple[str, ...] = ()  # in the order in which they are tried; none named: "native"
    layers: int = 1  # how many layers must withhold each denied class
    assurance: Assurance = Assurance.ANY
    grants: tuple[Grant, ...] = ()
    deny: tuple[str, ...] = ("@secrets", "@persist")  # paths and @sets; deny beats every grant
    missing: Missing = Missing.ERROR
    tmp_bytes: int = 256 * MIB
    image: str = ""  # the root is this one, an image directory or an OCI image layout, and not made of grants alone
    settings: tuple[tuple[str, str], ...] = ()  # variables with a value that the policy itself gives
    secrets: tuple[Secret, ...] = ()  # variables that hold a placeholder
    limits: Limits = field(default_factory=Limits)

    def of(self, capability: Capability) -> Iterator[Grant]:
        """Yield the grants of one capability, in the order they were written."""
        return (grant for grant in self.grants if grant.capability is capability)

    def grants_any(self, capability: Capability) -> bool:
        """Tell whether anything of this capability is granted."""
        return any(self.of(capability))

    def plus(self, *grants: Grant) -> "Policy":
        """Give a policy with these grants as well; one that is there already is not repeated."""
        new = tuple(grant for grant in dict.fromkeys(grants) if grant not in self.grants)
        return replace(self, grants=self.grants + new)


STRICTEST = Policy(limits=Limits(wall_seconds=600, output_bytes=64 * MIB))  # nothing granted, no limit left out

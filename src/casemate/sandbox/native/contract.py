"""What the process tree hands to the loop outside it: descriptors, and what each of them stands for.

The tree is P (casemate, outside) → S (the steward, in all namespaces but the pid namespace) → I (pid 1 inside) → T (the
target). `start.py` makes it and then calls `supervise(inside, plan, run)` in P, which returns when the target has ended
and its committed files are copied out. Every descriptor here is close-on-exec and belongs to P.

Lifeline (P → I): while P holds its write end the run lives. Each byte is the number of a signal for the target's
process group. End of file makes I exit, and the kernel kills everything inside.

Status (S, I, T → P): one line of words, each written at once, shorter than PIPE_BUF:
    refused 125|126|127 LAYER: REASON                nothing of the target ran
    started                                          the target's execve succeeded
    ended code 0-255 | signal N  SECONDS KIB         how, the CPU time, the largest resident memory
and end of file when nobody inside is left. End of file without "ended" or "refused" means that I was killed.

Control (P ↔ S, SOCK_SEQPACKET): P sends `connect 4 PORT` or `connect 6 PORT`; S answers `ok` with one non-blocking TCP
socket by SCM_RIGHTS, made in the net namespace and connecting to 127.0.0.1:PORT or [::1]:PORT there (wait until it is
writable, then look at SO_ERROR), or `error ERRNO` without one. One request at a time. S kills I and ends when P shuts
this socket down, and when P is gone: a process that another thread of the caller forked may hold copies of all of these
descriptors.
"""

from casemate.model.dataclass import dataclass
from casemate.model.policy import Limits, WriteMode
from casemate.model.sandbox import FileChange, Plan
from casemate.model.words import StrEnum
from casemate.sandbox.native.steps import Filter, Step
from casemate.sandbox.streams import RunInput, Streams

TYPE_CHECKING = False  # the groups know the layers, and the layers know a plan
if TYPE_CHECKING:
    from casemate.sandbox.native.group import Group

__all__ = [
    "EVERYBODY_IS_DEAD",
    "CommitLayer",
    "Endpoint",
    "Forward",
    "Inside",
    "Listener",
    "NativePlan",
    "Outside",
    "Resolver",
    "RunInput",
    "Stdio",
    "Streams",
    "Transport",
    "Write",
    "Written",
]

EVERYBODY_IS_DEAD = 0x2A  # exit code of S once it has reaped I; with any other one nothing is copied out
RESOLVER = "127.0.0.1"  # what /etc/resolv.conf inside names; port 53, UDP and TCP
VIRTUAL = "198.18.0.0/15"  # RFC 2544: never routed; granted names get an address of it each, from 198.18.0.2 on
VIRTUAL6 = "fd00:ca5e::/64"  # RFC 4193; ::N stands for the Nth granted name


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A granted HOST:PORT to connect to, and the address inside that stands for it.

    `host` is as the policy writes it, lower case, without brackets; `literal` tells that it is an IP address, and then
    `address` is the same. Ports of one name share one address. `address6` is "" where IPv6 has none.
    """

    host: str
    port: int
    address: str
    address6: str = ""
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the host that is forwarded in (`net.listen`): P listens on `host`:`port`, the target on the same port.

    `family` is 4 or 6, for the request to the steward.
    """

    host: str
    port: int
    family: int = 4


@dataclass(frozen=True, slots=True)
class Write:
    """A write grant: the real path (links resolved), its mode and the byte quota of the layer."""

    path: str
    mode: WriteMode
    max_bytes: int
    directory: bool


class Transport(StrEnum):
    """How a resolver socket is spoken to."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Resolver:
    """A socket bound to 127.0.0.1:53 in the net namespace; TCP ones listen."""

    fd: int
    transport: Transport


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening, non-blocking TCP socket made in the net namespace; what it accepts wants to go to `endpoint`."""

    fd: int
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class CommitLayer:
    """What the target wrote under one grant in mode commit.

    `upper` is a descriptor of an overlayfs upper directory on a private tmpfs (deleted names are character devices 0:0;
    replaced directories carry the xattr trusted.overlay.opaque or user.overlay.opaque = "y"; moved ones cannot occur,
    redirect_dir is nofollow), or of the private copy of a file. `target` is an O_PATH descriptor of what the grant
    names on the host, opened by P before the start: write through it (openat, /proc/self/fd), never by path again.
    """

    write: Write
    upper: int
    target: int


@dataclass(frozen=True, slots=True)
class Written:
    """The paths that were committed, "PATH: reason" for those that were refused, and each change where it was asked.

    `lost`: something was refused that no rule of the policy keeps back.
    """

    committed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    changes: tuple[FileChange, ...] = ()
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Stdio:
    """The three standard streams.

    `inner` are the descriptors that become 0, 1, 2 inside: never one of P's own, only ends of pipes or a private pty.
    `outer` are P's ends (-1 where there is none): [0] is written, [1] and [2] are read; with a terminal they may all be
    the pty's master. `terminal` is the inner descriptor of the pty that becomes the controlling terminal, or -1.
    """

    inner: tuple[int, int, int]
    outer: tuple[int, int, int]
    terminal: int = -1


@dataclass(frozen=True, slots=True)
class Inside:
    """A process tree that stands, with the target about to be executed."""

    steward: int  # pid of S, a child of P: P reaps it
    steward_pidfd: int
    lifeline: int
    status: int
    control: int
    stdio: Stdio
    resolvers: tuple[Resolver, ...] = ()
    listeners: tuple[Listener, ...] = ()
    layers: tuple[CommitLayer, ...] = ()
    witness: int = -1  # where the target hands over the listener of its filter (sensor.py), or -1
    tried: tuple[str, ...] = ()  # the classes of which the self-test tries an act
    canaries: tuple[int, ...] = ()  # sockets that only the self-test reaches for
    doors: tuple[int, ...] = ()  # what forward.open_doors gave, in the order of Outside.forwards
    group: "Group | None" = None  # the cgroups of the run, where there are any: start.py removes them after the run


@dataclass(frozen=True, slots=True)
class Outside:
    """The part of a plan that the loop outside carries out."""

    limits: Limits
    connect: tuple[Endpoint, ...] = ()
    forwards: tuple[Forward, ...] = ()
    writes: tuple[Write, ...] = ()
    deny: tuple[str, ...] = ()  # absolute paths, existing or not: commit never writes there or below
    persist: bool = True  # the names of model.persist are never written either


@dataclass(frozen=True, slots=True)
class NativePlan(Plan):
    """A plan of the native backend: what the root is made of, the filter's shape, and the part carried out outside."""

    executable: str
    runnable: tuple[str, ...]  # real paths that execve(2) may open: files, their loaders
    steps: tuple[Step, ...]
    filter: Filter
    tmp_bytes: int
    outside: Outside
    waits: bool = False  # for further arguments, on standard input: sandbox/waiting.py
    image: bool = False  # the last step shows one: then what lies below the root can be executed and mapped so


# What the loop outside provides (module, name, type):
#   terminal.open_stdio(streams: Streams) -> Stdio       before the first fork; a pty where `streams` is a terminal
#   terminal.close_inner(stdio: Stdio) -> None           in P, after S was forked
#   forward.open_doors(forwards: tuple[Forward, ...]) -> tuple[int, ...]   before the first fork: listening sockets of
#       the host, one for each forward; raises errors.Refused where a port is in use or may not be bound
#   supervise.supervise(inside: Inside, plan: NativePlan, run: RunInput) -> Outcome
#       raises errors.Refused with `code` (125, 126, 127) where the tree reports "refused"; kills, reaps and closes all

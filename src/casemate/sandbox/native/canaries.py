"""What the self-test reaches for: things of the host that casemate knows, and sockets of its own.

Nothing is written to the host, so nothing can be left there: a file of ours that is installed anyway stands for the
secret, and sockets end with their descriptors.
"""

import _struct as struct
import os

from casemate.model.dataclass import dataclass
from casemate.model.tree import below
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.steps import Bind, Layered

Identity = bytes  # device and inode, as struct stat begins with them
NONE: Identity = b""
SECRETS = (__file__, "/etc/passwd", "/etc/hosts", "/proc/version")  # everybody may read them: only layers hold
SHARED = "/dev/shm"  # noqa: S108 -- looked at only
LENGTH = 16
IPC = ("ipc.shm.sysv", "ipc.mq.sysv", "ipc.mq.posix")


@dataclass(frozen=True, slots=True)
class Canaries:
    """Where to reach; made before the first fork. What could not be had is empty, and its class is not tried."""

    secret: str = ""
    secret_id: Identity = NONE
    folder_id: Identity = NONE
    shared_id: Identity = NONE
    written: bytes = b""  # in our memory, at the same address in every process forked from us
    vectors: tuple[bytes, bytes] = (b"", b"")  # struct iovec: of the room to read it to, and of where it stands
    ipc: str = ""
    keyring: int = -1
    port: int = 0
    abstract: bytes = b""
    descriptors: tuple[int, ...] = ()  # the sockets; to be closed once the target has started


def prepare(plan: NativePlan, unfiltered: frozenset[str], room: "k.Room") -> Canaries:
    """Look for what can be reached for; make sockets where no filter stands before them. Raises OSError.

    `unfiltered` are the classes to be tried that other layers than the filter withhold.
    """
    secret = _secret(plan)
    written = os.urandom(LENGTH)
    port, listening = _tcp() if "net.connect.tcp" in unfiltered else (0, -1)
    abstract, bound = _abstract() if "net.unix.abstract" in unfiltered else (b"", -1)
    return Canaries(
        secret=secret,
        secret_id=identity_of(secret) if secret else NONE,
        folder_id=identity_of(secret.rpartition("/")[0]) if secret else NONE,
        shared_id=identity_of(SHARED) if os.path.isdir(SHARED) else NONE,  # noqa: PTH112 -- start-up path
        written=written,
        vectors=(k.words(8, k.place(room), LENGTH), k.words(8, k.address_of(written), LENGTH)),
        ipc=os.readlink("/proc/self/ns/ipc") if not unfiltered.isdisjoint(IPC) else "",  # noqa: PTH115 -- likewise
        keyring=_keyring() if "kernel.keyctl" in unfiltered else -1,
        port=port,
        abstract=abstract,
        descriptors=tuple(descriptor for descriptor in (listening, bound) if descriptor >= 0),
    )


def identity_of(path: str) -> Identity:
    """Say which file a path names."""
    status = os.stat(path)  # noqa: PTH116 -- start-up path
    return struct.pack("QQ", status.st_dev, status.st_ino)


def _secret(plan: NativePlan) -> str:
    """Give a file that is there and that the plan does not show. A file of ours in its place is another one."""
    shown = [step.seen.path for step in plan.steps if isinstance(step, Bind | Layered)]
    for path in SECRETS:
        real = os.path.realpath(path)
        if os.path.isfile(real) and not any(below(real, tree) for tree in shown):  # noqa: PTH113 -- likewise
            return real
    return ""


def _tcp() -> tuple[int, int]:
    import _socket  # noqa: PLC0415 -- where a layer is missing only

    listening = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    listening.bind(("127.0.0.1", 0))
    listening.listen(1)
    return int(listening.getsockname()[1]), listening.detach()


def _abstract() -> tuple[bytes, int]:
    """Let the kernel choose a name that is free: unix(7), autobind."""
    import _socket  # noqa: PLC0415 -- likewise

    bound = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    bound.bind("")
    bound.listen(1)
    return bytes(bound.getsockname()), bound.detach()


def _keyring() -> int:
    try:
        return k.call("keyctl", k.number("keyctl"), 0, -3, 0)
    except OSError:
        return -1

"""One forbidden act of each class, as raw system calls, for the self-test.

An act says whether it was possible. It is withheld when the kernel answers as a lock would; running out of something is
no answer, and raises; any other answer means that the locks were passed. None of them would change anything lasting:
files have no name (O_TMPFILE), names do not exist, owners stay who they are, sizes and magic numbers are wrong.
"""

import _struct as struct
import errno as e
import os
import resource
from _collections_abc import Callable, Mapping

from casemate.model.dataclass import dataclass
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.canaries import LENGTH, Canaries, Identity
from casemate.sandbox.native.names import CAPABILITIES

LOCKED = frozenset({e.EPERM, e.EACCES, e.ENOSYS})
UNABLE = frozenset({e.EMFILE, e.ENFILE, e.ENOMEM, e.EAGAIN, e.EINTR})
ABSENT = (e.ENOENT, e.ENOTDIR, e.ELOOP)
NO_FAMILY = (e.EAFNOSUPPORT, e.ESOCKTNOSUPPORT, e.EPROTONOSUPPORT, e.EPFNOSUPPORT)
UNREACHABLE = (e.ECONNREFUSED, e.ENETUNREACH, e.EHOSTUNREACH, e.EADDRNOTAVAIL)
HERE = -100  # AT_FDCWD
PRIVATE_PLACE = b"/dev/shm"  # nothing below /dev can be granted, so it is always the run's own
NAME = PRIVATE_PLACE + b"/.casemate-self-test"
CLOSED = os.O_CLOEXEC
PRIVATE, SHARED, ANONYMOUS = 2, 1, 0x20
READ, WRITE, EXECUTE = 1, 2, 4
UNIX, INET, NETLINK, PACKET, ALG, VSOCK = 1, 2, 16, 17, 38, 40
STREAM, DATAGRAM, RAW, SEQUENTIAL = 1, 2, 3, 5
OPEN_NOW = 0o4000 | CLOSED  # SOCK_NONBLOCK | SOCK_CLOEXEC
NOWHERE = "192.0.2.1"  # RFC 5737
ELSEWHERE = struct.pack("=H2s4s8x", INET, b"\0\x09", b"\xc0\0\2\1")  # there; to connect by UDP sends nothing
LOCAL_SOCKET = struct.pack("=H", UNIX) + b"/run/dbus/system_bus_socket\0"
SIZE = 128
NOTHING = (0,) * 5


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the acts are made: all of it made before the fork, since each page that a child touches is copied."""

    filtered: frozenset[str]  # classes that the filter is said to withhold
    canaries: Canaries
    directory: bytes  # a tree of the host that may only be read
    file: bytes  # a file that may be read and not executed, or b""
    executable: bytes
    other: int  # pid of a process outside, ours
    numbers: Mapping[str, int]  # of the system calls
    room: "k.Room"  # SIZE bytes of ours
    token: int  # what tells our calls from the target's: the last argument of each, which none of them looks at

    def call(self, name: str, *arguments: "int | bytes | k.Room | None") -> int:
        """Make a system call by name; give its result, or the errno below zero."""
        return k.attempt(self.numbers[name], *arguments, *NOTHING[len(arguments) :], self.token)

    def shot(self, name: str, *arguments: "int | bytes | k.Room | None", locked: tuple[int, ...] = ()) -> "Shot":
        """Prepare a single call, and the answers of a lock to it."""
        six = (*arguments, *NOTHING[len(arguments) :], self.token)
        return self.numbers[name], six, LOCKED.union(locked) if locked else LOCKED

    def left(self, length: int = LENGTH) -> bytes:
        """Give what a call left in the room."""
        return bytes(self.room)[:length]


Act = Callable[[Ground], bool]  # where one call is not enough: it says whether it was possible
Shot = tuple[int, tuple["int | bytes | k.Room | None", ...], frozenset[int]]
Aim = Callable[[Ground], Shot | Act]  # made before the fork


def possible(result: int, *locked: int) -> bool:
    """Tell whether an answer means that the act was possible. Raises OSError where it was no answer.

    `locked` are the answers of locks beside the usual ones. What was opened is closed at once by the caller's end, and
    never inherited: it is close-on-exec.
    """
    if -result in LOCKED or -result in locked:
        return False
    if -result in UNABLE:
        raise OSError(-result, os.strerror(-result))
    return True


def shoot(shot: Shot) -> bool:
    """Make a prepared call; tell whether it was possible. Raises OSError where it was no answer."""
    number, six, locked = shot
    answer = k.attempt(number, *six)
    return -answer not in locked and possible(answer)


def _reaches(g: Ground, path: str, whole: Identity, flags: int = 0) -> bool:
    """Tell whether a path opens just the file that it names outside."""
    opened = g.call("openat", HERE, os.fsencode(path), os.O_RDONLY | os.O_NONBLOCK | CLOSED | flags, 0)
    if opened < 0:
        return possible(opened, *ABSENT)
    found = g.call("fstat", opened, g.room)
    os.close(opened)
    if found < 0:
        raise OSError(-found, os.strerror(-found))
    return g.left() == whole


def _content(g: Ground) -> bool:
    return _reaches(g, g.canaries.secret, g.canaries.secret_id)


def _links(g: Ground) -> bool:
    return _reaches(g, f"/proc/self/root{g.canaries.secret}", g.canaries.secret_id)


def _handles(g: Ground) -> Shot:
    handle = struct.pack("=Ii8s", 8, 1, b"")  # struct file_handle: of nothing
    return g.shot("open_by_handle_at", HERE, handle, os.O_RDONLY | CLOSED)


def _names(g: Ground) -> bool:
    return _reaches(g, g.canaries.secret.rpartition("/")[0], g.canaries.folder_id, os.O_DIRECTORY)


def _is(g: Ground, path: bytes, whole: Identity) -> bool:
    """Tell whether stat(2) finds just the file that a path names outside."""
    found = g.call("newfstatat", HERE, path, g.room, 0)
    return g.left() == whole if found == 0 else possible(found, *ABSENT)


def _stat(g: Ground) -> bool:
    return _is(g, os.fsencode(g.canaries.secret), g.canaries.secret_id)


def _write(g: Ground) -> Shot:
    return g.shot("openat", HERE, g.directory, os.O_TMPFILE | os.O_RDWR | CLOSED, 0o600, locked=(e.EROFS,))


def _delete(g: Ground) -> Shot:
    return g.shot("unlinkat", HERE, g.directory + b"/.casemate-self-test", 0, locked=(e.EROFS,))


def _attributes(g: Ground) -> Shot:
    return g.shot("fchownat", HERE, g.directory, -1, -1, 0, locked=(e.EROFS,))


def _hardlink(g: Ground) -> Shot:
    return g.shot("linkat", HERE, g.file or g.executable, HERE, NAME, 0, locked=(e.EROFS, e.EXDEV))


def _nameless(g: Ground) -> int:
    """Make an empty file without a name in memory of the run's own. Raises OSError."""
    opened = g.call("openat", HERE, PRIVATE_PLACE, os.O_TMPFILE | os.O_RDWR | CLOSED, 0o700)
    if opened < 0:
        raise OSError(-opened, os.strerror(-opened))
    return opened


def _execute(g: Ground) -> Shot | Act:
    """Execute an empty file: the answer is ENOEXEC where it may be, and nothing ever runs."""
    if "fs.exec.file" in g.filtered:
        return g.shot("execveat", -1, b"", None, None, 0x1000)

    def act(g: Ground) -> bool:
        own = _nameless(g)
        try:
            return possible(g.call("execveat", own, b"", None, None, 0x1000))
        finally:
            os.close(own)

    return act


def _memfd(g: Ground) -> Shot:
    return g.shot("memfd_create", b"", 1)


def _device(g: Ground) -> Shot:
    return g.shot("mknodat", HERE, NAME, 0o020600, 0x103)


def _foreign_device(g: Ground) -> Shot:
    return g.shot("openat", HERE, b"/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | CLOSED, 0, locked=(*ABSENT,))


def _control(g: Ground) -> bool:
    """Ask /dev/urandom how much it knows (random(4), RNDGETENTCNT): everybody may, and nothing changes."""
    opened = os.open("/dev/urandom", os.O_RDONLY | CLOSED)
    try:
        return possible(g.call("ioctl", opened, 0x80045200, g.room), e.ENOTTY)
    finally:
        os.close(opened)


def _type(g: Ground) -> Shot:
    return g.shot("ioctl", 0, 0x5412, b"\n", locked=(e.ENOTTY, e.EIO))


def _reach(name: str, family: int, kind: int, address: Callable[[Ground], bytes]) -> Aim:
    """Make a socket where a filter stands before that; else reach an address with it, without waiting."""

    def aim(g: Ground) -> Shot | Act:
        if name in g.filtered:
            return g.shot("socket", family, kind | OPEN_NOW, 0, locked=NO_FAMILY)
        return lambda g: _reaches_peer(g, g.call("socket", family, kind | OPEN_NOW, 0), address(g))

    return aim


def _reaches_peer(g: Ground, made: int, address: bytes) -> bool:
    """Tell whether a socket reaches an address. What is on its way is asked once more: connect(2)."""
    if made < 0:
        return possible(made, *NO_FAMILY)
    try:
        answer = g.call("connect", made, address, len(address))
        if answer == -e.EINPROGRESS:
            answer = g.call("connect", made, address, len(address))
        return possible(answer, *UNREACHABLE, *ABSENT)
    finally:
        os.close(made)


def _port(g: Ground) -> bytes:
    return struct.pack("=H2s4s8x", INET, g.canaries.port.to_bytes(2, "big"), b"\x7f\0\0\1")


def _elsewhere(_: Ground) -> bytes:
    return ELSEWHERE


def _path(_: Ground) -> bytes:
    return LOCAL_SOCKET


def _abstract(g: Ground) -> bytes:
    return struct.pack("=H", UNIX) + g.canaries.abstract


def _family(family: int, kind: int, protocol: int = 0) -> Aim:
    return lambda g: g.shot("socket", family, kind | OPEN_NOW, protocol, locked=NO_FAMILY)


def _inherited(g: Ground) -> bool:
    """Look whether anything but the standard streams would survive execve."""
    own = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | CLOSED)
    try:
        numbers = [int(name) for name in os.listdir(own)]  # noqa: PTH208 -- by descriptor
    finally:
        os.close(own)
    return any(number > 2 and g.call("fcntl", number, 1) == 0 for number in numbers)  # F_GETFD: no FD_CLOEXEC


def _pair(g: Ground) -> Shot:
    return g.shot("socketpair", UNIX, DATAGRAM | CLOSED, 0, g.room)


def _take(g: Ground) -> Shot | Act:
    """Take a descriptor of a process outside; the filter says no whatever it is."""
    if "net.fdpass.taken" in g.filtered:
        return g.shot("pidfd_getfd", -1, 0, 0)

    def act(g: Ground) -> bool:
        opened = g.call("pidfd_open", g.other, 0)
        if opened < 0:
            return possible(opened, e.ESRCH)
        try:
            return possible(g.call("pidfd_getfd", opened, 0, 0))
        finally:
            os.close(opened)

    return act


def _again(g: Ground) -> Shot:
    """Execute its own program with arguments that are nowhere: EFAULT where the filter lets it, never a success."""
    return g.shot("execve", g.executable, 1, 1)


def _signal(g: Ground) -> Shot:
    """Ask whether there is anybody else: kill(2) with -1 and no signal; ESRCH where there is only pid 1."""
    return g.shot("kill", -1, 0, locked=(e.ESRCH,))


def _trace(g: Ground) -> Shot:
    return g.shot("ptrace", 0x4206, g.other, 0, 0, locked=(e.ESRCH,))  # PTRACE_SEIZE stops nobody


def _memory(g: Ground) -> Shot | Act:
    """Read from a process outside what stands at the same address here. Flags, the last argument, are none."""
    here, there = g.canaries.vectors
    if "proc.trace.memory" in g.filtered:
        return g.numbers["process_vm_readv"], (g.other, here, 1, there, 1, g.token), LOCKED

    def act(g: Ground) -> bool:
        read = k.attempt(g.numbers["process_vm_readv"], g.other, here, 1, there, 1, 0)
        return g.left() == g.canaries.written if read == LENGTH else possible(read, e.ESRCH)

    return act


def _about(name: str) -> Aim:
    """Read what /proc says of a process outside."""
    return lambda g: g.shot("openat", HERE, f"/proc/{g.other}/{name}".encode(), os.O_RDONLY | CLOSED, 0, locked=ABSENT)


def _root(g: Ground) -> bool:
    """Look whose id ours is outside: user_namespaces(7), the map of one line or of everybody."""
    opened = g.call("openat", HERE, b"/proc/self/uid_map", os.O_RDONLY | CLOSED, 0)
    if possible(opened) is False:
        raise OSError(-opened, os.strerror(-opened))
    length = g.call("read", opened, g.room, SIZE)
    os.close(opened)
    inside, outside, _ = g.left(max(length, 0)).split()
    return os.getuid() == 0 if inside == b"0" else outside == b"0"


def _ids(g: Ground) -> Shot:
    return g.shot("setresuid", 0, 0, 0, locked=(e.EINVAL,))


def _set_id(g: Ground) -> bool:
    return g.call("prctl", 39, 0, 0, 0, 0) != 1  # PR_GET_NO_NEW_PRIVS


def _capability(g: Ground) -> Shot:
    header, sets = struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", 1 << 21, 1 << 21, 0, 0, 0, 0)
    return g.shot("capset", header, sets)  # CAP_SYS_ADMIN


def _namespaces(g: Ground) -> Shot:
    return g.shot("unshare", k.CLONE_NEWUSER, locked=(e.ENOSPC, e.EUSERS, e.EINVAL))


def _enter(g: Ground) -> Shot | Act:
    if "proc.priv.setns" in g.filtered:
        return g.shot("setns", -1, k.CLONE_NEWNS)

    def act(g: Ground) -> bool:
        opened = os.open("/proc/self/ns/mnt", os.O_RDONLY | CLOSED)
        try:
            return possible(g.call("setns", opened, k.CLONE_NEWNS))
        finally:
            os.close(opened)

    return act


def _mount(g: Ground) -> Shot:
    return g.shot("mount", b"casemate", PRIVATE_PLACE, b"tmpfs", 0, None)


def _host(g: Ground) -> Shot:
    """Name the host, with a length that cannot be: EINVAL where one may."""
    return g.shot("sethostname", b"", -1)


def _power(g: Ground) -> Shot:
    """Turn it off, with a wrong magic number: EINVAL where one may."""
    return g.shot("reboot", 0, 0, 0, 0)


def _shared(g: Ground) -> bool:
    return _is(g, b"/dev/shm", g.canaries.shared_id)


def _ipc(whole: str, name: str, *arguments: "int | bytes | None") -> Aim:
    """Ask the filter, or look whether the namespace is the caller's."""

    def act(g: Ground) -> bool:
        return os.readlink("/proc/self/ns/ipc") == g.canaries.ipc  # noqa: PTH115 -- start-up path

    return lambda g: g.shot(name, *arguments) if whole in g.filtered else act


def _map(g: Ground, opened: int, protection: int, kind: int) -> bool:
    return possible(k.attempt(g.numbers["mmap"], 0, 4096, protection, kind, opened, 0))


def _readable(g: Ground) -> bool:
    opened = os.open(g.file, os.O_RDONLY | CLOSED)
    try:
        return _map(g, opened, READ | EXECUTE, PRIVATE)
    finally:
        os.close(opened)


def _written(g: Ground) -> bool:
    own = _nameless(g)
    try:
        return _map(g, own, READ | EXECUTE, SHARED)
    finally:
        os.close(own)


def _at_once(g: Ground) -> Shot:
    """Map memory that is both. For memory alone the last argument, an offset, means nothing."""
    return g.shot("mmap", 0, 4096, READ | WRITE | EXECUTE, PRIVATE | ANONYMOUS, -1)


def _in_turn(g: Ground) -> Shot:
    """Make a page of our own memory executable; it would stay writable, so that we could say so."""
    size = resource.getpagesize()
    return g.shot("mprotect", k.place(g.room) // size * size, size, READ | WRITE | EXECUTE)


def _ring(g: Ground) -> Shot:
    return g.shot("io_uring_setup", 1, bytes(SIZE))


def _machine(g: Ground) -> Shot:
    return g.shot("bpf", 0, struct.pack("=4I112x", 2, 4, 4, 1), SIZE)  # BPF_MAP_CREATE of an array


def _keys(g: Ground) -> bool:
    """Ask for the number of the session keyring (keyctl(2)): the caller's is not ours."""
    found = g.call("keyctl", 0, -3, 0)
    return possible(found) if found < 0 or "kernel.keyctl" in g.filtered else found == g.canaries.keyring


def _faults(g: Ground) -> Shot:
    return g.shot("userfaultfd", CLOSED)


def _counters(g: Ground) -> Shot:
    """Count for itself alone, without what the kernel does: struct perf_event_attr, exclude_kernel and exclude_hv."""
    return g.shot("perf_event_open", struct.pack("=IIQ24xQ80x", 1, SIZE, 0, 0x60), 0, -1, -1, 8)


def _cores(g: Ground) -> bool:
    asked = g.call("prlimit64", 0, 4, None, g.room)  # RLIMIT_CORE
    return asked != 0 or int.from_bytes(g.left(8), "little") > 1


def _by(act: Act) -> Aim:
    return lambda _: act


ACTS: tuple[tuple[tuple[str, ...], Aim], ...] = (
    (("fs.read.content", "native.ext.other"), _by(_content)),
    (("fs.read.links",), _by(_links)),
    (("fs.read.handles",), _handles),
    (("fs.list.names",), _by(_names)),
    (("fs.list.stat",), _by(_stat)),
    (("fs.write.content", "fs.persist.names"), _write),
    (("fs.write.hardlink",), _hardlink),
    (("fs.delete.names",), _delete),
    (("fs.meta.attributes",), _attributes),
    (("fs.exec.file",), _execute),
    (("fs.exec.memfd",), _memfd),
    (("fs.dev.make",), _device),
    (("fs.dev.open",), _foreign_device),
    (("fs.dev.control",), _by(_control)),
    (("fs.dev.terminal",), _type),
    (("net.connect.tcp",), _reach("net.connect.tcp", INET, STREAM, _port)),
    (("net.udp.send", "net.dns.query"), _reach("net.udp.send", INET, DATAGRAM, _elsewhere)),
    (("net.unix.path",), _reach("net.unix.path", UNIX, STREAM, _path)),
    (("net.unix.abstract",), _reach("net.unix.abstract", UNIX, STREAM, _abstract)),
    (("net.raw.netlink",), _family(NETLINK, RAW)),
    (("net.raw.packet",), _family(PACKET, RAW)),
    (("net.raw.vsock",), _family(VSOCK, STREAM)),
    (("net.raw.alg",), _family(ALG, SEQUENTIAL)),
    (("net.fdpass.inherited",), _by(_inherited)),
    (("net.fdpass.sent",), _pair),
    (("net.fdpass.taken",), _take),
    (("proc.spawn.other", "proc.spawn.itself", "proc.shell.sh"), _again),
    (("proc.signal.kill",), _signal),
    (("proc.trace.ptrace",), _trace),
    (("proc.trace.memory",), _memory),
    (("proc.trace.proc",), _about("status")),
    (("env.read.others",), _about("environ")),
    (("proc.priv.root",), _by(_root)),
    (("proc.priv.ids",), _ids),
    (("proc.priv.setid",), _by(_set_id)),
    (("proc.priv.capabilities",), _capability),
    (("proc.priv.namespaces",), _namespaces),
    (("proc.priv.setns",), _enter),
    (("proc.priv.mount",), _mount),
    (("proc.priv.host",), _host),
    (("proc.priv.host",), _power),
    (("ipc.shm.sysv",), _ipc("ipc.shm.sysv", "shmget", 0x7FFFFFFF, 0, 0)),
    (("ipc.shm.posix",), _by(_shared)),
    (("ipc.mq.sysv",), _ipc("ipc.mq.sysv", "msgget", 0x7FFFFFFF, 0)),
    (("ipc.mq.posix",), _ipc("ipc.mq.posix", "mq_open", b"casemate-self-test", os.O_RDONLY, 0, None)),
    (("native.ext.readable",), _by(_readable)),
    (("native.ext.written",), _by(_written)),
    (("native.wx.memory",), _at_once),
    (("native.wx.memory",), _in_turn),
    (("kernel.io_uring",), _ring),
    (("kernel.bpf",), _machine),
    (("kernel.keyctl",), _by(_keys)),
    (("kernel.userfaultfd",), _faults),
    (("kernel.perf",), _counters),
    (("kernel.cores",), _by(_cores)),
)
KNOWN = frozenset(name for names, _ in ACTS for name in names)
ONLY_FILTER = frozenset({  # what no other layer can be seen to withhold without doing it
    *("fs.dev.terminal", "net.fdpass.sent", "proc.spawn.other", "proc.spawn.itself", "proc.shell.sh"),
})  # fmt: skip
ONLY_WITHOUT_NETWORK = frozenset({"net.connect.tcp", "net.dns.query"})
ONLY_READING = frozenset({"fs.persist.names"})  # in a tree that may be written it is kept at the end, outside
ONLY_WITH = {"proc.priv.capabilities": CAPABILITIES}  # without it there are some, over nothing but its own namespace
NEEDS_SECRET = frozenset({"fs.read.content", "fs.read.links", "fs.list.names", "fs.list.stat", "native.ext.other"})
NEEDS_FILE = frozenset({"native.ext.readable"})
NEEDS_SHARED = frozenset({"ipc.shm.posix"})
NEEDS_OTHER = frozenset({"proc.trace.proc", "env.read.others"})

"""One forbidden act of each class, as raw system calls, for the self-test.

An act says whether it was possible. It is withheld when the kernel answers as a lock would; running out of something is
no answer, and raises; any other answer means that the locks were passed. None of them would change anything lasting:
files have no name (O_TMPFILE), names do not exist, owners stay who they are, sizes and magic numbers are wrong.
"""

import _struct as struct
import errno as e
import os
from _collections_abc import Callable, Mapping

from casemate.model.dataclass import dataclass
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.canaries import Canaries, Identity
from casemate.sandbox.native.names import CAPABILITIES

LOCKED = frozenset({e.EPERM, e.EACCES, e.ENOSYS})
UNABLE = frozenset({e.EMFILE, e.ENFILE, e.ENOMEM, e.EAGAIN, e.EINTR, e.EBADF})
ABSENT = (e.ENOENT, e.ENOTDIR, e.ELOOP)
NO_FAMILY = (e.EAFNOSUPPORT, e.ESOCKTNOSUPPORT, e.EPROTONOSUPPORT, e.EPFNOSUPPORT)
UNREACHABLE = (e.ECONNREFUSED, e.ENETUNREACH, e.EHOSTUNREACH, e.EADDRNOTAVAIL)
HERE = -100  # AT_FDCWD
NAME = b"/tmp/.casemate-self-test"
O_TMPFILE = 0o20200000
CLOSED = os.O_CLOEXEC
PRIVATE, SHARED, ANONYMOUS = 2, 1, 0x20
READ, WRITE, EXECUTE = 1, 2, 4
UNIX, INET, NETLINK, PACKET, ALG, VSOCK = 1, 2, 16, 17, 38, 40
STREAM, DATAGRAM, RAW, SEQUENTIAL = 1, 2, 3, 5
OPEN_NOW = 0o4000 | CLOSED  # SOCK_NONBLOCK | SOCK_CLOEXEC
ELSEWHERE = struct.pack("=H2s4s8x", INET, b"\0\x09", b"\xc0\0\2\1")  # 192.0.2.1 of RFC 5737; UDP sends nothing here
LOCAL_SOCKETS = (b"/run/docker.sock", b"/run/dbus/system_bus_socket", b"/run/systemd/private", b"/dev/log")
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

    def left(self, length: int = 16) -> bytes:
        """Give what a call left in the room."""
        return bytes(self.room)[:length]


Act = Callable[[Ground], bool]


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


def _handles(g: Ground) -> bool:
    handle = struct.pack("=Ii8s", 8, 1, b"")  # struct file_handle: of nothing
    return possible(g.call("open_by_handle_at", HERE, handle, os.O_RDONLY | CLOSED))


def _names(g: Ground) -> bool:
    return _reaches(g, g.canaries.secret.rpartition("/")[0], g.canaries.folder_id, os.O_DIRECTORY)


def _is(g: Ground, path: bytes, whole: Identity) -> bool:
    """Tell whether stat(2) finds just the file that a path names outside."""
    found = g.call("newfstatat", HERE, path, g.room, 0)
    return g.left() == whole if found == 0 else possible(found, *ABSENT)


def _stat(g: Ground) -> bool:
    return _is(g, os.fsencode(g.canaries.secret), g.canaries.secret_id)


def _write(g: Ground) -> bool:
    return possible(g.call("openat", HERE, g.directory, O_TMPFILE | os.O_RDWR | CLOSED, 0o600), e.EROFS)


def _delete(g: Ground) -> bool:
    return possible(g.call("unlinkat", HERE, g.directory + b"/.casemate-self-test", 0), e.EROFS)


def _attributes(g: Ground) -> bool:
    return possible(g.call("fchownat", HERE, g.directory, -1, -1, 0), e.EROFS)


def _hardlink(g: Ground) -> bool:
    return possible(g.call("linkat", HERE, g.file or g.executable, HERE, NAME, 0), e.EROFS, e.EXDEV)


def _nameless(g: Ground) -> int:
    """Make an empty file without a name in the private /tmp. Raises OSError."""
    opened = g.call("openat", HERE, b"/tmp", O_TMPFILE | os.O_RDWR | CLOSED, 0o700)
    if opened < 0:
        raise OSError(-opened, os.strerror(-opened))
    return opened


def _execute(g: Ground) -> bool:
    """Execute an empty file: the answer is ENOEXEC where it may be, and nothing ever runs."""
    own = _nameless(g)
    try:
        return possible(g.call("execveat", own, b"", None, None, 0x1000))
    finally:
        os.close(own)


def _memfd(g: Ground) -> bool:
    return possible(g.call("memfd_create", b"", 1))


def _device(g: Ground) -> bool:
    return possible(g.call("mknodat", HERE, NAME, 0o020600, 0x103))


def _foreign_device(g: Ground) -> bool:
    return possible(g.call("openat", HERE, b"/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | CLOSED, 0), *ABSENT)


def _control(g: Ground) -> bool:
    """Ask /dev/urandom how much it knows (random(4), RNDGETENTCNT): everybody may, and nothing changes."""
    opened = os.open("/dev/urandom", os.O_RDONLY | CLOSED)
    try:
        return possible(g.call("ioctl", opened, 0x80045200, g.room), e.ENOTTY)
    finally:
        os.close(opened)


def _type(g: Ground) -> bool:
    return possible(g.call("ioctl", 0, 0x5412, b"\n"), e.ENOTTY, e.EIO)


def _socket(g: Ground, family: int, kind: int, protocol: int = 0) -> int:
    return g.call("socket", family, kind | OPEN_NOW, protocol)


def _connects(g: Ground, made: int, address: bytes) -> bool:
    """Tell whether a socket reaches an address; it never waits. What is on its way is asked once more: connect(2)."""
    try:
        answer = g.call("connect", made, address, len(address))
        if answer == -e.EINPROGRESS:
            answer = g.call("connect", made, address, len(address))
        return possible(answer, *UNREACHABLE, *ABSENT)
    finally:
        os.close(made)


def _reached(g: Ground, name: str, made: int, address: bytes) -> bool:
    """Tell whether a socket could be made and reaches an address; where a filter stands, making it is enough."""
    if made < 0:
        return possible(made, *NO_FAMILY)
    return _connects(g, made, address) or name in g.filtered


def _tcp(g: Ground) -> bool:
    address = struct.pack("=H2s4s8x", INET, g.canaries.port.to_bytes(2, "big"), b"\x7f\0\0\1")
    return _reached(g, "net.connect.tcp", _socket(g, INET, STREAM), address)


def _udp(g: Ground) -> bool:
    return _reached(g, "net.udp.send", _socket(g, INET, DATAGRAM), ELSEWHERE)


def _local(g: Ground) -> bool:
    for path in LOCAL_SOCKETS:
        made = _socket(g, UNIX, STREAM)
        if _reached(g, "net.unix.path", made, struct.pack("=H", UNIX) + path + b"\0"):
            return True
        if made < 0:
            return False
    return False


def _abstract(g: Ground) -> bool:
    address = struct.pack("=H", UNIX) + g.canaries.abstract
    return _reached(g, "net.unix.abstract", _socket(g, UNIX, STREAM), address)


def _family(family: int, kind: int, protocol: int = 0) -> Act:
    return lambda g: possible(_socket(g, family, kind, protocol), *NO_FAMILY)


def _inherited(g: Ground) -> bool:
    """Look whether anything but the standard streams would survive execve."""
    own = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | CLOSED)
    try:
        numbers = [int(name) for name in os.listdir(own)]  # noqa: PTH208 -- by descriptor
    finally:
        os.close(own)
    return any(number > 2 and g.call("fcntl", number, 1) == 0 for number in numbers)  # F_GETFD: no FD_CLOEXEC


def _pair(g: Ground) -> bool:
    return possible(g.call("socketpair", UNIX, DATAGRAM | CLOSED, 0, g.room))


def _take(g: Ground) -> bool:
    """Take a descriptor of a process outside; where there is none to be seen, the filter must say no by itself."""
    opened = g.call("pidfd_open", g.other, 0)
    if opened < 0 and possible(opened, e.ESRCH):
        return True
    taken = g.call("pidfd_getfd", max(opened, -1), 0, 0)
    if opened >= 0:
        os.close(opened)
    return False if taken == -e.EBADF and "net.fdpass.taken" not in g.filtered else taken != -e.EPERM


def _again(g: Ground) -> bool:
    """Execute its own program with arguments that are nowhere: EFAULT where the filter lets it, never a success."""
    return possible(g.call("execve", g.executable, 1, 1))


def _signal(g: Ground) -> bool:
    """Ask whether there is anybody else: kill(2) with -1 and no signal; ESRCH where there is only pid 1."""
    return possible(g.call("kill", -1, 0), e.ESRCH)


def _trace(g: Ground) -> bool:
    return possible(g.call("ptrace", 0x4206, g.other, 0, 0), e.ESRCH)  # PTRACE_SEIZE stops nobody


def _memory(g: Ground) -> bool:
    """Read from a process outside what stands at the same address here."""
    here, there = g.canaries.vectors
    read = k.attempt(g.numbers["process_vm_readv"], g.other, here, 1, there, 1, 0)
    return g.left() == g.canaries.written if read == 16 else possible(read, e.ESRCH)


def _about(name: str) -> Act:
    """Read what /proc says of a process outside."""

    def act(g: Ground) -> bool:
        return possible(g.call("openat", HERE, f"/proc/{g.other}/{name}".encode(), os.O_RDONLY | CLOSED, 0), *ABSENT)

    return act


def _root(g: Ground) -> bool:
    """Look whose id ours is outside: user_namespaces(7), the map of one line or of everybody."""
    opened = g.call("openat", HERE, b"/proc/self/uid_map", os.O_RDONLY | CLOSED, 0)
    if possible(opened) is False:
        raise OSError(-opened, os.strerror(-opened))
    length = g.call("read", opened, g.room, SIZE)
    os.close(opened)
    inside, outside, count = map(int, g.left(max(length, 0)).split())
    return outside + os.getuid() - inside == 0 or not inside <= os.getuid() < inside + count


def _ids(g: Ground) -> bool:
    return possible(g.call("setresuid", 0, 0, 0), e.EINVAL)


def _set_id(g: Ground) -> bool:
    return g.call("prctl", 39, 0, 0, 0, 0) != 1  # PR_GET_NO_NEW_PRIVS


def _capability(g: Ground) -> bool:
    header, sets = struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", 1 << 21, 1 << 21, 0, 0, 0, 0)
    return possible(g.call("capset", header, sets))  # CAP_SYS_ADMIN


def _namespaces(g: Ground) -> bool:
    return possible(g.call("unshare", k.CLONE_NEWUSER), e.ENOSPC, e.EUSERS, e.EINVAL)


def _enter(g: Ground) -> bool:
    opened = os.open("/proc/self/ns/mnt", os.O_RDONLY | CLOSED)
    try:
        return possible(g.call("setns", opened, k.CLONE_NEWNS))
    finally:
        os.close(opened)


def _mount(g: Ground) -> bool:
    return possible(g.call("mount", b"casemate", b"/tmp", b"tmpfs", 0, None))


def _host(g: Ground) -> bool:
    """Name the host with a length that cannot be, and turn it off by a wrong magic number: EINVAL where one may."""
    return possible(g.call("sethostname", b"", -1)) or possible(g.call("reboot", 0, 0, 0, 0))


def _shared(g: Ground) -> bool:
    return _is(g, b"/dev/shm", g.canaries.shared_id)


def _ipc(whole: str, name: str, *arguments: "int | bytes | None") -> Act:
    """Ask the filter, or look whether the namespace is the caller's."""

    def act(g: Ground) -> bool:
        if whole in g.filtered:
            return possible(g.call(name, *arguments))
        return os.readlink("/proc/self/ns/ipc") == g.canaries.ipc  # noqa: PTH115 -- start-up path

    return act


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


def _wx(g: Ground) -> bool:
    """At once, and in turn. Where something is mapped in memory alone matters to nobody: it is a multiple of a page."""
    if possible(g.call("mmap", 0, 4096, READ | WRITE | EXECUTE, PRIVATE | ANONYMOUS, -1)):
        return True
    page = g.call("mmap", 0, 4096, READ | WRITE, PRIVATE | ANONYMOUS, -1)
    if page < 0:
        raise OSError(-page, os.strerror(-page))
    changed = g.call("mprotect", page, 4096, READ | EXECUTE)
    g.call("munmap", page, 4096)
    return possible(changed)


def _ring(g: Ground) -> bool:
    return possible(g.call("io_uring_setup", 1, bytes(SIZE)))


def _machine(g: Ground) -> bool:
    return possible(g.call("bpf", 0, struct.pack("=4I112x", 2, 4, 4, 1), SIZE))  # BPF_MAP_CREATE of an array


def _keys(g: Ground) -> bool:
    """Ask for the number of the session keyring (keyctl(2)): the caller's is not ours."""
    found = g.call("keyctl", 0, -3, 0)
    return possible(found) if found < 0 or "kernel.keyctl" in g.filtered else found == g.canaries.keyring


def _faults(g: Ground) -> bool:
    return possible(g.call("userfaultfd", CLOSED))


def _counters(g: Ground) -> bool:
    """Count for itself alone, without what the kernel does: struct perf_event_attr, exclude_kernel and exclude_hv."""
    return possible(g.call("perf_event_open", struct.pack("=IIQ24xQ80x", 1, SIZE, 0, 0x60), 0, -1, -1, 8))


def _cores(g: Ground) -> bool:
    asked = g.call("prlimit64", 0, 4, None, g.room)  # RLIMIT_CORE
    return asked != 0 or int.from_bytes(g.left(8), "little") > 1


ACTS: tuple[tuple[tuple[str, ...], Act], ...] = (
    (("fs.read.content", "native.ext.other"), _content),
    (("fs.read.links",), _links),
    (("fs.read.handles",), _handles),
    (("fs.list.names",), _names),
    (("fs.list.stat",), _stat),
    (("fs.write.content", "fs.persist.names"), _write),
    (("fs.write.hardlink",), _hardlink),
    (("fs.delete.names",), _delete),
    (("fs.meta.attributes",), _attributes),
    (("fs.exec.file",), _execute),
    (("fs.exec.memfd",), _memfd),
    (("fs.dev.make",), _device),
    (("fs.dev.open",), _foreign_device),
    (("fs.dev.control",), _control),
    (("fs.dev.terminal",), _type),
    (("net.connect.tcp",), _tcp),
    (("net.udp.send", "net.dns.query"), _udp),
    (("net.unix.path",), _local),
    (("net.unix.abstract",), _abstract),
    (("net.raw.netlink",), _family(NETLINK, RAW)),
    (("net.raw.packet",), _family(PACKET, RAW)),
    (("net.raw.vsock",), _family(VSOCK, STREAM)),
    (("net.raw.alg",), _family(ALG, SEQUENTIAL)),
    (("net.fdpass.inherited",), _inherited),
    (("net.fdpass.sent",), _pair),
    (("net.fdpass.taken",), _take),
    (("proc.spawn.other", "proc.spawn.itself", "proc.shell.sh"), _again),
    (("proc.signal.kill",), _signal),
    (("proc.trace.ptrace",), _trace),
    (("proc.trace.memory",), _memory),
    (("proc.trace.proc",), _about("status")),
    (("env.read.others",), _about("environ")),
    (("proc.priv.root",), _root),
    (("proc.priv.ids",), _ids),
    (("proc.priv.setid",), _set_id),
    (("proc.priv.capabilities",), _capability),
    (("proc.priv.namespaces",), _namespaces),
    (("proc.priv.setns",), _enter),
    (("proc.priv.mount",), _mount),
    (("proc.priv.host",), _host),
    (("ipc.shm.sysv",), _ipc("ipc.shm.sysv", "shmget", 0x7FFFFFFF, 0, 0)),
    (("ipc.shm.posix",), _shared),
    (("ipc.mq.sysv",), _ipc("ipc.mq.sysv", "msgget", 0x7FFFFFFF, 0)),
    (("ipc.mq.posix",), _ipc("ipc.mq.posix", "mq_open", b"casemate-self-test", os.O_RDONLY, 0, None)),
    (("native.ext.readable",), _readable),
    (("native.ext.written",), _written),
    (("native.wx.memory",), _wx),
    (("kernel.io_uring",), _ring),
    (("kernel.bpf",), _machine),
    (("kernel.keyctl",), _keys),
    (("kernel.userfaultfd",), _faults),
    (("kernel.perf",), _counters),
    (("kernel.cores",), _cores),
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

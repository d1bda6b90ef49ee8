"""The system calls that Python has no name for, by one function of the C library; a failure is an OSError naming it.

Numbers above 423 are the same on every architecture. Structures and constants are those of linux/uapi. Below `ctypes`,
which makes thirty classes before it is asked anything, lies `_ctypes`: three classes are enough here.
"""

import _ctypes
import errno
import os
from _collections_abc import Collection, Sequence

MACHINE = os.uname().machine
NUMBERS = {  # name: (x86_64, aarch64)
    "pivot_root": (155, 41),
    "capset": (126, 91),
    "execve": (59, 221),
    "execveat": (322, 281),
    "seccomp": (317, 277),
    "mount": (165, 40),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "prctl": (157, 167),
    "mmap": (9, 222),
    "clone": (56, 220),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "shutdown": (48, 210),
    "keyctl": (250, 219),
}
COLUMN = {"x86_64": 0, "aarch64": 1}.get(MACHINE, -1)

CLONE3, CLONE_INTO_CGROUP, SIGCHLD = 435, 0x200000000, 17
CLOSE_RANGE = 436
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

O_PATH = 0x200000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 4, 8, 22
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_MDWE = 24, 28, 38, 47, 65
PR_SET_TSC, PR_SET_NAME = 26, 15
MSG_CTRUNC = 8  # in msg_flags, the last member of struct msghdr


TYPE_CHECKING = False  # `ctypes` itself takes its time
if TYPE_CHECKING:
    from ctypes import c_char_p, c_long, c_void_p
else:
    c_char_p = c_long = c_void_p = _ctypes._SimpleCData  # noqa: SLF001 -- what those three derive from


class _Word(c_void_p):
    """An argument: a number of up to 64 bits, the address of some bytes, or NULL."""

    _type_ = "P"


class _Result(c_long):
    """A long."""

    _type_ = "l"


if TYPE_CHECKING:
    Room = _ctypes.Array[_Result]


class _Text(c_char_p):
    """The address of some bytes."""

    _type_ = "z"


class _Function(_ctypes.CFuncPtr):
    """A function of the C library; what it leaves in errno is kept."""

    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Result


def _loaded() -> int:
    """Give the handle of everything that is loaded: dlopen(3) without a name."""
    return _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- NULL


def _function(name: str, arguments: int) -> _Function:
    """Find a function of the C library, which Python itself has loaded."""
    found = _Function(_ctypes.dlsym(_loaded(), name))
    found.argtypes = (_Word,) * arguments
    return found


MOST_ARGUMENTS = 6  # of a system call
_syscall = _function("syscall", 1 + MOST_ARGUMENTS)


class Unsupported(OSError):  # noqa: N818 -- it says what is the case
    """The system call has no number on this architecture."""


def read(path: str) -> bytes:
    """Read a small file of the kernel's in one call, without what Python needs for text."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)


def read_whole(path: str) -> bytes:
    """Read a file of the kernel's to its end; a table of it can be longer than one read gives."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
    finally:
        os.close(descriptor)


def text(path: str) -> str:
    """Give what a file of the kernel's says, "" where it is not there or not for us."""
    try:
        return os.fsdecode(read_whole(path)).strip()
    except OSError:
        return ""


def status(field: bytes) -> bytes:
    """Give a field of this process: proc_pid_status(5). Bytes alone: a forked child may ask, too."""
    return read("/proc/self/status").partition(b"\n" + field + b":")[2].partition(b"\n")[0].strip()


def number(name: str) -> int:
    """Give the number of a system call on this architecture. Raises Unsupported for others than x86-64 and aarch64."""
    if COLUMN < 0:
        raise Unsupported(errno.ENOSYS, f"{name}: {MACHINE} is not supported")
    return NUMBERS[name][COLUMN]


def call(name: str, nr: int, *arguments: "int | bytes | _ctypes.Array[_Result] | None") -> int:
    """Make a system call; integers are passed as 64 bits. What it writes to is an array, never bytes."""
    nothing = (0,) * (MOST_ARGUMENTS - len(arguments))
    result: int = _syscall(nr, *arguments, *nothing)
    if result == -1:
        code = _ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def attempt(nr: int, *six: "int | bytes | _ctypes.Array[_Result] | None") -> int:
    """Make a system call with all six arguments; give its result, or the errno below zero."""
    result: int = _syscall(nr, *six)
    return -_ctypes.get_errno() if result == -1 else result


def room(size: int) -> "_ctypes.Array[_Result]":
    """Make room for what a system call writes; `bytes` gives what is there."""
    return (_Result * -(-size // 8))()


def place(room: "_ctypes.Array[_Result]") -> int:
    """Give where a room lies in memory, for as long as somebody holds it."""
    return _ctypes.addressof(room)


def words(size: int, *values: int) -> bytes:
    """Lay numbers of `size` bytes side by side, as a structure of the kernel has them."""
    return b"".join([value.to_bytes(size, "little") for value in values])


def address_of(data: bytes) -> int:
    """Give where bytes lie in memory, for as long as somebody holds them."""
    return int.from_bytes(bytes(_Text(data)), "little")


def socketpair(family: int, kind: int) -> tuple[int, int]:
    """Make two sockets that are connected to each other; man 2 socketpair."""
    made = (_Result * 1)()
    call("socketpair", number("socketpair"), family, kind, 0, made)
    both = bytes(made)
    return int.from_bytes(both[:4], "little"), int.from_bytes(both[4:], "little")


def send(fd: int, data: bytes, ancillary: bytes) -> None:
    """Send bytes over a socket, with what goes along beside them; man 2 sendmsg."""
    vector = words(8, address_of(data), len(data))
    head = words(8, 0, 0, address_of(vector), 1, address_of(ancillary), len(ancillary), 0)
    call("sendmsg", number("sendmsg"), fd, head, 0)


def receive(fd: int, most: int, ancillary: int, flags: int) -> tuple[bytes, bytes, bool]:
    """Wait for bytes, and give them with what came beside them, and whether that is all of it; man 2 recvmsg.

    `ancillary` is the room for what comes beside them.
    """
    data, beside = (_Result * -(-most // 8))(), (_Result * -(-ancillary // 8))()
    vector = words(8, _ctypes.addressof(data), most)
    head = (_Result * 7)(0, 0, address_of(vector), 1, _ctypes.addressof(beside), ancillary, 0)
    length = call("recvmsg", number("recvmsg"), fd, head, flags)
    beside_length, got = int.from_bytes(bytes(head)[40:48], "little"), bytes(head)[48]
    return bytes(data)[:length], bytes(beside)[:beside_length], not got & MSG_CTRUNC


def fork_into(group: int) -> int:
    """Fork into a cgroup of version 2, of which `group` is a descriptor; man 2 clone3. The caller has one thread."""
    return call("clone3", CLONE3, words(8, CLONE_INTO_CGROUP, 0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0, group), 88)


def fork_apart(namespaces: int) -> int:
    """Fork, with the child in new namespaces from its first moment; man 2 clone. The child must soon end by `_exit`."""
    return call("clone", number("clone"), namespaces | SIGCHLD)


def shutdown(descriptor: int) -> None:
    """End a connection both ways, for every holder of either end; man 2 shutdown."""
    call("shutdown", number("shutdown"), descriptor, 2)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; man 2 unshare."""
    call("unshare", number("unshare"), flags)


def sethostname(name: str) -> None:
    """Name this UTS namespace; man 2 sethostname."""
    raw = name.encode()
    call("sethostname", number("sethostname"), raw, len(raw))


def setdomainname(name: str) -> None:
    """Name the NIS domain of this UTS namespace; man 2 setdomainname."""
    raw = name.encode()
    call("setdomainname", number("setdomainname"), raw, len(raw))


def prctl(option: int, *arguments: int) -> int:
    """Ask for, or change, a property of this process; man 2 prctl."""
    return call(f"prctl {option}", number("prctl"), option, *arguments)


def keep_capabilities(kept: Sequence[int]) -> None:
    """Empty the effective, permitted and inheritable sets but for these bits below 32; man 2 capset, version 3."""
    mask = sum(1 << bit for bit in kept)
    call("capset", number("capset"), words(4, 0x20080522, 0), words(4, mask, mask, 0, 0, 0, 0))


def close_on_exec(first: int) -> None:
    """Mark every descriptor from `first` on: close_range(2) with CLOSE_RANGE_CLOEXEC."""
    call("close_range", CLOSE_RANGE, first, 0xFFFFFFFF, 4)


def close_all_but(kept: Collection[int]) -> None:
    """Close every other descriptor: close_range(2), for each gap."""
    first = 0
    for descriptor in (*sorted(set(kept)), 1 << 32):
        if first < descriptor:
            call("close_range", CLOSE_RANGE, first, descriptor - 1, 0)
        first = descriptor + 1


def erase(address: int, length: int) -> None:
    """Overwrite memory of this process with zeros."""
    _function("memset", 3)(address, 0, length)


def fill(address: int, data: bytes) -> None:
    """Write bytes to memory of this process."""
    _function("memmove", 3)(address, data, len(data))


def map_at(address: int, length: int) -> bool:
    """Map private zeroed memory at an address that nothing uses; false when something does: MAP_FIXED_NOREPLACE."""
    protection, flags = 3, 0x100022  # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
    try:
        return call("mmap", number("mmap"), address, length, protection, flags, -1, 0) == address
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        return False

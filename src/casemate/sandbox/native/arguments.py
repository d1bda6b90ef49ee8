"""The second filter: what a system call may ask for, where that depends on its arguments. seccomp(2), bpf(4) classic.

Small blocks, one for each call. The first execve is recognised by three addresses that only this process knows, so
that without a grant of proc.spawn no second one can be made: not through the dynamic loader, not by descriptor, not
from memory.
"""

import _struct as struct
from _collections_abc import Iterator, Sequence

from casemate.sandbox.native import calls
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.steps import Filter

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, EINVAL, ENOTTY, EAFNOSUPPORT = (0x50000 | code for code in (1, 22, 25, 97))
LOAD, EQUAL, BITS, AND, RETURN = 0x20, 0x15, 0x45, 0x54, 0x06
ARCH = (0xC000003E, 0xC00000B7)
OLD = frozenset({"open", "creat", "mknod", "chmod"})  # aarch64 has none of them
NAMESPACES = 0x7E020080  # CLONE_NEW*: user, pid, net, ipc, uts, cgroup, mount, time
PROT_WRITE, PROT_EXEC, MAP_ANONYMOUS, SET_ID = 2, 4, 0x20, 0o6000
MAKES = 0x400040  # O_CREAT, __O_TMPFILE
RLIMIT_CORE, DONE = 4, 0x50000  # an error of 0: the call is not made, and says that it was
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, STREAM, DATAGRAM, PACKETS = 1, 2, 10, 16, 1, 2, 5
RENAME_WHITEOUT = 4
FCNTLS = (*range(12), 15, 16, 36, 37, 38, 1025, *range(1027, 1036), 1037)  # no lease, no notice, no hint: fcntl(2)
TIOCSTI, TIOCSETD, TIOCLINUX, TIOCCONS = 0x5412, 0x5423, 0x541C, 0x541D
IOCTLS = (  # terminals, readiness, close-on-exec: ioctl_tty(2), ioctl(2)
    *range(0x5401, 0x540C),
    *(0x540E, 0x540F, 0x5410, 0x5411, 0x5413, 0x5414, 0x541B, 0x5421, 0x5422, 0x5429, 0x5450, 0x5451, 0x5452),
    *(0x802C542A, 0x402C542B, 0x402C542C, 0x402C542D),
)
KVMIO = 0xAE00  # linux/kvm.h: the type of every request to /dev/kvm and to what it makes
PRCTLS = (1, 2, 3, 4, 15, 16, 21, 23, 27, 29, 30, 36, 37, 38, 39, 40, 41, 42, 47, 66, 0x53564D41)

Instruction = tuple[int, int, int, int]
Block = Sequence[Instruction]
Addresses = tuple[int, int, int]


def load(argument: int, *, high: bool = False) -> Block:
    """Load the low or high half of an argument."""
    return [(LOAD, 0, 0, 16 + 8 * argument + (4 if high else 0))]


def when(value: int, result: int) -> Block:
    """Answer with `result` when what was loaded is `value`."""
    return [(EQUAL, 0, 1, value), (RETURN, 0, 0, result)]


def when_bits(mask: int, result: int) -> Block:
    """Answer with `result` when any of these bits is set."""
    return [(BITS, 0, 1, mask), (RETURN, 0, 0, result)]


def unless(values: Sequence[int], result: int) -> Block:
    """Answer with `result` unless what was loaded is one of `values`."""
    last = len(values)
    return [*((EQUAL, last - at, 0, value) for at, value in enumerate(values)), (RETURN, 0, 0, result)]


def masked(mask: int) -> Block:
    """Keep only these bits of what was loaded."""
    return [(AND, 0, 0, mask)]


def blocks(shape: Filter, first: Addresses) -> Iterator[tuple[str, Block]]:
    """Yield the conditions of each call that has any."""
    yield "clone", [*load(0), *when_bits(NAMESPACES, EPERM)]
    yield "socket", _socket(shape)
    yield "socketpair", _socketpair(shape)
    dangerous = [line for code in (TIOCSTI, TIOCSETD, TIOCLINUX, TIOCCONS) for line in when(code, EPERM)]
    machines = [*load(1), *masked(0xFF00), *when(KVMIO, ALLOW)] if shape.kvm else []
    yield "ioctl", [*machines, *load(1), *dangerous, *unless(IOCTLS, ENOTTY)]
    yield "fcntl", [*load(1), *unless(FCNTLS, EPERM)]
    yield "renameat2", [*load(4), *when_bits(RENAME_WHITEOUT, EPERM)]
    yield "personality", [*load(0), *unless([0, 0xFFFFFFFF], EPERM)]
    yield "prctl", [*load(0), *unless(PRCTLS, EINVAL)]
    if not shape.wx:
        yield "mmap", _mmap()
        for name in ("mprotect", "pkey_mprotect"):
            yield name, [*load(2), *when_bits(PROT_EXEC, EPERM)]
    yield "setrlimit", [*load(0), *when(RLIMIT_CORE, DONE)]
    yield "prlimit64", _prlimit()
    yield "setsockopt", _setsockopt()
    for name, flags in (("open", 1), ("openat", 2)):
        yield (
            name,
            [*load(flags), (BITS, 1, 0, MAKES), (RETURN, 0, 0, ALLOW), *load(flags + 1), *when_bits(SET_ID, EPERM)],
        )
    for name, argument in (("mknod", 1), ("mknodat", 2)):
        kinds = unless([0, 0o100000, 0o010000, 0o140000], EPERM)
        yield name, [*load(argument), *when_bits(SET_ID, EPERM), *masked(0o170000), *kinds]
    for name, argument in (("creat", 1), ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
        yield name, [*load(argument), *when_bits(SET_ID, EPERM)]
    if not shape.spawn:
        yield "execve", [line for at, address in enumerate(first) for line in _only(at, address)]


def _socket(shape: Filter) -> Block:
    families = [AF_INET, AF_INET6] if shape.inet else []
    own = when(AF_UNIX, ALLOW if shape.unix else EPERM)
    if not families:
        return [*load(0), *own, (RETURN, 0, 0, EPERM)]
    kinds = [*load(1), *masked(0xF), *unless([STREAM, DATAGRAM], EPERM)]
    habit = when(AF_NETLINK, EAFNOSUPPORT)  # glibc asks for the host's addresses before it looks a name up
    return [*load(0), *own, *habit, *unless(families, EPERM), *kinds, *load(2), *unless([0, 6, 17], EPERM)]


def _socketpair(shape: Filter) -> Block:
    """Withhold pairs of datagram sockets: one of them can be pointed at any other socket later (unix(7))."""
    own = [*load(0), *unless([AF_UNIX], EAFNOSUPPORT)]
    return own if shape.unix else [*own, *load(1), *masked(0xF), *unless([STREAM, PACKETS], EPERM)]


def _mmap() -> Block:
    both = [*load(2), *masked(PROT_WRITE | PROT_EXEC), *when(PROT_WRITE | PROT_EXEC, EPERM)]
    return [*both, *when(0, ALLOW), *when(PROT_WRITE, ALLOW), *load(3), *when_bits(MAP_ANONYMOUS, EPERM)]


def _prlimit() -> Block:
    """Let a process set only its own limits: pid 1 inside has the same user where an ordinary user is the caller.

    RLIMIT_CORE stays 1: with 0 a host whose core_pattern is a pipe would be handed the crash (core(5)).
    """
    setting = [*load(0), *unless([0], EPERM), *load(1), *when(RLIMIT_CORE, DONE), (RETURN, 0, 0, ALLOW)]
    only_asking = [*load(2), (EQUAL, 0, 3, 0), *load(2, high=True), (EQUAL, 0, 1, 0), (RETURN, 0, 0, ALLOW)]
    return [*only_asking, *setting]


def _setsockopt() -> Block:
    """Keep programs for the kernel's own machines (socket filters) and upper protocols (TCP_ULP) out of sockets."""
    filters = [line for option in (26, 50, 51, 52) for line in when(option, EPERM)]
    of_sockets = [(EQUAL, 0, 1 + len(filters), 1), *load(2), *filters]
    return [*load(1), *of_sockets, *load(1), (EQUAL, 1, 0, 6), (RETURN, 0, 0, ALLOW), *load(2), *when(31, EPERM)]


def _only(argument: int, address: int) -> Block:
    low, high = address & 0xFFFFFFFF, address >> 32
    return [*load(argument), *unless([low], EPERM), *load(argument, high=True), *unless([high], EPERM)]


def assemble(shape: Filter, first: Addresses) -> bytes:
    """Assemble the filter for this architecture."""
    lines: list[Instruction] = [(LOAD, 0, 0, 4), *unless([ARCH[k.COLUMN]], KILL)]
    numbers = calls.here()
    for name, block in blocks(shape, first):
        if name in numbers or name not in OLD:
            body = [*block, (RETURN, 0, 0, ALLOW)]
            lines += [(LOAD, 0, 0, 0), (EQUAL, 0, len(body), numbers[name]), *body]
    lines.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)

"""The system call filter of the native backend as an OCI runtime, podman and docker read one.

It is made of the same lists (native/seccomp.py) and the same conditions (native/arguments.py), and a test compares the
answers of both. Three things cannot be said in this format: which execve is the first one (so every execve passes),
another answer than the default where an argument is not allowed, and "every option of sockets but these" (so those that
pass are listed one by one).

Format: https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from casemate.model.sandbox import Json
from casemate.sandbox.native import arguments as a
from casemate.sandbox.native.seccomp import ALLOWED, DENIED, ENOSYS, EPERM
from casemate.sandbox.native.steps import Filter

EAFNOSUPPORT = 97
LOW = 0xFFFFFFFF  # the kernel looks at the low half of these arguments, and so does the filter of the native backend
ARCHITECTURES = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
MISSED = ("clone3", "openat2")  # what C libraries try first: they go on only where the answer is ENOSYS
RESOURCES = tuple(number for number in range(16) if number != a.RLIMIT_CORE)
SOCKET, TCP = 1, 6  # levels of setsockopt(2)
OPTIONS: Mapping[int, tuple[int, ...]] = {  # by level; no socket filters, no upper protocols
    SOCKET: tuple(number for number in range(84) if number not in (26, 50, 51, 52)),
    TCP: tuple(number for number in range(45) if number != 31),
}
LEVELS = (0, 17, 41)  # IP, UDP, IPv6: every option

ALLOW = "SCMP_ACT_ALLOW"
Condition = Mapping[str, Json]
Conditions = tuple[Condition, ...]  # all of them at once


def profile(shape: Filter) -> Mapping[str, Json]:
    """Give the value of `linux.seccomp` in config.json, which is also the file that `seccomp=FILE` names."""
    denied = [*DENIED, *(["memfd_create"] if not shape.wx else [])]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "architectures": list(ARCHITECTURES),
        "syscalls": [
            {"names": list(free(shape)), "action": ALLOW},
            *(
                {"names": [name], "action": ALLOW, "args": list(alternative)}
                for name, alternative in conditional(shape)
            ),
            {"names": denied, "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM},
            {"names": list(MISSED), "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
            *_refused_sockets(shape),
        ],
    }


def free(shape: Filter) -> tuple[str, ...]:
    """Name the calls that pass whatever their arguments are."""
    conditions = {name for name, _ in _conditions(shape)} | {"socket"}
    return tuple(name for name in (*ALLOWED, *(["memfd_create"] if shape.wx else [])) if name not in conditions)


def conditional(shape: Filter) -> Iterator[tuple[str, Conditions]]:
    """Yield each call that passes under conditions, with all that hold at once; one name after the other."""
    alternatives = dict[str, list[Conditions]]()
    for name, alternative in _conditions(shape):
        alternatives.setdefault(name, []).append(alternative)
    yield from ((name, alternative) for name, several in alternatives.items() for alternative in several)


def passing(shape: Filter) -> tuple[str, ...]:
    """Name the calls that pass, for tools that look at no arguments."""
    without = () if shape.unix or shape.inet else ("socket",)
    return tuple(sorted({*ALLOWED, *(["memfd_create"] if shape.wx else [])} - set(without)))


def _when(index: int, mask: int, value: int) -> Condition:
    """Compare the bits of `mask` in an argument with those of `value`."""
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}


def _is(index: int, value: int) -> Condition:
    return _when(index, LOW, value)


def _without(index: int, bits: int) -> Condition:
    return _when(index, bits, 0)


def _null(index: int) -> Condition:
    return {"index": index, "value": 0, "op": "SCMP_CMP_EQ"}


def _each(name: str, index: int, values: Iterable[int]) -> Iterator[tuple[str, Conditions]]:
    return ((name, (_is(index, value),)) for value in values)


def _conditions(shape: Filter) -> Iterator[tuple[str, Conditions]]:
    """Yield what passes of each call that has conditions, one alternative after the other."""
    yield "clone", (_without(0, a.NAMESPACES),)
    yield from _sockets(shape)
    yield from _each("ioctl", 1, a.IOCTLS)
    yield from _each("fcntl", 1, a.FCNTLS)
    yield "renameat2", (_without(4, a.RENAME_WHITEOUT),)
    yield from _each("personality", 0, (0, LOW))
    yield from _each("prctl", 0, a.PRCTLS)
    if not shape.wx:
        yield from _memory()
    yield from _each("setrlimit", 0, RESOURCES)
    yield "prlimit64", (_null(2),)
    yield from (("prlimit64", (_is(0, 0), _is(1, number))) for number in RESOURCES)
    yield from _options()
    yield from _files()


def _sockets(shape: Filter) -> Iterator[tuple[str, Conditions]]:
    if shape.unix:
        yield "socket", (_is(0, a.AF_UNIX),)
    if shape.inet:
        for family, kind, protocol in product((a.AF_INET, a.AF_INET6), (a.STREAM, a.DATAGRAM), (0, 6, 17)):
            yield "socket", (_is(0, family), _when(1, 0xF, kind), _is(2, protocol))
    kinds = [()] if shape.unix else [(_when(1, 0xF, kind),) for kind in (a.STREAM, a.PACKETS)]
    yield from (("socketpair", (_is(0, a.AF_UNIX), *kind)) for kind in kinds)


def _refused_sockets(shape: Filter) -> Iterator[Mapping[str, Json]]:
    """Answer as the native filter does where a program asks out of habit, or tells its user what is wrong."""
    if not shape.unix and not shape.inet:
        yield {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM}
        return
    if not shape.unix:
        refused: Conditions = (_is(0, a.AF_UNIX),)
        yield {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": list(refused)}
    if shape.inet:
        habit: Conditions = (_is(0, a.AF_NETLINK),)
        yield {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": EAFNOSUPPORT, "args": list(habit)}


def _memory() -> Iterator[tuple[str, Conditions]]:
    """Yield memory that is not executable; and code from files, not writable."""
    yield "mmap", (_without(2, a.PROT_EXEC),)
    yield "mmap", (_when(2, a.PROT_WRITE | a.PROT_EXEC, a.PROT_EXEC), _without(3, a.MAP_ANONYMOUS))
    yield from ((name, (_without(2, a.PROT_EXEC),)) for name in ("mprotect", "pkey_mprotect"))


def _options() -> Iterator[tuple[str, Conditions]]:
    yield from _each("setsockopt", 1, LEVELS)
    for level, options in OPTIONS.items():
        yield from (("setsockopt", (_is(1, level), _is(2, option))) for option in options)


def _files() -> Iterator[tuple[str, Conditions]]:
    """Yield files without set-id bits, and no devices."""
    for name, flags in (("open", 1), ("openat", 2)):
        yield name, (_without(flags, a.MAKES),)
        yield name, (_without(flags + 1, a.SET_ID),)
    for name, mode in (("mknod", 1), ("mknodat", 2)):
        yield from ((name, (_when(mode, 0o170000 | a.SET_ID, kind),)) for kind in (0, 0o100000, 0o010000, 0o140000))
    for name, mode in (("creat", 1), ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
        yield name, (_without(mode, a.SET_ID),)

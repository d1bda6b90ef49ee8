"""The list of system calls and the conditions on their arguments, as OCI runtimes write filters.

gVisor puts it on the program inside its own kernel. It says what seccomp.py and arguments.py of the native backend say;
a test compares the two.  Only what is allowed is written, so that nothing depends on which of two rules comes first.
config-linux.md, "Seccomp".
"""

from _collections_abc import Iterator, Sequence

from casemate.model.sandbox import Json
from casemate.sandbox.native import arguments as a
from casemate.sandbox.native.seccomp import ALLOWED
from casemate.sandbox.native.steps import Filter

ALLOW, REFUSE = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
EPERM = 1
Conditions = tuple[tuple[int, int, int], ...]  # argument, mask (0: all of it), value; all of them hold
BOTH = a.PROT_WRITE | a.PROT_EXEC


def filter_of(shape: Filter) -> Json:
    """Write the filter for what a policy leaves open."""
    checked = dict[str, list[Conditions]]()
    for name, conditions in conditions_of(shape):
        checked.setdefault(name, []).append(conditions)
    free = sorted({*ALLOWED, *(("memfd_create",) if shape.wx else ())} - checked.keys() - NEVER)
    if shape.spawn:
        free.append("execve")
    rules: list[Json] = [{"names": free, "action": ALLOW}]
    rules += [_rule(name, one) for name, many in checked.items() for one in many]
    return {"defaultAction": REFUSE, "defaultErrnoRet": EPERM, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules}


NEVER = frozenset({"execve"})  # the program itself is started by gVisor, without a call


def conditions_of(shape: Filter) -> Iterator[tuple[str, Conditions]]:
    """Yield every way in which a call with conditions may be made."""
    yield "clone", ((0, a.NAMESPACES, 0),)
    yield from (("ioctl", ((1, 0, code),)) for code in a.IOCTLS)
    yield from (("fcntl", ((1, 0, code),)) for code in a.FCNTLS)
    yield from (("prctl", ((0, 0, code),)) for code in a.PRCTLS)
    yield "renameat2", ((4, a.RENAME_WHITEOUT, 0),)
    yield from (("personality", ((0, 0, value),)) for value in (0, 0xFFFFFFFF))
    yield from _sockets(shape)
    if not shape.wx:
        yield "mmap", ((2, a.PROT_EXEC, 0),)
        yield "mmap", ((2, BOTH, a.PROT_EXEC), (3, a.MAP_ANONYMOUS, 0))
        yield "mprotect", ((2, a.PROT_EXEC, 0),)
        yield "pkey_mprotect", ((2, a.PROT_EXEC, 0),)
    for name, at in (("creat", 1), ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
        yield name, ((at, a.SET_ID, 0),)
    for name, at in (("open", 2), ("openat", 3)):
        yield name, ((at - 1, a.MAKES, 0),)
        yield name, ((at, a.SET_ID, 0),)
    for name, at in (("mknod", 1), ("mknodat", 2)):
        yield from ((name, ((at, 0o170000 | a.SET_ID, kind),)) for kind in (0, 0o100000, 0o010000, 0o140000))


def _sockets(shape: Filter) -> Iterator[tuple[str, Conditions]]:
    if shape.unix:
        yield "socket", ((0, 0, a.AF_UNIX),)
        yield "socketpair", ((0, 0, a.AF_UNIX),)
    else:
        yield "socket", ((0, 0, 0xFFFFFFFF),)  # a family that there is not: the call is known, and nothing passes
        for kind in (a.STREAM, a.PACKETS):
            yield "socketpair", ((0, 0, a.AF_UNIX), (1, 0xF, kind))


def _rule(name: str, conditions: Conditions) -> Json:
    return {"names": [name], "action": ALLOW, "args": [_condition(*one) for one in conditions]}


def _condition(index: int, mask: int, value: int) -> Json:
    if mask:
        return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


def known(calls: Sequence[str]) -> Sequence[str]:
    """Leave out what gVisor of that version cannot name."""
    return calls

"""The list of system calls, compiled by us and by libseccomp: both answer the same, whatever the number."""

import ctypes
import os

import pytest
from bpf import answer

from casemate.sandbox.native import calls, kernel, mounting, seccomp
from casemate.sandbox.native.arguments import ARCH
from casemate.verify import scene

ARCHITECTURES = {"x86_64": 0, "aarch64": 1}
BAD_ARCHITECTURE, NO_NEW_PRIVILEGES = 2, 3  # attributes of libseccomp
OTHER = 0x40000003  # i386: what int 0x80 leads to
NEWEST = 450  # numbers above it are the same everywhere, and older libraries do not know them
NUMBERS = (*range(1024), *range(seccomp.X32, seccomp.X32 + 1024), 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
BY_COLUMN = pytest.mark.parametrize("column", ARCHITECTURES.values(), ids=ARCHITECTURES)


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    """Give libseccomp, which casemate itself does not use."""
    try:
        found = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        from tests.conftest import require  # noqa: PLC0415 -- only here

        require("libseccomp", there=False)
        raise
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_arch_native.restype = ctypes.c_uint32
    found.seccomp_init.argtypes = [ctypes.c_uint32]
    found.seccomp_release.argtypes = [ctypes.c_void_p]
    found.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    found.seccomp_arch_add.argtypes = found.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    found.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    ]
    found.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    found.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    return found


def number(library: ctypes.CDLL, column: int, name: str) -> int:
    """Ask libseccomp for a number; below 0 where it knows none."""
    return int(library.seccomp_syscall_resolve_name_arch(ARCH[column], name.encode()))


def by_libseccomp(library: ctypes.CDLL, column: int) -> bytes:
    """Compile the same list with libseccomp, for a machine that may be another one."""
    context = library.seccomp_init(seccomp.ACT_ERRNO | seccomp.ENOSYS)
    native = library.seccomp_arch_native()
    if native != ARCH[column]:
        assert library.seccomp_arch_add(context, ARCH[column]) == 0
        assert library.seccomp_arch_remove(context, native) == 0
    library.seccomp_attr_set(context, BAD_ARCHITECTURE, seccomp.ACT_KILL_PROCESS)
    library.seccomp_attr_set(context, NO_NEW_PRIVILEGES, 0)
    both = ((seccomp.ALLOWED, seccomp.ACT_ALLOW), ((*seccomp.DENIED, "memfd_create"), seccomp.ACT_ERRNO | 1))
    for names, action in both:
        for name in names:
            known = int(library.seccomp_syscall_resolve_name(name.encode()))
            if number(library, column, name) >= 0:
                assert library.seccomp_rule_add_array(context, action, known, 0, None) == 0, name
    descriptor = os.memfd_create("filter")
    try:
        assert library.seccomp_export_bpf(context, descriptor) == 0
        return os.pread(descriptor, 1 << 20, 0)
    finally:
        os.close(descriptor)
        library.seccomp_release(context)


@BY_COLUMN
def test_the_tables_are_those_of_libseccomp(library: ctypes.CDLL, column: int) -> None:
    known = calls.numbers(column)
    for name in (*seccomp.ALLOWED, *seccomp.DENIED, "memfd_create"):
        theirs = number(library, column, name)
        if theirs >= 0 or known.get(name, 0) <= NEWEST:
            assert known.get(name, -1) == max(theirs, -1), name


def test_new_calls_have_one_number_on_every_architecture() -> None:
    one, other = (calls.numbers(column) for column in ARCHITECTURES.values())
    assert {n: v for n, v in one.items() if v > NEWEST} == {n: v for n, v in other.items() if v > NEWEST}


@BY_COLUMN
def test_both_filters_answer_the_same(library: ctypes.CDLL, column: int) -> None:
    ours, theirs = seccomp.compiled(wx=False, column=column), by_libseccomp(library, column)
    unknown = {v for n, v in calls.numbers(column).items() if number(library, column, n) < 0}
    for call in NUMBERS:
        if call not in unknown:
            assert answer(ours, call, ARCH[column]) == answer(theirs, call, ARCH[column]), call


@BY_COLUMN
def test_every_name_gets_its_answer(column: int) -> None:
    code, known = seccomp.compiled(wx=False, column=column), calls.numbers(column)
    for names, action in ((seccomp.ALLOWED, seccomp.ACT_ALLOW), (seccomp.DENIED, seccomp.ACT_ERRNO | seccomp.EPERM)):
        for name in names:
            if name in known:
                assert answer(code, known[name], ARCH[column]) == action, name


@BY_COLUMN
def test_another_architecture_kills(column: int) -> None:
    code = seccomp.compiled(wx=True, column=column)
    for call in NUMBERS:
        assert answer(code, call, OTHER) == seccomp.ACT_KILL_PROCESS
        assert answer(code, call, ARCH[1 - column]) == seccomp.ACT_KILL_PROCESS


def test_the_entry_with_short_pointers_kills_on_x86() -> None:
    code = seccomp.compiled(wx=False, column=0)
    for call in calls.numbers(0).values():
        assert answer(code, call | seccomp.X32, ARCH[0]) == seccomp.ACT_KILL_PROCESS


@BY_COLUMN
def test_memory_files_are_there_only_with_a_grant(column: int) -> None:
    memfd = calls.numbers(column)["memfd_create"]
    assert answer(seccomp.compiled(wx=True, column=column), memfd, ARCH[column]) == seccomp.ACT_ALLOW
    assert answer(seccomp.compiled(wx=False, column=column), memfd, ARCH[column]) == seccomp.ACT_ERRNO | seccomp.EPERM


def test_no_call_is_both_allowed_and_denied() -> None:
    assert not set(seccomp.ALLOWED) & {*seccomp.DENIED, "memfd_create"}
    for column in ARCHITECTURES.values():
        assert len(set(calls.numbers(column).values())) == len(calls.numbers(column))


@pytest.mark.parametrize("column", [0, 1], ids=["x86-64", "aarch64"])
def test_a_number_is_the_same_wherever_it_stands(column: int) -> None:
    """Tables on the way of every start hold the few numbers that it needs: these must be those of the whole table."""
    whole = calls.numbers(column)
    unfiltered = {name: number[column] for table in (kernel.NUMBERS, scene.CALLS) for name, number in table.items()}
    named = {name.lower(): number for name, number in vars(mounting).items() if isinstance(number, int)}
    newer = {name: number for name, number in named.items() if name in whole}
    newer |= {"clone3": kernel.CLONE3, "close_range": kernel.CLOSE_RANGE}
    for table in (unfiltered, newer):
        shared = table.keys() & whole.keys()
        assert {name: table[name] for name in shared} == {name: whole[name] for name in shared}
        assert shared
    assert len(newer) == len(
        ["open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "mount_setattr", "clone3", "close_range"]
    )

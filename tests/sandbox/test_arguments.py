"""The second filter decides what it says, for every value of every argument."""

from collections.abc import Sequence

from bpf import answer
from hypothesis import given
from hypothesis import strategies as st

from casemate.sandbox.native import arguments as a
from casemate.sandbox.native import calls, kernel
from casemate.sandbox.native.steps import Filter

FIRST = (0x1234_5678_9000, 0x2345_6789_A000, 0x3456_789A_B000)
ANY = st.integers(0, 2**64 - 1)
SIX = st.tuples(ANY, ANY, ANY, ANY, ANY, ANY)
SHAPES = st.builds(Filter, wx=st.booleans(), unix=st.booleans(), inet=st.booleans(), spawn=st.booleans())


def decide(shape: Filter, name: str, values: Sequence[int], arch: int | None = None) -> int:
    """Run the filter on one call; give its answer."""
    number = calls.here().get(name, 9999)
    return answer(a.assemble(shape, FIRST), number, a.ARCH[kernel.COLUMN] if arch is None else arch, tuple(values))


@given(SHAPES, SIX)
def test_memory_is_never_writable_and_executable_without_a_grant(shape: Filter, values: tuple[int, ...]) -> None:
    for bits in (6, 7):
        asked = (*values[:2], values[2] | bits, *values[3:])
        assert (decide(shape, "mmap", asked) == a.ALLOW) is shape.wx
        assert (decide(shape, "mprotect", asked) == a.ALLOW) is shape.wx


@given(SHAPES, SIX, st.sampled_from([1 << bit for bit in range(32) if 0x7E020080 >> bit & 1]))
def test_no_flag_of_a_namespace_passes(shape: Filter, values: tuple[int, ...], flag: int) -> None:
    assert decide(shape, "clone", (values[0] | flag, *values[1:])) == a.EPERM


@given(SHAPES, ANY, ANY, ANY)
def test_only_granted_families_pass(shape: Filter, family: int, kind: int, protocol: int) -> None:
    answer = decide(shape, "socket", (family, kind, protocol, 0, 0, 0))
    if answer == a.ALLOW:
        low = family & 0xFFFFFFFF
        assert (low == 1 and shape.unix) or (low in (2, 10) and shape.inet and kind & 0xF in (1, 2))
    assert decide(shape, "socket", (1, 1, 0, 0, 0, 0)) == (a.ALLOW if shape.unix else a.EPERM)


@given(SHAPES, ANY, ANY, st.integers(0, 2**32 - 1))
def test_typing_into_a_terminal_never_passes(shape: Filter, fd: int, argument: int, high: int) -> None:
    for request in (a.TIOCSTI, a.TIOCLINUX, a.TIOCSETD, a.TIOCCONS):
        assert decide(shape, "ioctl", (fd, high << 32 | request, argument, 0, 0, 0)) == a.EPERM


@given(SHAPES, SIX)
def test_execve_passes_only_with_the_three_addresses(shape: Filter, values: tuple[int, ...]) -> None:
    assert decide(shape, "execve", (*FIRST, 0, 0, 0)) == a.ALLOW
    if values[:3] != FIRST:
        assert (decide(shape, "execve", values) == a.ALLOW) is shape.spawn
        for at in range(3):
            nearly = (*FIRST[:at], values[at], *FIRST[at + 1 :], 0, 0, 0)
            assert shape.spawn or values[at] == FIRST[at] or decide(shape, "execve", nearly) == a.EPERM


@given(SHAPES, SIX, st.sampled_from([0o4000, 0o2000, 0o6000]))
def test_no_call_makes_a_set_id_file(shape: Filter, values: tuple[int, ...], bits: int) -> None:
    for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2)):
        asked = [*values]
        asked[argument] |= bits
        if name in calls.here():
            assert decide(shape, name, asked) == a.EPERM
    asked = [*values]
    asked[2] |= 0o100  # O_CREAT
    asked[3] |= bits
    assert decide(shape, "openat", asked) == a.EPERM


@given(SHAPES, SIX)
def test_a_limit_is_asked_for_freely_and_set_only_for_oneself(shape: Filter, values: tuple[int, ...]) -> None:
    assert decide(shape, "prlimit64", (values[0], values[1], 0, *values[3:])) == a.ALLOW
    for new in (1, 1 << 32, values[2] or 1):
        assert decide(shape, "prlimit64", (0, 4, new, 0, 0, 0)) == a.DONE
        assert decide(shape, "prlimit64", (0, 7, new, 0, 0, 0)) == a.ALLOW
        assert decide(shape, "prlimit64", (1, values[1], new, 0, 0, 0)) == a.EPERM
    assert decide(shape, "setrlimit", (4, *values[1:])) == a.DONE


@given(SHAPES, SIX, st.integers(0, 2**32 - 1).filter(lambda arch: arch not in a.ARCH))
def test_another_architecture_kills(shape: Filter, values: tuple[int, ...], arch: int) -> None:
    assert decide(shape, "other", values, arch) == a.KILL
    assert decide(shape, "other", values) == a.ALLOW


@given(SHAPES, SIX)
def test_an_open_without_creation_is_not_asked_for_its_mode(shape: Filter, values: tuple[int, ...]) -> None:
    """The register is left over from something else then."""
    assert decide(shape, "openat", (values[0], values[1], values[2] & ~0x400040, *values[3:])) == a.ALLOW

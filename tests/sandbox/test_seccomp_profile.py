"""The filter as OCI runtimes read it answers as the native one does: call by call, whatever the arguments."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pytest
from bpf import answer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from casemate.sandbox.native import arguments, calls, kernel, seccomp
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.seccomp import passing, profile

SHAPES = [Filter(wx, unix, inet, spawn=True) for wx, unix, inet in product((False, True), repeat=3)]
NAMES = sorted({*seccomp.ALLOWED, *seccomp.DENIED, "memfd_create"} & set(calls.here()))
CONDITIONAL = sorted({name for name, _ in arguments.blocks(Filter(), (0, 0, 0))} & set(NAMES) - {"execve"})
ALLOW = "SCMP_ACT_ALLOW"
WORDS = (*range(64), 0o4000, 0o2000, 0o6755, 0o100644, 0o060000, 0x40, 0x400040, 0x5412, 0x5401, 0x53564D41, 1024, 1030)
values = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(lambda low: low | 1 << 32),  # the kernel does not look at the high half of an int
    st.integers(0, 63).map(lambda bit: 1 << bit),
    st.integers(0, (1 << 64) - 1),
)


def met(rule: Mapping[str, Any], given_values: Sequence[int]) -> bool:
    """Tell whether all conditions of a rule hold: runtime-spec, config-linux.md, and seccomp_rule_add(3)."""
    for condition in rule.get("args", ()):
        value = given_values[condition["index"]]
        if condition["op"] == "SCMP_CMP_MASKED_EQ":
            holds = value & condition["value"] == condition["valueTwo"]
        else:
            assert condition["op"] == "SCMP_CMP_EQ"
            holds = value == condition["value"]
        if not holds:
            return False
    return True


def of_profile(shape: Filter, name: str, given_values: Sequence[int]) -> bool:
    """Tell whether a call passes the profile; two rules never answer differently."""
    rules = [rule for rule in RULES[shape, name] if met(rule, given_values)]
    assert len({(rule["action"], rule.get("errnoRet")) for rule in rules}) <= 1, name
    return bool(rules) and rules[0]["action"] == ALLOW


def of_native(shape: Filter, name: str, given_values: tuple[int, ...]) -> bool:
    number, arch = calls.here()[name], arguments.ARCH[kernel.COLUMN]
    return all(answer(code, number, arch, given_values) == seccomp.ACT_ALLOW for code in NATIVE[shape])


def is_beyond(name: str, given_values: Sequence[int]) -> bool:
    """Tell whether a number is none of those that the profile lists one by one: levels and options, resources."""
    low = [value & 0xFFFFFFFF for value in given_values]
    match name:
        case "setsockopt":
            return low[1] not in (0, 1, 6, 17, 41) or low[2] >= 45
        case "setrlimit":
            return low[0] >= 16
        case "prlimit64":
            return low[1] >= 16
        case _:
            return False


NATIVE = {shape: (seccomp.compiled(wx=shape.wx), arguments.assemble(shape, (0, 0, 0))) for shape in SHAPES}
PROFILES: dict[Filter, Any] = {shape: json.loads(json.dumps(profile(shape))) for shape in SHAPES}
RULES = {(shape, n): [r for r in PROFILES[shape]["syscalls"] if n in r["names"]] for shape in SHAPES for n in NAMES}


@settings(max_examples=800)
@given(
    st.sampled_from(SHAPES), st.one_of(st.sampled_from(CONDITIONAL), st.sampled_from(NAMES)), st.tuples(*[values] * 6)
)
@example(SHAPES[0], "setrlimit", (4 | 1 << 32, 0, 0, 0, 0, 0))
@example(SHAPES[0], "setsockopt", (0, 1 | 1 << 32, 26, 0, 0, 0))
@example(SHAPES[0], "prlimit64", (0, 4, 1 << 32, 0, 0, 0))
@example(SHAPES[0], "setrlimit", (7, 0, 0, 0, 0, 0))
@example(SHAPES[0], "prlimit64", (0, 7, 1, 0, 0, 0))
@example(SHAPES[0], "setrlimit", (16, 0, 0, 0, 0, 0))
@example(SHAPES[0], "setsockopt", (0, 1, 9, 0, 0, 0))
@example(SHAPES[0], "mmap", (0, 0, 6, 0, 0, 0))
def test_what_passes_one_passes_the_other(shape: Filter, name: str, given_values: tuple[int, ...]) -> None:
    passes = of_profile(shape, name, given_values)
    if not passes and is_beyond(name, given_values):
        return
    assert passes == of_native(shape, name, given_values)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_call_of_the_list_is_spoken_of(shape: Filter) -> None:
    spoken = {name for rule in PROFILES[shape]["syscalls"] for name in rule["names"]}
    assert {*seccomp.ALLOWED, *seccomp.DENIED, "memfd_create"} <= spoken


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_passes_by_name_is_what_some_argument_lets_pass(shape: Filter) -> None:
    rules = PROFILES[shape]["syscalls"]
    assert set(passing(shape)) == {name for rule in rules if rule["action"] == ALLOW for name in rule["names"]}


def test_sockets_are_closed_where_nothing_of_the_network_is_granted() -> None:
    assert not any(of_profile(SHAPES[0], "socket", (family, 1, 0, 0, 0, 0)) for family in range(50))

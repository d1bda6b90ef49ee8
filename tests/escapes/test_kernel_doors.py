"""Parts of the kernel that no program here needs, and that most kernel exploits of the last years began with.

io_uring: ring operations are not seen by seccomp (CVE-2022-29582, CVE-2023-2598). keyctl: CVE-2016-0728. bpf:
CVE-2021-3490, CVE-2022-23222. userfaultfd: CVE-2022-2588's exploits. perf: CVE-2013-2094.
"""

import os

import pytest
from confining import confined, only_outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import Grant

WX = policy(Grant(Capability.NATIVE_WX, ""))
ROOT = os.geteuid() == 0
DOORS = {
    "io_uring_setup": ("syscall(425, 425, 4, ctypes.create_string_buffer(120))", False),
    "keyctl": ("syscall(250, 219, 0, -3, 0)", False),
    "add_key": ("syscall(248, 217, b'user', b'casemate', b'x', 1, -1)", False),
    "userfaultfd": ("syscall(323, 282, 1)", False),
    "perf_event_open": ("syscall(298, 241, (ctypes.c_uint32 * 32)(1, 128), 0, -1, -1, 0)", True),
    "bpf": ("syscall(321, 280, 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128)", True),
    "personality": ("syscall(135, 92, 0x0040000)", False),
    "memfd_create": ("syscall(319, 279, b'x', 0)", False),
    "kcmp": ("syscall(312, 272, os.getpid(), os.getpid(), 0, 1, 1)", False),
    "syslog": ("syscall(103, 116, 10, 0, 0)", True),
    "fanotify_init": ("syscall(300, 262, 0, 0)", True),
    "quotactl_fd": ("syscall(443, 443, 0, 0, 0, 0)", True),
}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_closed(name: str) -> None:
    act, needs_root = DOORS[name]
    if name in ("quotactl_fd", "perf_event_open"):  # whether they work outside depends on the host
        assert "refused PermissionError 1 " in confined(probe(act)).out
    else:
        only_outside(act, needs_root=needs_root)
    if name != "memfd_create":
        assert "refused" in confined(probe(act), WX).out


@pytest.mark.parametrize("nr", [999, 1023, 450, 462, 500])
def test_an_unknown_call_does_not_exist(nr: int) -> None:
    assert "refused OSError 38" in confined(probe(f"syscall({nr}, {nr})")).out


@pytest.mark.parametrize("option", [35, 22, 53, 62, 0x59616D61])
def test_a_property_that_may_not_be_changed(option: int) -> None:
    result = confined(probe(f"assert libc.prctl({option}, 1, 0, 0, 0) == 0, ctypes.get_errno()"))
    assert "refused" in result.out


def test_core_pattern_is_not_there() -> None:
    """CVE-2022-0492 and every root container that could write it: the host would run a program on a crash."""
    result = confined(probe("os.open('/proc/sys/kernel/core_pattern', os.O_RDONLY)"))
    assert "refused FileNotFoundError" in result.out
    for path in ("/proc/sysrq-trigger", "/proc/kallsyms", "/proc/kcore", "/sys", "/proc/config.gz", "/proc/keys"):
        assert "refused" in confined(probe(f"os.stat({path!r})")).out


def test_its_own_process_files_are_read_only() -> None:
    for name in ("oom_score_adj", "comm", "mem", "uid_map", "coredump_filter", "clear_refs", "attr/current"):
        assert "refused" in confined(probe(f"os.open('/proc/self/{name}', os.O_WRONLY)")).out

"""What is said to be withheld by more than one layer is withheld by each of them alone: take one away and look."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from confining import EMPTY, confined, policy, probe

from casemate.model.capability import Capability
from casemate.model.errors import Unenforceable
from casemate.model.policy import Grant, Policy
from casemate.model.sandbox import Enforcement
from casemate.sandbox.native import Native, gaps, layers, names

ANYTHING = frozenset(Capability)
SRC = Path(__file__).parents[2] / "src"


def run(act: str, *, without: str, granted: Policy = EMPTY) -> str:
    """Run an act with one layer missing; give what it said."""
    done = confined(probe(act), granted, environment={}, backend=Native(without=frozenset({without})), accept=ANYTHING)
    return done.out + done.err


ONLY_BY_THE_FILTER = {
    *(Capability.KERNEL, Capability.FS_EXEC, Capability.FS_META, Capability.NATIVE_WX),
    *(Capability.NET_RAW, Capability.PROC_SPAWN),
}
WITHOUT_SECCOMP = {
    "proc.priv: namespace": "syscall(272, 97, 0x10000000)",
    "proc.priv: mount": "syscall(165, 40, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "proc.priv: identity": "os.setuid(0)",
    "proc.spawn": "pid = os.posix_spawn('/usr/bin/true', ['true'], {})",
    "native.wx": "import mmap; mmap.mmap(-1, 4096, prot=7)",
    "fs.dev": "os.mknod('/tmp/x', 0o20666, os.makedev(1, 1))",
    "net.raw": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "kernel: bpf": "syscall(321, 280, 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128)",
}
WITHOUT_LANDLOCK = {
    "fs.read": "open('/etc/shadow')",
    "fs.write": "open('/usr/lib/x', 'w')",
    "fs.write: root": "open('/x', 'w')",
    "proc.spawn": "os.posix_spawn(sys.executable, ['python'], {})",
    "net.unix": "import socket; socket.socket(socket.AF_UNIX)",
    "proc.trace": "open('/proc/1/mem', 'rb')",
}


@pytest.mark.parametrize("name", WITHOUT_SECCOMP)
def test_without_the_filter(name: str) -> None:
    assert "refused" in run(WITHOUT_SECCOMP[name], without="seccomp")


@pytest.mark.parametrize("name", WITHOUT_LANDLOCK)
def test_without_landlock(name: str) -> None:
    assert "refused" in run(WITHOUT_LANDLOCK[name], without="landlock")


@pytest.mark.parametrize("without", ["landlock", "seccomp"])
def test_the_host_is_not_reached_without(without: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0casemate-alone")
        local.listen()
        port = server.getsockname()[1]
        assert "refused" in run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)", without=without)
        act = "import socket; socket.socket(socket.AF_UNIX).connect('\\0casemate-alone')"
        assert "refused" in run(act, without=without)
    assert "refused" in run(f"os.kill({os.getpid()}, 0)", without=without)
    assert "refused" in run(f"open('{tmp_path}/x', 'w')", without=without)


def test_without_mdwe_the_filter_holds() -> None:
    assert "refused" in run("import mmap; mmap.mmap(-1, 4096, prot=7)", without="mdwe")


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        ({names.SECCOMP: "not there"}, ONLY_BY_THE_FILTER),
        ({names.LANDLOCK: "no"}, set[Capability]()),
        ({names.SECCOMP: "no", names.MDWE: "no"}, {*ONLY_BY_THE_FILTER, Capability.NATIVE_WX}),
        ({names.NET: "no", names.SECCOMP: "no"}, {*ONLY_BY_THE_FILTER, Capability.NET_UDP, Capability.NET_DNS}),
    ],
)
def test_a_missing_layer_is_a_gap_where_it_was_the_last(missing: Mapping[str, str], lost: set[Capability]) -> None:
    assert {gap.capability for gap in gaps.gaps(EMPTY, missing)} == lost


def test_a_grant_of_spawning_needs_landlock() -> None:
    granted = policy(Grant(Capability.PROC_SPAWN, "/bin/true"))
    found = {gap.capability for gap in gaps.gaps(granted, {names.LANDLOCK: "no"})}
    assert Capability.PROC_SPAWN in found


def test_user_namespaces_that_are_switched_off_are_named() -> None:
    missing = dict.fromkeys(
        (names.MOUNT, names.NET, names.PID, names.IPC, names.IDENTITY), "user.max_user_namespaces is 0"
    )
    found = Unenforceable(gaps.gaps(EMPTY, missing))
    assert "user.max_user_namespaces is 0" in str(found)


def test_a_host_that_forbids_user_namespaces_is_told_which_switch(tmp_path: Path) -> None:
    """For real: in a user namespace that may hold no further one, as somebody who is not root there."""
    script = f"""
import os, sys
sys.path[:0] = {[str(SRC), str(Path(__file__).parent)]!r}
from casemate.sandbox.native import identity, kernel
uid, gid = os.geteuid(), os.getegid()
kernel.unshare(kernel.CLONE_NEWUSER)
identity.map_self(1000, uid, gid)
identity.write("/proc/sys/user/max_user_namespaces", "0")
from confining import confined
open({str(tmp_path / "ran")!r}, "w").close()
confined("print('ran')")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (tmp_path / "ran").exists(), done.stderr
    assert "Unenforceable" in done.stderr
    assert "sysctl user.max_user_namespaces" in done.stderr
    assert "ran" not in done.stdout


def test_a_run_inside_another_run_is_refused_and_says_why() -> None:
    """Nothing inside can be confined further: there are no namespaces, no Landlock and no filter to be had."""
    kinds = (Capability.FS_READ, Capability.NATIVE_EXT)
    site = Path(pytest.__file__).parents[1]
    trees = (SRC, Path(__file__).parent, site)
    granted = policy(*(Grant(kind, str(tree)) for kind in kinds for tree in trees))
    script = f"""
import sys
sys.path[:0] = {[str(tree) for tree in trees]!r}
from confining import confined
from casemate.model.errors import Refused
try:
    confined("print('ran')")
except Refused as refused:
    print(refused.code, refused)
"""
    said = confined(script, granted)
    assert said.out.startswith("125 "), said
    assert len(said.out.splitlines()) == 1
    assert "ran" not in said.out


def test_every_enforceable_capability_has_a_row() -> None:
    described = {c.capability for c in gaps.coverage(EMPTY, {}) if c.enforcement is Enforcement.DESCRIBED}
    assert not {capability for capability in described if capability.enforceable}


def test_every_layer_was_tried() -> None:
    for layer in layers.tried():
        assert layer.detail
        assert layer.available or layer.name in (*layers.DOORS, "cgroups"), f"{layer.name}: {layer.detail}"

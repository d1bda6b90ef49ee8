"""No privilege is gained: no set-id, no namespace, no mount, no Linux capability.

CVE-2022-0185, CVE-2022-0492, CVE-2023-0386 and many others began with a user namespace that the attacker made.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from confining import confined, only_outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.policy import Grant

OPEN = policy(Grant(Capability.NATIVE_WX, ""), Grant(Capability.PROC_SPAWN, "/bin/sh"))


@pytest.mark.parametrize("flag", [0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x80])
def test_a_new_namespace(flag: int) -> None:
    act = f"syscall(272, 97, {flag | (0x10000000 if os.geteuid() else 0)})"
    only_outside(act)
    assert "refused" in confined(probe(act), OPEN).out


def test_a_new_user_namespace_by_clone() -> None:
    act = "pid = syscall(56, 220, 0x10000011, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)"
    only_outside(act)


def test_clone3_does_not_hide_the_flags_from_the_filter() -> None:
    """sandbox-runtime answers clone3 with ENOSYS, because a filter cannot look behind its pointer."""
    result = confined(probe("syscall(435, 435, (ctypes.c_uint64 * 11)(0x10000000), 88)"))
    assert "refused OSError 38" in result.out


@pytest.mark.parametrize(
    ("x86", "arm", "arguments"),
    [
        (165, 40, "b'none', b'/tmp', b'tmpfs', 0, 0"),
        (166, 39, "b'/tmp', 2"),
        (155, 41, "b'/tmp', b'/tmp'"),
        (161, 51, "b'/tmp'"),
        (308, 268, "0, 0"),
        (428, 428, "-100, b'/', 1"),
        (429, 429, "-1, b'', -100, b'/tmp', 4"),
        (430, 430, "b'tmpfs', 0"),
        (442, 442, "-100, b'/', 0, bytes(32), 32"),
        (304, 265, "-100, bytes(8), 0"),
        (303, 264, "-100, b'/', bytes(64), bytes(4), 0"),
    ],
    ids="mount umount2 pivot_root chroot setns open_tree move_mount fsopen mount_setattr open_by name_to".split(),  # noqa: SIM905 -- shorter
)
def test_a_mount(x86: int, arm: int, arguments: str) -> None:
    """CVE-2014-3519 (open_by_handle_at out of a container) among them."""
    assert "refused PermissionError 1 " in confined(probe(f"syscall({x86}, {arm}, {arguments})"), OPEN).out


def test_a_mount_in_a_namespace_of_its_own() -> None:
    act = f"""
    syscall(272, 97, {0x20000 | (0x10000000 if os.geteuid() else 0)})
    syscall(165, 40, b'none', b'/', 0, 0x44000, 0)
    syscall(165, 40, b'none', b'/tmp', b'tmpfs', 0, 0)
    """
    only_outside(act)
    assert "refused" in confined(probe(act), OPEN).out


def test_set_id_calls() -> None:
    for act in ("os.setuid(0)", "os.setresuid(0, 0, 0)", "os.setgid(0)", "os.setgroups([0])"):
        only_outside(act, needs_root=True)


def test_no_capability_is_held_and_none_can_be_gained() -> None:
    result = confined("print([line for line in open('/proc/self/status') if line[:3] == 'Cap' or 'NoNew' in line])")
    assert result.out.count("0000000000000000") == 5, result.out
    assert "NoNewPrivs:\\t1" in result.out


def test_a_set_id_file_cannot_be_made() -> None:
    make = "import tempfile; name = tempfile.mkdtemp() + '/x'; "
    for act in (
        "os.close(os.open(name, os.O_CREAT)); os.chmod(name, 0o4755)",
        "os.fchmod(os.open(name, os.O_CREAT), 0o2755)",
        "os.close(os.open(name, os.O_CREAT, 0o4755))",
        "os.close(os.open(os.path.dirname(name), os.O_TMPFILE | os.O_RDWR, 0o4755))",
    ):
        only_outside(make + act)


def test_a_device_cannot_be_made() -> None:
    make = "import tempfile; name = tempfile.mkdtemp() + '/x'; "
    for act in ("os.mknod(name, 0o20666, os.makedev(1, 1))", "os.mknod(name, 0o60666, os.makedev(254, 0))"):
        only_outside(make + act, needs_root=True)
        assert "refused PermissionError" in confined(probe(make + act), OPEN).out


def test_set_id_programs_do_not_work() -> None:
    """no_new_privs, nosuid and an identity map without 0: each of them is enough."""
    granted = policy(*(Grant(kind, "/usr/bin") for kind in (Capability.FS_READ, Capability.FS_EXEC)))
    granted = policy(Grant(Capability.PROC_SPAWN, "/usr/bin/su"), base=granted)
    result = confined(probe("import subprocess; print(subprocess.run(['/usr/bin/su', '-c', 'id'], stdin=-3))"), granted)
    assert "uid=0" not in result.out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a program of root's")
def test_a_set_id_program_of_root_s(tmp_path: Path) -> None:
    program = tmp_path / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    for folder in (tmp_path, *tmp_path.parents[:3]):  # of pytest, and of one of several that run tests at once
        folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run([program], capture_output=True, text=True, check=False, user=65534, group=65534)
    assert "euid=0" in done.stdout, "it must work outside"
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)), Grant(Capability.PROC_SPAWN, str(program)))
    result = confined(f"import subprocess; print(subprocess.run([{str(program)!r}]))", granted)
    assert "returncode=0" in result.out, result
    assert "euid" not in result.out

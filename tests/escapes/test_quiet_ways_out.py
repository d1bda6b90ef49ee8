"""Quiet ways out: what a sandbox's own machinery leaves open.

Core dumps: a pipe in core_pattern runs as root on the host whatever RLIMIT_CORE says, unless it is 1 (core(5)), and a
socket there gets them in any case; CVE-2025-4598 (systemd-coredump), CVE-2025-5054 (apport) attacked that helper. FIFOs
in a read-only tree can be written as far as mounts are concerned. Dirty Pipe (CVE-2022-0847) needed splice. Names eat
memory that byte quotas do not see.
"""

import os
import resource
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import PYTHON, confined, only_outside, outside, policy, probe

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError, Refused
from casemate.model.policy import Grant, WriteMode
from casemate.model.sandbox import Command
from casemate.sandbox import confine, plan
from casemate.sandbox.native import gaps, layers, names


def writable(path: Path) -> Grant:
    return Grant(Capability.FS_WRITE, str(path), mode=WriteMode.COMMIT, max_bytes=1 << 20)


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="the caller allows no core dump at all")
@pytest.mark.parametrize("how", ["setrlimit(resource.RLIMIT_CORE, {})", "prlimit(0, resource.RLIMIT_CORE, {})"])
def test_a_crash_is_handed_to_nobody(how: str) -> None:
    act = f"import resource; resource.{how.format('(0, 0)')}; print(resource.getrlimit(resource.RLIMIT_CORE))"
    assert "(0, 0)" in outside(probe(act))
    assert "(1, 1)" in confined(probe(act)).out


@pytest.mark.parametrize(
    ("pattern", "limit", "handed"),
    [
        ("core", 0, False),
        ("/var/crash/core.%p", 0, False),
        ("|/usr/lib/systemd/systemd-coredump %P", 1 << 20, False),
        ("|/usr/lib/systemd/systemd-coredump %P", 0, True),
        ("@/run/systemd/coredump", 1, True),
        ("@@/run/systemd/coredump", 1 << 20, True),
    ],
)
def test_a_crash_that_no_limit_keeps_from_the_host_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, limit: int, *, handed: bool
) -> None:
    """A hard limit of 0 is usual on hardened hosts, and does not hold a pipe back; nothing holds a socket back."""
    (tmp_path / "core_pattern").write_text(f"{pattern}\n")
    monkeypatch.setattr(layers, "CORE_PATTERN", str(tmp_path / "core_pattern"))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, limit))
    monkeypatch.setattr(layers, "_held", lambda: 0)
    assert bool(layers.core_helper()) is handed
    found = {gap.capability for gap in gaps.gaps(policy(), {names.CORES: "why"} if handed else {})}
    assert found == ({Capability.KERNEL} if handed else set())


@pytest.mark.parametrize("command", [0, 1])
def test_a_lease_on_a_file_of_the_host(tmp_path: Path, command: int) -> None:
    """fcntl(2), F_SETLEASE: whoever opens the file waits up to 45 seconds for its holder, and may be made to again.

    Root's own files are the target's in granted trees, the whole standard library among them.
    """
    (tmp_path / "file").write_text("x")
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)))
    only_outside(f"import fcntl; fcntl.fcntl(os.open('{tmp_path}/file', os.O_RDONLY), 1024, {command})", granted)


def test_notices_of_a_directory(tmp_path: Path) -> None:
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)))
    only_outside(f"import fcntl; fcntl.fcntl(os.open({str(tmp_path)!r}, 0), 1026, 0x1f)", granted)


def test_what_programs_ask_of_descriptors_works() -> None:
    act = """
    import fcntl, struct
    file = open('/tmp/x', 'w+')
    for command, argument in ((0, 9), (1, 0), (2, 1), (3, 0), (4, 0o4000), (1030, 9), (1025, 0)):
        fcntl.fcntl(file, command, argument)
    fcntl.lockf(file, fcntl.LOCK_EX)
    fcntl.lockf(file, fcntl.LOCK_UN)
    fcntl.flock(file, fcntl.LOCK_EX)
    fcntl.fcntl(file, 37, struct.pack('hhqqi', 1, 0, 0, 1, 0))
    fcntl.fcntl(os.pipe()[0], 1031, 8192)
    """
    assert confined(probe(act)).out == "done\n"


def test_a_whiteout_is_a_device(tmp_path: Path) -> None:
    """rename(2), RENAME_WHITEOUT makes a character device without mknod(2)."""
    for folder, granted in ((str(tmp_path), policy(writable(tmp_path))), ("/tmp", policy())):  # noqa: S108 -- its own
        act = f"""
        open('{folder}/one', 'w').close()
        syscall(316, 276, -100, b'{folder}/one', -100, b'{folder}/two', 4)
        import stat
        assert stat.S_ISCHR(os.lstat('{folder}/one').st_mode)
        """
        if folder != "/tmp":  # noqa: S108 -- the same act
            assert outside(probe(act)) == "done\n"
        assert "refused PermissionError 1 " in confined(probe(act), granted).out


def test_where_memory_runs_out_the_target_goes_first() -> None:
    act = (
        "assert open('/proc/self/oom_score_adj').read() == '1000\\n'; open('/proc/self/oom_score_adj', 'w').write('0')"
    )
    assert "refused OSError 30" in confined(probe(act)).out
    assert "AssertionError" in outside(probe(act))
    only_outside("open('/proc/self/oom_score_adj', 'w').write('999')")


def test_signals_that_wait_are_counted() -> None:
    """setrlimit(2), RLIMIT_SIGPENDING: they are counted for the caller's other programs as well."""
    script = """
import ctypes, os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {40})
number = 0
while ctypes.CDLL(None).sigqueue(os.getpid(), 40, 0) == 0 and number < 5000: number += 1
print(number)
"""
    if resource.getrlimit(resource.RLIMIT_SIGPENDING)[0] > 5000:
        assert outside(script) == "5000\n"
    assert int(confined(script).out) <= 1024


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Not below /tmp: Landlock lets the program write to its private /tmp, and to what is mounted below it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


def test_a_fifo_in_a_read_only_tree(elsewhere: Path) -> None:
    fifo = elsewhere / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        act = f"os.write(os.open({str(fifo)!r}, os.O_WRONLY | os.O_NONBLOCK), b'x')"
        only_outside(act, policy(Grant(Capability.FS_READ, str(elsewhere))))
        assert os.read(reader, 10) == b"x"  # the one from outside
    finally:
        os.close(reader)


@pytest.mark.parametrize("nr", [(275, 76), (276, 77), (278, 75)], ids=["splice", "tee", "vmsplice"])
def test_splicing_pages(nr: tuple[int, int]) -> None:
    assert "refused OSError 38" in confined(probe(f"syscall({nr[0]}, {nr[1]}, 0, 0, 0, 0, 0, 0)")).out


@pytest.mark.parametrize("nr", [(29, 194), (68, 186), (64, 190)], ids=["shmget", "msgget", "semget"])
def test_system_v_memory_that_no_limit_counts(nr: tuple[int, int]) -> None:
    result = confined(probe(f"syscall({nr[0]}, {nr[1]}, 0, 4096, 0o1600)"))
    assert "refused PermissionError 1 " in result.out


def test_names_are_counted_as_well_as_bytes() -> None:
    script = probe("for n in range(1 << 15): os.close(os.open(f'/tmp/{n}', os.O_CREAT))")
    assert "No space left" in confined(script, policy(tmp_bytes=1 << 20)).out


def test_a_set_id_file_is_not_copied_out(tmp_path: Path) -> None:
    script = probe(f"os.umask(0); os.open('{tmp_path}/x', os.O_CREAT | os.O_WRONLY, 0o6777)")
    confined(script, policy(writable(tmp_path)))
    if (tmp_path / "x").exists():
        assert not (tmp_path / "x").stat().st_mode & (stat.S_ISUID | stat.S_ISGID)


def test_a_grant_below_a_denied_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys" / "public").mkdir(parents=True)
    (tmp_path / "way").symlink_to("keys")
    for deny in (f"{tmp_path}/keys", f"{tmp_path}/way"):
        granted = policy(Grant(Capability.FS_READ, f"{tmp_path}/keys/public"), deny=(deny,))
        with pytest.raises(PolicyError, match="denied"):
            plan(Command(("python",), str(PYTHON), "/"), granted)


def test_a_fifo_is_no_file_to_write(tmp_path: Path) -> None:
    """Copying it into a layer would wait for ever."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PolicyError, match="neither"):
        plan(Command(("python",), str(PYTHON), "/"), policy(writable(tmp_path / "fifo")))


@pytest.mark.parametrize("argument", ["a\0b", "\0"])
def test_a_nul_byte_does_not_shorten_an_argument(argument: str) -> None:
    """sandbox-runtime: a NUL byte in a host name was looked at by one side and cut off by the other."""
    command = Command((str(PYTHON), "-c", "pass", argument), str(PYTHON), "/")
    with pytest.raises(Refused, match="NUL"):
        confine(command, policy(), environment={})
    with pytest.raises(Refused, match="NUL"):
        confined("pass", policy(settings=(("X", "y"),)), environment={"X": argument})


def test_a_socket_takes_no_program_for_the_kernel() -> None:
    granted = policy(Grant(Capability.NET_CONNECT, "x.example.com:1"))
    for level, option in ((1, 26), (1, 50), (1, 51), (6, 31)):
        act = f"import socket; socket.socket().setsockopt({level}, {option}, b'tls' + bytes(13))"
        assert "refused PermissionError 1 " in confined(probe(act), granted).out
    assert confined(probe("import socket; socket.socket().setsockopt(6, 1, 1)"), granted).out == "done\n"


def test_the_mount_of_a_device_directory_in_a_granted_tree_is_hidden(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    tree = tmp_path / "chroot é 中"
    (tree / "proc").mkdir(parents=True)
    code = f"""
import ctypes, os, sys
sys.path[:0] = {[str(Path(__file__).parents[2] / "src"), str(Path(__file__).parents[1] / "sandbox")]!r}
from confining import *
libc = ctypes.CDLL(None)
libc.unshare(0x20000)
libc.mount(b'none', b'/', None, 0x44000, None)
assert libc.mount(b'proc', os.fsencode({str(tree / "proc")!r}), b'proc', 0, None) == 0
assert os.listdir({str(tree / "proc")!r})
granted = policy(Grant(Capability.FS_READ, {str(tree)!r}))
print(confined(probe("print(os.listdir({str(tree / "proc")!r}))"), granted))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "refused PermissionError" in done.stdout, done

"""Refused calls are told and stay refused: by the same error, without a way in for the target, and within bounds."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bpf import answer
from confining import EMPTY, Result, confined, policy, probe

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.policy import Grant, Limits
from casemate.model.sandbox import Denial
from casemate.sandbox.native import arguments, calls, noticed, seccomp, sensor, supervise, watched
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.arguments import ARCH
from casemate.sandbox.native.steps import Filter

ACTS = {
    "a local socket": ("import socket; socket.socket(socket.AF_UNIX)", C.NET_UNIX, ""),
    "a TCP socket": ("import socket; socket.socket()", C.NET_CONNECT, ""),
    "a UDP socket": ("import socket; socket.socket(type=socket.SOCK_DGRAM)", C.NET_UDP, ""),
    "a name": ("import socket; socket.getaddrinfo('a.example', 1)", C.NET_DNS, ""),
    "a packet socket": ("import socket; socket.socket(17, socket.SOCK_RAW)", C.NET_RAW, "AF_PACKET"),
    "another program": ("os.posix_spawn('/usr/bin/true', ['true'], {})", C.PROC_SPAWN, "/usr/bin/true"),
    "a mount": ("syscall(165, 40, b'none', b'/tmp', b'tmpfs', 0, 0)", C.PROC_PRIV, "mount"),
    "a namespace": ("syscall(272, 97, 0x10000000)", C.PROC_PRIV, "unshare"),
    "tracing": ("syscall(101, 117, 0, 0, 0, 0)", C.PROC_TRACE, "ptrace"),
    "bpf": ("syscall(321, 280, 0, 0, 0)", C.KERNEL, "bpf"),
    "io_uring": ("syscall(425, 425, 1, ctypes.create_string_buffer(120))", C.KERNEL, "io_uring_setup"),
    "code from memory": ("syscall(319, 279, b'x', 0)", C.NATIVE_WX, "memfd_create"),
    "memory to write and execute": ("import mmap; mmap.mmap(-1, 4096, prot=7)", C.NATIVE_WX, "mmap"),
    "shared memory": ("syscall(29, 194, 0, 4096, 0o1600)", C.IPC_SHM, "shmget"),
    "a set-user-ID file": ("open('/tmp/x', 'w').close(); os.chmod('/tmp/x', 0o4755)", C.FS_META, ""),
    "a device": ("os.mknod('/tmp/x', 0o20666, os.makedev(1, 1))", C.FS_DEV, ""),
    "typing for others": ("import fcntl; fcntl.ioctl(0, 0x5412, b'x')", C.FS_DEV, "ioctl"),
}


def denials(result: Result) -> dict[C, Denial]:
    return {denial.capability: denial for denial in result.outcome.denials}


@pytest.mark.parametrize("name", ACTS)
def test_what_was_refused_is_told(name: str) -> None:
    act, capability, resource = ACTS[name]
    result = confined(probe(act))
    assert "refused" in result.out
    assert denials(result)[capability].resource == resource or not resource


def test_the_error_is_that_of_the_filter() -> None:
    assert "refused PermissionError 1 " in confined(probe("import socket; socket.socket(17, socket.SOCK_RAW)")).out
    assert "refused PermissionError 1 " in confined(probe("os.execv('/usr/bin/true', ['true'])")).out


def test_habits_of_the_c_library_are_not_told() -> None:
    code = "import pwd, socket\npwd.getpwuid(0)\ntry: socket.if_nameindex()\nexcept OSError: pass\nsocket.socketpair()"
    assert confined(code).outcome.denials == ()


def test_nothing_of_it_is_inside() -> None:
    result = confined("import os; print(sorted(os.listdir('/proc/self/fd')), os.readlink('/proc/self/fd/3'))")
    assert "FileNotFoundError" in result.err or "['0', '1', '2', '3']" in result.out  # 3: the listing itself
    assert "seccomp" not in result.out


def test_a_path_that_cannot_be_read_is_no_path() -> None:
    for address in (0, 8, (1 << 63) + 5, (1 << 64) - 1):
        result = confined(probe(f"syscall(59, 221, ctypes.c_ulong({address}), 0, 0)"))
        assert denials(result)[C.PROC_SPAWN].resource == ""


def test_of_a_caller_that_is_gone_nothing_is_told() -> None:
    """Its number may be another's by then, and the address is the target's choice: here it is our own memory."""
    text = b"/etc/secret\0"
    asked = calls.here()["execve"], (k.address_of(text), 0, 0, 0, 0, 0), os.getpid()
    assert noticed.denial(*asked, lambda: True) == Denial(C.PROC_SPAWN, "/etc/secret", "execve")
    assert noticed.denial(*asked, lambda: False) == Denial(C.PROC_SPAWN, "", "execve")


def test_a_path_of_the_target_is_told_as_it_is_and_not_longer_than_a_path() -> None:
    result = confined(
        probe("libc.execve(b'/x\\n\\x1b[2J' + b'y' * 9000, None, None)\nlibc.execve(b'/\\xff\\n', None, None)")
    )
    assert [d.resource for d in result.outcome.denials] == ["", "/\udcff\n"]


@pytest.mark.parametrize("shape", [Filter(), Filter(wx=True, unix=True, inet=True, spawn=True)])
def test_one_filter_answers_as_two_do(shape: Filter) -> None:
    listed, checked = seccomp.compiled(wx=shape.wx), arguments.assemble(shape, (1 << 40, 2 << 40, 3 << 40))
    both, refusal = watched.merged(listed, checked), seccomp.ACT_ERRNO | seccomp.EPERM
    for call in (*range(512), seccomp.X32 | 1, 0xFFFFFFFF):
        for values in ((), (1, 1), (2, 2), (17, 3), (0, 0x5412), (0, 4096, 7), (0x10000000,), (0, 0, 0o6777, 0o6777)):
            given = (*values, 0, 0, 0, 0, 0, 0)[:6]
            for machine in (*ARCH, 0x40000003):
                first = answer(listed, call, machine, given)
                expected = answer(checked, call, machine, given) if first == seccomp.ACT_ALLOW else first
                told = answer(both, call, machine, given)
                assert told == (watched.NOTIFY if expected == refusal else expected), (call, values)


def test_a_flood_is_bounded_and_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensor, "ANSWERS", 50)
    code = """
    import errno, socket
    seen = []
    for _ in range(500):
        try: socket.socket(17, socket.SOCK_RAW)
        except OSError as error: seen.append(error.errno)
    print(len(seen), set(seen[:50]), set(seen[50:]))
    """
    result = confined(textwrap.dedent(code))
    assert result.out == "500 {1} {38}\n"
    assert any("further ones are not" in denial.detail for denial in result.outcome.denials)


def test_a_flood_of_names_does_not_hide_what_else_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "DENIALS", 20)
    monkeypatch.setattr(sensor, "ANSWERS", 200)
    code = """
    import os, socket
    def attempt(act, *arguments):
        try: act(*arguments)
        except OSError: pass
    for number in range(100): attempt(os.execv, f'/nowhere/{number}', ['x'])
    attempt(socket.socket, 17, socket.SOCK_RAW)
    for number in range(200): attempt(os.execv, f'/nowhere/{number}', ['x'])
    """
    result = confined(textwrap.dedent(code))
    spawned = [one for one in result.outcome.denials if one.capability is C.PROC_SPAWN]
    assert [one.resource for one in spawned] == [*(f"/nowhere/{number}" for number in range(20)), ""]
    assert spawned[-1].detail == "20 different ones were noted; further ones are not"
    assert denials(result)[C.NET_RAW].resource == "AF_PACKET"
    assert "200 refused calls were told" in denials(result)[C.KERNEL].detail


def test_callers_that_are_killed_while_they_wait_hold_up_nothing() -> None:
    code = """
    import os, signal, socket
    for _ in range(100):
        pid = os.fork()
        if pid == 0:
            while True:
                try: socket.socket(17, socket.SOCK_RAW)
                except OSError: pass
        for _ in range(20): os.stat('/')
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print('done')
    """
    result = confined(textwrap.dedent(code))
    assert (result.out, result.code) == ("done\n", 0)


def test_a_signal_that_comes_meanwhile_lets_no_call_through() -> None:
    code = """
    import errno, signal, socket
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    seen = set()
    for _ in range(2000):
        try: socket.socket(17, socket.SOCK_RAW)
        except OSError as error: seen.add(error.errno)
    print(seen <= {errno.EPERM, errno.EINTR} and errno.EPERM in seen)
    """
    assert confined(textwrap.dedent(code)).out == "True\n"


def test_with_few_descriptors_it_is_refused_all_the_same() -> None:
    act = probe("import socket; socket.socket(17, socket.SOCK_RAW)")
    assert "refused PermissionError 1 " in confined(act, policy(limits=Limits(fds=10))).out


WATCHED_ALREADY = """
import struct, sys
sys.path[:0] = [{src!r}, {here!r}]
from casemate.sandbox.native import kernel as k, seccomp
k.prctl(k.PR_SET_NO_NEW_PRIVS, 1)
allow = struct.pack("=HBBI", 6, 0, 0, seccomp.ACT_ALLOW)
listener = k.call("seccomp", k.number("seccomp"), 1, 8, k.words(8, 1, k.address_of(allow)))
from confining import confined, probe
result = confined(probe("import socket; socket.socket(17, socket.SOCK_RAW)"))
print(result.out, result.outcome.denials)
"""


def test_under_the_listener_of_somebody_else_it_is_refused_and_not_told() -> None:
    here = Path(__file__).parent
    code = WATCHED_ALREADY.format(src=str(here.parents[1] / "src"), here=str(here))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "refused PermissionError 1 " in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1].endswith("()")


def test_a_granted_call_is_not_told() -> None:
    granted = policy(Grant(C.NATIVE_WX, ""))
    result = confined("import mmap; mmap.mmap(-1, 4096, prot=7); print('done')", granted)
    assert (result.out, result.outcome.denials) == ("done\n", ())


def test_a_run_that_tries_nothing_is_told_nothing() -> None:
    assert confined("print(1)", EMPTY).outcome.denials == ()


def test_a_call_of_the_self_test_is_refused_in_silence() -> None:
    """Its last argument is a number that nobody else knows; it only decides whether somebody is told."""
    number = calls.here()["ptrace"]
    listed, token = seccomp.compiled(wx=False), 0x1234_5678_9ABC << 16
    code = watched.merged(listed, arguments.assemble(Filter(), (1, 2, 3)), token)
    arch = arguments.ARCH[k.COLUMN]
    silent, told = seccomp.ACT_ERRNO | seccomp.EPERM, watched.NOTIFY
    assert answer(code, number, arch, (0, 0, 0, 0, 0, token)) == silent
    for other in (0, 1, token + 1, token & 0xFFFFFFFF, token >> 32 << 32):
        assert answer(code, number, arch, (0, 0, 0, 0, 0, other)) == told
    allowed = calls.here()["getpid"]
    assert answer(code, allowed, arch, (0, 0, 0, 0, 0, token)) == seccomp.ACT_ALLOW
    without = watched.merged(listed, arguments.assemble(Filter(), (1, 2, 3)))
    for nr in range(500):
        assert answer(code, nr, arch) == answer(without, nr, arch), nr

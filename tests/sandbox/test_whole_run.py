"""Limits are limits of the whole run, where this host can count one: many processes get no more than one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confining import EMPTY, Result, confined, policy

from casemate.model.capability import Capability
from casemate.model.errors import Unenforceable
from casemate.model.policy import MIB, Grant, Limits, WriteMode
from casemate.sandbox.native import Native, cgroups, names

COUNTED = {name for place in cgroups.places() for name in place.counts}
WITHOUT = Native(without=frozenset(names.CGROUPS))  # as on a host that gives no cgroups
KILLED = 128 + signal.SIGKILL
FORKS = """
import os, sys, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError as error:
    print(made, error.errno)
"""
THREADS = """
import threading, time
made = 0
threading.stack_size(65536)
try:
    while made < 500:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        made += 1
except RuntimeError:
    print(made, flush=True)
import os
os._exit(0)
"""
BURN = """
import os, time
def burn(seconds):
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
"""


def counts(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in COUNTED, reason=f"this host gives us no cgroup that counts {name}")


def limited(code: str, **limits: int) -> Result:
    return confined(code, policy(limits=Limits(**{"wall_seconds": 60, **limits})))


def each_process(code: str, **limits: int) -> str:
    """Run without cgroups; give what was said."""
    granted = policy(limits=Limits(**{"wall_seconds": 60, **limits}))
    result = confined(code, granted, backend=WITHOUT)
    return result.out + result.err


def only_counted(code: str, **limits: int) -> Result:
    """Run without rlimits: cgroups alone."""
    granted = policy(limits=Limits(**{"wall_seconds": 60, **limits}))
    accept = frozenset({Capability.RES_FDS, Capability.RES_DISK, Capability.PROC_FORK, Capability.PROC_THREAD})
    return confined(code, granted, backend=Native(without=frozenset({names.LIMITS})), accept=accept)


@pytest.mark.parametrize("code", [FORKS, THREADS], ids=["processes", "threads"])
def test_processes_and_threads_are_counted_together(code: str) -> None:
    assert limited(code, processes=20).out.split()[0] == "19"


@pytest.mark.parametrize("code", [FORKS, THREADS], ids=["processes", "threads"])
def test_a_root_caller_is_bound_by_rlimits_too(code: str) -> None:
    """getrlimit(2): RLIMIT_NPROC does not bind the real user 0. The run is another one, in a user namespace of its own.

    Linux 5.14 counts for each user namespace, so an ordinary user's other programs do not count.
    """
    assert each_process(code, processes=20).split()[0] == "19"


@counts("pids")
@pytest.mark.parametrize("code", [FORKS, THREADS], ids=["processes", "threads"])
def test_cgroups_bind_without_rlimits(code: str) -> None:
    assert only_counted(code, processes=20).out.split()[0] == "19"


@counts("memory")
def test_memory_is_bound_without_rlimits() -> None:
    result = only_counted("bytearray(b'x') * (1 << 30)", memory_bytes=64 * MIB)
    assert (result.code, result.outcome.ended_by) == (KILLED, "memory limit")


@counts("cpu")
def test_processor_time_is_bound_without_rlimits() -> None:
    result = only_counted("while True: pass", cpu_seconds=1)
    assert (result.code, result.outcome.ended_by) == (KILLED, "cpu limit")


def test_without_either_nothing_bounds_a_run_and_that_is_refused() -> None:
    backend = Native(without=frozenset({names.LIMITS, *names.CGROUPS}))
    with pytest.raises(Unenforceable) as refused:
        confined("print('ran')", backend=backend)
    found = {gap.capability for gap in refused.value.gaps}
    assert {Capability.RES_CPU, Capability.RES_MEMORY, Capability.RES_PROCS, Capability.PROC_FORK} <= found


@counts("pids")
def test_what_the_limit_of_processes_refused_is_told() -> None:
    result = limited(FORKS + "sys.exit(3)", processes=20)
    (denial,) = result.outcome.denials
    assert (denial.capability, denial.resource) == (Capability.RES_PROCS, "limits.processes = 20")
    assert limited("pass", processes=20).outcome.denials == ()


def test_a_fork_bomb_ends() -> None:
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    if "cpu" in COUNTED:
        result = limited(code, processes=30, cpu_seconds=1)
        assert (result.code, result.outcome.ended_by) == (KILLED, "cpu limit")
    result = limited(code, processes=30, wall_seconds=1)
    assert (result.code, result.outcome.ended_by) == (KILLED, "wall limit")


@counts("memory")
def test_memory_of_many_processes_is_counted_together() -> None:
    """Each of them stays far below RLIMIT_AS."""
    code = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(b"x") * (40 << 20)
        time.sleep(60)
        os._exit(0)
for _ in range(6):
    os.wait()
print("survived")
"""
    result = limited(code, memory_bytes=128 * MIB)
    assert (result.code, result.outcome.ended_by) == (KILLED, "memory limit")
    assert "survived" not in result.out
    assert result.outcome.wall_seconds < 30, "nobody waits for those that sleep"


@counts("memory")
@pytest.mark.parametrize("where", ["/tmp", "/dev/shm", "/home/casemate"])  # noqa: S108 -- private ones
def test_private_files_count_as_memory(where: str) -> None:
    code = f"""
for number in range(60):
    open(f"{where}/{{number}}", "wb").write(bytes(1 << 20))
print("files", flush=True)
held = bytearray(b"x") * (60 << 20)
print("survived", flush=True)
"""
    result = limited(code, memory_bytes=100 * MIB)
    assert (result.code, result.outcome.ended_by) == (KILLED, "memory limit")
    assert result.out == "files\n"


@counts("memory")
def test_what_is_written_for_the_host_counts_as_memory_until_it_is_copied(tmp_path: Path) -> None:
    code = f"""
import os
out = os.open("{tmp_path}/out", os.O_WRONLY | os.O_CREAT)
while True:
    os.write(out, bytes(1 << 20))
"""
    granted = policy(
        Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT, max_bytes=1 << 30),
        limits=Limits(wall_seconds=60, memory_bytes=64 * MIB),
    )
    result = confined(code, granted)
    assert (result.code, result.outcome.ended_by) == (KILLED, "memory limit")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 64 * MIB


@counts("memory")
def test_memory_of_the_kernel_is_counted() -> None:
    """Pages in pipes belong to no address space."""
    code = """
import os, fcntl
ends = [os.pipe() for _ in range(200)]
for _, end in ends:
    os.set_blocking(end, False)
    try:
        fcntl.fcntl(end, 1031, 1 << 20)
    except OSError:
        pass
    try:
        while os.write(end, bytes(65536)):
            pass
    except BlockingIOError:
        pass
held = sum(fcntl.fcntl(end, 1032) for _, end in ends)
print(held > (40 << 20), flush=True)
"""
    free = limited(code, memory_bytes=512 * MIB)
    if free.out != "True\n":
        pytest.skip("this kernel lets a user hold little in pipes")
    assert limited(code, memory_bytes=40 * MIB).outcome.ended_by == "memory limit"


@counts("memory")
def test_what_lies_in_connections_is_bounded() -> None:
    """Version 1 counts it apart, and lets nothing more be sent; version 2 counts it as memory and ends the run."""
    code = """
import socket
held, sent = [], 0
server = socket.create_server(("127.0.0.1", 0), backlog=500)
for _ in range(200):
    held += [socket.create_connection(server.getsockname()), server.accept()[0]]
    held[-2].setblocking(False)
    try:
        while True:
            sent += held[-2].send(bytes(65536))
    except BlockingIOError:
        pass
print(sent)
"""
    granted = policy(
        Grant(Capability.NET_CONNECT, "127.0.0.1:1"), limits=Limits(wall_seconds=60, memory_bytes=64 * MIB)
    )
    result = confined(code, granted)
    assert result.outcome.ended_by == "memory limit" or int(result.out) < 128 * MIB, result


@counts("memory")
def test_a_program_within_its_limit_is_not_ended() -> None:
    result = limited("held = bytearray(b'x') * (60 << 20); print(len(held))", memory_bytes=100 * MIB)
    assert (result.code, result.outcome.ended_by) == (0, "")


@counts("cpu")
def test_processor_time_of_many_processes_is_counted_together() -> None:
    """None of them comes near RLIMIT_CPU, and nobody waits for them: only a group of all of them knows."""
    code = f"""{BURN}
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            burn(0.2)
            os._exit(0)
    except BlockingIOError:
        time.sleep(0.1)
"""
    result = limited(code, cpu_seconds=1, processes=8)
    assert (result.code, result.outcome.ended_by) == (KILLED, "cpu limit")
    assert result.outcome.cpu_seconds >= 1


@counts("cpu")
def test_processor_time_of_threads_and_their_sum_is_told() -> None:
    child = "burn(0.5)\n    os.write(writer, b'.')\n    time.sleep(60)"
    code = f"{BURN}\nreader, writer = os.pipe()\nif os.fork() == 0:\n    {child}\nos.read(reader, 1)"
    result = limited(code, cpu_seconds=60)
    assert result.code == 0
    assert result.outcome.cpu_seconds >= 0.5, "the target did not wait for its child"


def test_a_single_process_that_burns_is_ended_and_said() -> None:
    """By the group or by RLIMIT_CPU, whichever comes first."""
    result = limited("while True: pass", cpu_seconds=1)
    assert (result.code, result.outcome.ended_by) == (KILLED, "cpu limit")


def test_each_process_is_ended_by_rlimits_where_nothing_else_counts() -> None:
    burning = confined("while True: pass", policy(limits=Limits(cpu_seconds=1)), backend=WITHOUT)
    assert (burning.code, burning.outcome.ended_by) == (KILLED, "cpu limit")
    assert "MemoryError" in each_process("bytearray(b'x') * (1 << 30)", memory_bytes=512 * MIB)


def test_endless_output_is_ended() -> None:
    result = limited("import os\nwhile True: os.write(1, bytes(65536))", output_bytes=MIB)
    assert (result.code, result.outcome.ended_by) == (KILLED, "output limit")
    assert len(result.out) == MIB


def test_disk_and_descriptors_run_out_for_the_program_alone(tmp_path: Path) -> None:
    fill = """
import os
def fill(folder):
    number = 0
    try:
        while True:
            with open(f"{folder}/{number}", "wb") as file:
                file.write(bytes(1 << 20))
            number += 1
    except OSError as error:
        print(number, error.strerror)
"""
    granted = policy(
        Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT, max_bytes=8 * MIB), tmp_bytes=4 * MIB, base=EMPTY
    )
    result = confined(f"{fill}\nfill('/tmp')\nfill('{tmp_path}')", granted)
    first, second = result.out.splitlines()
    assert "No space left" in first
    assert "No space left" in second
    assert int(first.split()[0]) <= 4
    assert int(second.split()[0]) <= 8
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 8 * MIB
    many = "import os\nheld = []\ntry:\n    while True: held.append(os.dup(0))\nexcept OSError as e: print(e.strerror)"
    assert limited(many, fds=64).out == "Too many open files\n"


def test_a_limit_of_zero_is_no_limit() -> None:
    """On purpose, in the words of the policy; the caller's own limits hold."""
    code = "import os\nfor _ in range(100):\n    if os.fork() == 0: os._exit(0)\nprint(bytearray(b'x')[:0])"
    assert limited(code, memory_bytes=0, cpu_seconds=0, processes=0).code == 0


@pytest.mark.skipif(not COUNTED, reason="this host gives us no cgroups")
def test_inside_nothing_of_the_groups_can_be_seen_or_left() -> None:
    code = """
import os
print({line.split(":", 2)[2].strip() for line in open("/proc/self/cgroup")})
print([line for line in open("/proc/self/mountinfo") if "cgroup" in line], os.path.exists("/sys/fs/cgroup"))
print(sorted(int(fd) for fd in os.listdir("/proc/self/fd")))
"""
    groups, mounts, descriptors = confined(code).out.splitlines()
    assert groups == "{'/'}", "a name would tell the number of casemate's process"
    assert mounts == "[] False"
    assert descriptors.startswith("[0, 1, 2, 3]"), "the fourth lists the directory"


READ_ONLY = "for at in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts); do mount -o remount,bind,ro $at || exit; done"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change what is mounted")
@pytest.mark.parametrize("change", ["umount -R /sys/fs/cgroup", READ_ONLY], ids=["not mounted", "read-only"])
def test_a_container_that_gives_no_cgroups_runs_with_rlimits(change: str) -> None:
    script = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[2] / "src"), str(Path(__file__).parent)]!r}
from confining import *
from casemate.sandbox import choose
from casemate.sandbox.native import layers
print([layer.available for layer in layers.tried() if layer.name == "cgroups"])
print({{row.layers for row in choose("native").coverage(EMPTY) if row.capability is Capability.RES_MEMORY}})
print(confined("print('ran')").out)
"""
    done = subprocess.run(
        ["/usr/bin/unshare", "-m", "sh", "-c", f'{change}; exec "$@"', "sh", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split("\n")[:3] == ["[False]", "{('rlimits',)}", "ran"], done

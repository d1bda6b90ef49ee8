"""A host that has too little: of descriptors, memory, processes, room on a disk. One clear line, 125, nothing left."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require
from tests.processes import ROOT, USER, interpreter
from tests.sandbox.confining import confined, policy
from tests.sandbox.outer import environment

from casemate.model.capability import Capability
from casemate.model.policy import Grant
from casemate.sandbox.native.addresses import Address
from casemate.sandbox.native.lookup import Lookups
from casemate.sandbox.native.loop import Loop

SHELL_READS_BY = 11  # dash keeps the script at descriptor 10: with fewer it ends before its first line
INSIDE = """
import os, resource
from tests.sandbox.confining import confined, policy
from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import Grant

def kept():
    return sorted(os.listdir("/proc/self/fd"))

def tried(code, granted):
    # a run with pipes that are there already, so that only descriptors of casemate's own can be missing
    from tests.sandbox.confining import Command, PYTHON, Streams, confine
    return confine(Command((str(PYTHON), "-I", "-S", "-c", code), str(PYTHON), "/"), granted, environment={{}},
                   streams=Streams(null, null, null)).code

null = os.open(os.devnull, os.O_RDWR)
out = {out!r}
granted = policy(Grant(Capability.FS_WRITE, out), Grant(Capability.NET_CONNECT, "127.0.0.1:1"),
                 Grant(Capability.NET_CONNECT, "x.example.com:1"), Grant(Capability.NET_LISTEN, "127.0.0.1:{port}"))
code = "open(" + repr(out) + " + '/x', 'w')"
assert tried(code, granted) == 0  # whatever is loaded once is loaded now
os.unlink(out + "/x")
before, hard = kept(), resource.getrlimit(resource.{which})[1]
seen = []
for number in range({first}, {last}):
    resource.setrlimit(resource.{which}, (number, hard))
    try:
        seen.append(tried(code, granted))
    except Refused as refused:
        seen.append(refused.code)
        assert not os.path.exists(out + "/x"), (number, refused)
        assert "\\n" not in str(refused)
    finally:
        resource.setrlimit(resource.{which}, (hard, hard))
    assert kept() == before, (number, seen[-1], kept(), before)
    try:
        raise AssertionError(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        pass
assert seen == sorted(seen, reverse=True), seen  # once there is enough there is always enough
assert set(seen) == {{0, 125}}, seen
"""


def limited(which: int, value: int, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with a resource limit."""
    return subprocess.run(
        [COMMAND, "run", *options, "-c", "print('done')"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(which, (value, value)),
    )


def test_too_few_descriptors_are_said_in_one_line(tmp_path: Path) -> None:
    started = 0
    for number in range(3, 51):
        done = limited(resource.RLIMIT_NOFILE, number, "--write", str(tmp_path), "--connect", "127.0.0.1:1")
        if done.returncode == 0:
            assert done.stdout == "done\n"
            started += 1
            continue
        assert not started, f"with fewer than {number} it started"
        assert done.stdout == ""
        assert number < SHELL_READS_BY or done.returncode == 125
        said = done.stderr.splitlines()
        assert len(said) == 1 or number <= SHELL_READS_BY  # the shell may have its word
        assert "oo many open files" in said[-1] or number < SHELL_READS_BY
    assert started, "50 are enough"
    assert not list(tmp_path.iterdir())


def test_too_few_descriptors_leave_none_open_in_the_caller(tmp_path: Path) -> None:
    script = INSIDE.format(out=str(tmp_path), port=20_000 + os.getpid() % 9999, which="RLIMIT_NOFILE", first=8, last=72)
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True, timeout=120)


def test_too_little_memory_is_said_in_one_line() -> None:
    started = 0
    for mebibytes in range(12, 40, 4):
        done = limited(resource.RLIMIT_AS, mebibytes << 20)
        if done.returncode == 0:
            assert done.stdout == "done\n"
            started += 1
        elif done.returncode == 125:
            assert len(done.stderr.splitlines()) == 1, done.stderr
        else:  # the loader or the interpreter, before its first line
            assert "casemate/" not in done.stderr
    assert started


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has other processes that count")
def test_too_few_processes_are_said_and_nothing_is_left() -> None:
    python = interpreter()
    require("a Python that ordinary users may execute", there=bool(python))
    paths = [str(ROOT / "src"), str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    alone = USER + 1  # the limit counts all processes of a user: those of tests that run beside this one, too
    with tempfile.TemporaryDirectory() as out:
        os.chown(out, alone, alone)
        script = INSIDE.format(out=out, port=20_000 + os.getpid() % 9999, which="RLIMIT_NPROC", first=1, last=9)
        subprocess.run(
            [python, "-c", script],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
            user=alone,
            group=alone,
            extra_groups=[],
            check=True,
            timeout=120,
        )


def on_a_small_disk(folder: Path, size: str, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a shell command in a mount namespace in which a folder is a disk of its own."""
    script = f"mount -t tmpfs -o size={size} small {folder} && cd / && {command}"
    return subprocess.run(
        ["/usr/bin/unshare", "-m", "--propagation", "private", "sh", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_is_full_when_files_are_copied_out(tmp_path: Path) -> None:
    code = f"[open(f'{tmp_path}/{{n}}', 'w').write('x' * 60_000) for n in range(4)]"
    done = on_a_small_disk(
        tmp_path, "128k", f'{COMMAND} run --write {tmp_path} -c "{code}"; echo code $?; ls -A {tmp_path}'
    )
    assert "No space left on device" in done.stderr
    assert done.stderr.count("not copied out") >= 1
    assert "Traceback" not in done.stderr
    code, *names = done.stdout.splitlines()
    assert code == "code 1", "the program ended with 0, and not all of it is there"
    assert set(names) < {"0", "1", "2", "3"}, "whole files under their own names, and none else"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_for_what_is_kept_is_no_reason_not_to_run(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[policy]\nversion = 1\n")
    cache = tmp_path / "cache"
    cache.mkdir()
    fill = f"dd if=/dev/zero of={cache}/full bs=4k 2>/dev/null; export XDG_CACHE_HOME={cache} XDG_STATE_HOME={cache}"
    run = f"{COMMAND} run --policy {tmp_path}/policy.toml -c 'print(7)'; echo code $?; ls -AR {cache}"
    done = on_a_small_disk(cache, "16k", f"{fill}; {run}")
    assert done.stdout.startswith("7\ncode 0\n"), done
    assert not [line for line in done.stdout.splitlines() if line.endswith(".part")]


def test_a_target_that_is_stopped_when_the_run_ends_is_no_reason_to_wait(tmp_path: Path) -> None:
    code = """
import os, signal, time
for _ in range(3):
    if not os.fork():
        os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(0.2)
"""
    before = time.monotonic()
    result = confined(code, policy(Grant(Capability.FS_READ, str(tmp_path))))
    assert result.code == 0
    assert time.monotonic() - before < 30  # not the wall limit


def test_a_name_that_cannot_be_looked_up_for_want_of_a_descriptor_has_no_address() -> None:
    """The program gets an error of its connection; the run goes on, and the next look-up may succeed."""
    loop = Loop()
    lookups = Lookups(loop)
    found = list[tuple[Address, ...]]()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest)]  # no number below the limit is free
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
    try:
        lookups.find("127.0.0.1", found.append)
        loop.run(lambda: len(found) == 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    lookups.find("127.0.0.1", found.append)
    loop.run(lambda: len(found) == 2)
    lookups.close()
    loop.close()
    assert [len(addresses) for addresses in found] == [0, 1]

"""A run in a virtual machine: what it is, how it ends, and that nothing of it is left."""

import json
import os
import pty
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import COMMAND
from tests.processes import Started, pytest_as_a_user
from tests.sandbox.vm.conftest import Run, of, words

from casemate.model.policy import Limits
from casemate.sandbox.vm import host, image
from casemate.sandbox.vm.backend import Vm
from casemate.sandbox.waiting import telling

SECONDS = 300
LOOK = """
import json, os, sys, time
def there(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
paths = ["/usr/share/qemu", "/boot", "/host", "/written", "/casemate", "/cgroup", "/init", "/dev/vport0p1", "/dev/hvc0"]
print(json.dumps({
    "kernel": os.uname().release,
    "random": os.urandom(8).hex(),
    "address": id(object()),
    "clock": time.time(),
    "seen": [path for path in paths if there(path)],
    "uid": os.getuid(),
    "pids": sorted(name for name in os.listdir("/proc") if name.isdigit()),
}))
"""


def kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("casemate/vm/*/ram"))


def test_two_that_begin_at_once_share_one_guest_and_nothing_else(
    machine: tuple[Path, list[tuple[int, str, str]]],
) -> None:
    cache, ended = machine
    assert [(code, out) for code, out, _ in ended] == [(0, "1\n"), (0, "2\n")], ended
    assert "".join(err for *_, err in ended).count("vm: made in") == 1
    assert len(kept(cache)) == 1


def test_each_run_is_a_copy_with_a_kernel_and_with_random_numbers_and_a_time_of_its_own(run: Run) -> None:
    said = [json.loads(done.stdout) for done in (run("-c", LOOK), run("-c", LOOK))]
    for one in said:
        assert one["kernel"] != os.uname().release
        assert one["seen"] == []
        assert one["uid"] == 1000
        assert one["pids"] == ["2"]  # pid 1 is not shown to it
        assert abs(one["clock"] - time.time()) < 60
    assert said[0]["random"] != said[1]["random"]
    assert said[0]["address"] != said[1]["address"]


def test_streams_are_bytes_and_none_is_lost(run: Run) -> None:
    data = os.urandom(3_000_000) + b"\0\r\n\x04"
    code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]); sys.exit(7)"
    done = run("-c", code, input=data, text=False)
    assert done.returncode == 7, done.stderr
    assert done.stdout == data[::-1]


def test_a_program_that_does_not_read_its_input_is_no_hindrance(run: Run) -> None:
    done = run("-c", "print('done')", input="x" * 2_000_000)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_signal_ends_the_program_as_it_would_outside(run: Run) -> None:
    done = run("-c", "import os; os.kill(os.getpid(), 11)")
    assert done.returncode == 128 + 11, done.stderr


def test_a_run_that_waits_is_told_its_arguments_and_reads_what_comes_behind_them(run: Run) -> None:
    code = "import sys; print(sys.argv[1:], sys.stdin.read())"
    done = run("--wait", "-c", code, "a", input=telling(["b", "ä"]) + b"input", text=False)
    assert (done.returncode, done.stdout.decode()) == (0, "['a', 'b', 'ä'] input\n"), done.stderr


def test_the_record_tells_of_the_program_and_not_of_qemu(run: Run, tmp_path: Path) -> None:
    record = tmp_path / "record"
    done = run("--record", record, "-c", "print('ran')")
    assert done.stdout == "ran\n", done.stderr
    text = record.read_text()
    assert '"backend": "vm"' in text or '"backend":"vm"' in text
    assert "virtual machine" in text
    assert "qemu" not in text
    assert "denied" not in text


def test_a_terminal_is_one(machine: tuple[Path, object]) -> None:
    master, slave = pty.openpty()
    code = "import os, sys; print([os.isatty(n) for n in range(3)], os.get_terminal_size().columns, input('who? '))"
    started = Started(words("-c", code), stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    os.write(master, b"me\n")
    said = b""
    with suppress(OSError), started:
        while part := os.read(master, 4096):
            said += part
    os.close(master)
    assert b"[True, True, True]" in said, said
    assert b"who? " in said
    assert started.wait() == 0
    assert machine


def begun(code: str) -> "tuple[Started, int]":
    """Start a program, wait until it speaks, and find its QEMU."""
    started = Started(
        words("-c", f"print('inside', flush=True)\n{code}"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"inside\n"
    (qemu,) = of(started.pid)
    return started, qemu


def gone(pid: int) -> bool:
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.usefixtures("machine")
def test_a_machine_that_is_killed_is_the_end_of_the_run_with_one_line() -> None:
    started, qemu = begun("import time; time.sleep(100)")
    with started:
        os.kill(qemu, signal.SIGKILL)
        out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (137, b"")
    assert [line for line in err.splitlines() if b"vm:" in line] == [b"casemate: vm: the guest is gone"]
    assert gone(qemu)


@pytest.mark.usefixtures("machine")
def test_the_largest_file_of_the_policy_is_that_of_the_machine_as_well() -> None:
    """A kernel of a guest that was taken over forgets the limit of its program; QEMU writes for it."""
    started, qemu = begun("input()")
    with started:
        limits = Path(f"/proc/{qemu}/limits").read_text()
        started.communicate(timeout=60)
    assert f"Max file size             {Limits().disk_bytes} " in limits


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_casemate_that_is_ended_leaves_no_machine(number: int) -> None:
    started, qemu = begun("import time\nwhile True: time.sleep(1)")
    with started:
        started.send_signal(number)
        started.communicate(timeout=60)
    assert gone(qemu)


def test_a_guest_that_is_damaged_is_made_anew(machine: tuple[Path, object], run: Run) -> None:
    (memory,) = kept(machine[0])
    with memory.open("r+b") as file:
        file.seek(os.lseek(file.fileno(), 0, os.SEEK_DATA))
        file.write(b"damage")
    done = run("-c", "print('ran')")
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert "vm: made in" in done.stderr


HURRY = """
import sys
from casemate.model.policy import Limits, Policy
from casemate.model.sandbox import Command
from casemate.model.errors import Refused
from casemate.sandbox import confine
from casemate.sandbox.vm.backend import Vm
from casemate.sandbox.waiting import telling
from casemate.model.capability import Capability as C
from casemate.model.policy import Grant
kinds = (C.FS_EXEC, C.FS_READ)
try:
    confine(Command(("/usr/bin/env",), "/usr/bin/env", "/"),
            Policy(grants=tuple(Grant(kind, path) for kind in kinds for path in ("/usr/bin/env", "/lib64")), deny=()),
            environment={}, backend=Vm(patience=0.01))
except Refused as refused:
    print(refused.code, refused)
"""


def test_a_guest_that_does_not_start_in_time_is_tried_twice_and_refused(tmp_path: Path) -> None:
    python = Path(COMMAND).with_name("python")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [python, "-c", HURRY], capture_output=True, text=True, env=environment, check=True, timeout=120
    )
    assert done.stdout == "125 vm: the guest could not be started; see above\n", done.stderr
    assert done.stderr.count("the guest did not start within 0.01 s") == 2
    assert [path.name for path in tmp_path.glob("casemate/vm/*/*")] == [image.LOCK]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_a_refusal_and_leaves_nothing(tmp_path: Path) -> None:
    command = f'mount -t tmpfs -o size=8m none {tmp_path} && exec "$@"'
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        ["/usr/bin/unshare", "-m", "sh", "-c", command, "sh", *words("-c", "print('ran')")],
        capture_output=True, text=True, env=environment, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (125, "")
    assert "No space left on device" in done.stderr


def test_a_host_without_a_kernel_says_what_installs_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host.kernel, "__defaults__", (str(tmp_path), str(tmp_path)))
    runtime = Vm().runtime()
    assert not runtime.available
    assert "no kernel with modules is installed" in runtime.why_not
    assert "linux-image" in runtime.install


@pytest.mark.parametrize("name", ["LD_PRELOAD", "GLIBC_TUNABLES", "QEMU_AUDIO_DRV"])
def test_a_variable_that_would_change_qemu_is_refused_by_name(run: Run, name: str) -> None:
    done = run("--env", f"{name}=x", "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (125, "")
    assert f"env.read {name}" in done.stderr


def test_a_socket_of_the_host_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        done = run("--unix", tmp_path / "s", "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (125, "")
    assert f"net.unix {tmp_path}/s" in done.stderr


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a folder that an ordinary user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here is such a try already")
@pytest.mark.usefixtures("machine")
def test_an_ordinary_user_has_it_too(place: Path) -> None:
    said = pytest_as_a_user(place, [Path(__file__).parent / "ordinary.py"], seconds=SECONDS)
    assert "1 passed" in said

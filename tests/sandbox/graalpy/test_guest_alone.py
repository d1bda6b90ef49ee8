"""What GraalPy withholds from its guest where nothing of the native backend is around it: it counts as a layer."""

import socket
import subprocess
from pathlib import Path

import pytest
from tests.sandbox.graalpy.conftest import Run

from casemate.sandbox.graalpy import java
from casemate.sandbox.other_python import GUEST

ACTS = """
import os, sys

folder, port = {folder!r}, {port}

def connect():
    import socket
    socket.create_connection(("127.0.0.1", port))

def linked():
    os.symlink(folder + "/secret", folder + "/out/link")
    return open(folder + "/out/link").read()

def moved():
    os.rename(folder + "/secret", folder + "/out/taken")

ACTS = {{
    "fs.read": lambda: open(folder + "/secret").read(),
    "fs.read by ..": lambda: open(folder + "/out/../secret").read(),
    "fs.read by a link": linked,
    "fs.list": lambda: os.listdir(folder),
    "fs.list.stat": lambda: os.stat(folder + "/secret"),
    "fs.write": lambda: open(folder + "/new", "w"),
    "fs.write over": lambda: open(folder + "/secret", "a"),
    "fs.write.truncate": lambda: os.truncate(folder + "/secret", 0),
    "fs.write.hardlink": lambda: os.link(folder + "/secret", folder + "/out/hard"),
    "fs.delete": lambda: os.unlink(folder + "/secret"),
    "fs.delete by a move": moved,
    "fs.delete of a grant": lambda: os.rename(folder + "/out", folder + "/out2"),
    "fs.meta": lambda: os.chmod(folder + "/secret", 0o777),
    "fs.meta times": lambda: os.utime(folder + "/secret", (1, 1)),
    "fs.dev": lambda: open("/dev/zero", "rb").read(1),
    "net.connect": connect,
    "proc.spawn": lambda: __import__("subprocess").run(["/bin/true"]),
    "proc.trace.proc": lambda: os.listdir("/proc"),
    "proc.signal": lambda: os.kill(1, 0),
    "env.read": lambda: os.environ["SECRET_OF_THE_CALLER"],
    "native": lambda: __import__("ctypes").CDLL("libc.so.6"),
}}
for name, act in ACTS.items():
    try:
        print(name, "got", repr(act())[:60])
    except BaseException:
        pass
open(folder + "/out/allowed", "w").write("x")
print("tried", len(ACTS), open(folder + "/in/file").read(), os.environ.get("NAME"))
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "file").write_text("read")
    (tmp_path / "secret").write_text("TOKEN")
    return tmp_path


def test_the_guest_alone_withholds_what_the_table_says(alone: Run, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = ACTS.format(folder=str(place), port=server.getsockname()[1])
        environment = {"SECRET_OF_THE_CALLER": "TOKEN", f"{GUEST}NAME": "value"}
        seen = (f"read={java.quoted(f'{place}/in')}", f"write={java.quoted(f'{place}/out')}")
        done = alone(code, *seen, environment=environment)
    assert (done.returncode, done.stdout) == (0, "tried 21 read value\n"), done.stderr
    assert (place / "secret").read_text() == "TOKEN"
    assert sorted(path.name for path in place.iterdir()) == ["in", "out", "secret"]


def test_what_is_denied_in_a_granted_folder_is_not_there(alone: Run, place: Path) -> None:
    code = f"import os; print(os.path.exists('{place}/in/file'), open('{place}/secret').read())"
    done = alone(code, f"read={java.quoted(str(place))}", f"deny={java.quoted(f'{place}/in')}")
    assert done.stdout == "False TOKEN\n", done.stderr


def test_what_is_denied_does_not_come_to_light_by_a_move(alone: Run, place: Path) -> None:
    (place / "around" / "denied").mkdir(parents=True)
    (place / "around" / "denied" / "key").write_text("TOKEN")
    code = f"""
import os
for before, after in (("around", "moved"), ("around/denied", "out/denied")):
    try:
        os.rename("{place}/" + before, "{place}/" + after)
        print("moved", before)
    except OSError as error:
        print(type(error).__name__)
"""
    done = alone(code, f"write={java.quoted(str(place))}", f"deny={java.quoted(f'{place}/around/denied')}")
    assert done.stdout == "PermissionError\nFileNotFoundError\n", done.stderr
    assert (place / "around" / "denied" / "key").exists()


def test_a_guest_that_uses_up_all_descriptors_can_go_on(alone: Run, place: Path) -> None:
    code = f"""
import time
files = []
try:
    while True:
        files.append(open(f"{place}/out/{{len(files)}}", "w"))
except OSError as error:
    print(error.errno)
time.sleep(0.3)
print("goes on")
"""
    done = alone(code, f"write={java.quoted(f'{place}/out')}", "cpu=60", descriptors=256)
    assert (done.returncode, done.stdout) == (0, "24\ngoes on\n"), done.stderr


@pytest.mark.parametrize(("asked", "code"), [(10**30, 255), (-(10**30), 255), (256, 0), (-1, 255)])
def test_an_exit_code_is_that_of_any_python(alone: Run, asked: int, code: int) -> None:
    assert alone(f"raise SystemExit({asked})").returncode == code


def test_the_time_of_the_guest_is_counted(alone: Run) -> None:
    done = alone("while True: pass", "cpu=1")
    assert (done.returncode, done.stdout) == (137, ""), done.stderr


def test_the_heap_of_the_guest_is_counted(alone: Run) -> None:
    done = alone("kept = [bytearray(10**7) for _ in range(100)]")
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_the_strictest_policy_that_these_libraries_accept_is_used(runtime: Path) -> None:
    done = subprocess.run(
        [*java.command(str(runtime)), "--policies"], capture_output=True, text=True, check=True, timeout=90
    )
    answers = [line.split("\t")[:2] for line in done.stdout.splitlines()]
    assert answers == [["UNTRUSTED", "refused"], ["ISOLATED", "refused"], ["CONSTRAINED", "accepted"]]

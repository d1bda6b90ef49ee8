"""What the boundary of WebAssembly withholds by itself: nothing of the native backend is around the guest here.

Each act is one for which a WASI runtime had an advisory, or one that its table claims.
"""

import os
import socket
from pathlib import Path

import pytest
from tests.sandbox.wasm.conftest import Run

TRY = """
import os
def attempt(act):
    try:
        print("got", act())
    except BaseException as error:
        print("refused", type(error).__name__)
"""


@pytest.fixture
def ground(tmp_path: Path) -> Path:
    for name in ("shown", "out", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{name} token")
    (tmp_path / "shown" / "absolute").symlink_to(tmp_path / "hidden" / "file")
    (tmp_path / "shown" / "relative").symlink_to("../hidden/file")
    (tmp_path / "shown" / "folder").symlink_to(tmp_path / "hidden")
    (tmp_path / "shown" / "root").symlink_to("/")
    (tmp_path / "shown" / "inner").symlink_to("file")
    return tmp_path


def both(ground: Path) -> tuple[tuple[Path, str, bool], ...]:
    return ((ground / "shown", "/shown", False), (ground / "out", "/out", True))


@pytest.mark.parametrize(
    "path",
    [
        "/shown/../hidden/file",
        "/shown/absolute",
        "/shown/relative",
        "/shown/folder/file",
        "/shown/root/etc/hostname",
        "/shown/./folder/../folder/file",
        "/hidden/file",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/mem",
        "{host}/hidden/file",
        "../hidden/file",
        "/out/../../../../../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_folders_that_are_shown(alone: Run, ground: Path, path: str) -> None:
    named = path.replace("{host}", str(ground))
    done = alone(f"{TRY}\nattempt(lambda: open({named!r}).read())", *both(ground))
    assert done.stdout.startswith("refused "), done.stdout + done.stderr
    assert alone(f"{TRY}\nattempt(lambda: open('/shown/inner').read())", *both(ground)).stdout == "got shown token\n"


def test_no_link_of_its_own_making_leads_out(alone: Run, ground: Path) -> None:
    code = f"""{TRY}
for number, to in enumerate(["{ground}/hidden", "../hidden", "/", "../../../../../../../etc"]):
    link = f"/out/link{{number}}"
    try:
        os.symlink(to, link)
    except OSError:
        print("refused to be made")
        continue
    attempt(lambda: os.listdir(link))
    attempt(lambda: open(link + "/file").read())
    attempt(lambda: open(link + "/made", "w").write("x"))
"""
    done = alone(code, *both(ground))
    assert "got" not in done.stdout
    assert "refused" in done.stdout, done.stderr
    assert [path.name for path in (ground / "hidden").iterdir()] == ["file"]


def test_what_is_shown_for_reading_is_not_written(alone: Run, ground: Path) -> None:
    """CVE of 2026, GHSA-2r75-cxrj-cmph: truncation needed no right to write; GHSA-4ch3-9j33-3pmj: a second name did."""
    code = f"""{TRY}
attempt(lambda: open("/shown/file", "w"))
attempt(lambda: open("/shown/file", "r+"))
attempt(lambda: open("/shown/file", "a"))
attempt(lambda: os.open("/shown/file", os.O_RDONLY | os.O_TRUNC))
attempt(lambda: os.open("/shown/new", os.O_RDWR | os.O_CREAT))
attempt(lambda: os.truncate("/shown/file", 0))
attempt(lambda: os.unlink("/shown/file"))
attempt(lambda: os.rename("/shown/file", "/shown/other"))
attempt(lambda: os.utime("/shown/file", (1, 1)))
attempt(lambda: os.mkdir("/shown/folder2"))
attempt(lambda: os.symlink("file", "/shown/another"))
def twice(act):
    act("/shown/file", "/out/second")
    with open("/out/second", "w") as file:
        file.write("changed")
attempt(lambda: twice(os.link))
attempt(lambda: twice(os.rename))
attempt(lambda: os.rename("/out/file", "/shown/file"))
"""
    before = (ground / "shown" / "file").stat()
    done = alone(code, *both(ground))
    assert "got" not in done.stdout, done.stdout
    assert done.stdout.count("refused") == 14, done.stderr
    assert (ground / "shown" / "file").read_text() == "shown token"
    after = (ground / "shown" / "file").stat()
    assert (before.st_mtime_ns, before.st_nlink) == (after.st_mtime_ns, after.st_nlink)


def test_descriptors_and_variables_of_the_driver_are_not_the_guests(alone: Run, ground: Path) -> None:
    secret, other = (ground / "hidden" / "file").open(), socket.create_server(("127.0.0.1", 0))
    folder = os.open(ground / "hidden", os.O_RDONLY | os.O_DIRECTORY)
    code = f"""{TRY}
print(dict(os.environ))
for number in range(3, 64):
    try:
        print("got", os.read(number, 100))
    except OSError:
        pass
    try:
        print("got", os.open("file", os.O_RDONLY, dir_fd=number))
    except (OSError, NotImplementedError):
        pass
"""
    try:
        done = alone(
            code, pass_fds=(secret.fileno(), other.fileno(), folder), environment={"SECRET": "token", "G_OWN": "1"}
        )
    finally:
        os.close(folder)
        other.close()
        secret.close()
    assert "got" not in done.stdout
    assert "token" not in done.stdout
    assert done.stdout == "{'OWN': '1'}\n", done.stderr


def test_there_are_no_sockets_no_processes_no_threads_and_no_machine_code(alone: Run) -> None:
    code = f"""{TRY}
import socket, subprocess, threading, _thread
attempt(lambda: socket.socket())
attempt(lambda: socket.create_connection(("127.0.0.1", 22), 1))
attempt(lambda: subprocess.run(["/bin/true"]))
attempt(lambda: _thread.start_new_thread(print, ()))
attempt(lambda: threading.Thread(target=print).start())
attempt(lambda: __import__("ctypes"))
attempt(lambda: __import__("mmap"))
for name in ("fork", "execv", "posix_spawn", "system", "kill", "pipe", "setuid", "chroot", "memfd_create"):
    attempt(lambda: getattr(os, name))
"""
    done = alone(code)
    assert "got" not in done.stdout
    assert done.stdout.count("refused") == 16, done.stdout + done.stderr


def test_memory_ends_where_it_is_said_to(alone: Run) -> None:
    code = "try:\n    x = bytearray(64 << 20)\nexcept MemoryError:\n    print('no more')\nelse:\n    print(len(x))"
    assert alone(code, memory=48 << 20).stdout == "no more\n"
    assert alone(code, memory=256 << 20).stdout == f"{64 << 20}\n"


@pytest.mark.parametrize(("code", "ends"), [("pass", 0), ("exit(3)", 3), ("exit(126)", 126), ("exit(255)", 255)])
def test_the_exit_code_is_the_programs(alone: Run, code: str, ends: int) -> None:
    assert alone(code).returncode == ends


def test_a_trap_is_said_in_one_line(alone: Run) -> None:
    done = alone("import os; os.abort()")
    assert done.returncode == 134
    assert (
        done.stderr == "casemate: wasm: the program was stopped: wasm trap: wasm `unreachable` instruction executed\n"
    )

"""A root that somebody else made is executed inside, and nothing of it leads out: no link, socket, pipe or device.

What the host has beside it is reached as little as with a root of granted paths; what of it is executed is what the
command and proc.spawn say.
"""

import json
import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import command_line
from tests.rootfs import with_busybox, with_python

Ran = "subprocess.CompletedProcess[str]"


def run(*words: str | Path, backend: str = "native") -> Ran:
    command = [*command_line(), "run", "--backend", backend, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one root with a Python; a test that changes it takes a small one instead."""
    root = tmp_path_factory.mktemp("python") / "root"
    with_python(root)
    return root


@pytest.fixture
def ground() -> Iterator[Path]:
    """Make a folder that does not lie in /tmp, which every world has of its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def small(ground: Path) -> Path:
    root = ground / "small"
    with_busybox(root, "cat", "ls", "sh", "touch", "id", "echo", "true")
    return root


@pytest.fixture
def mine(ground: Path) -> Path:
    """Make a file beside the image that no policy here grants."""
    path = ground / "mine"
    path.write_text("the secret")
    return path


def test_a_link_in_the_image_leads_to_a_place_in_it(small: Path, mine: Path) -> None:
    (small / "absolute").symlink_to(mine)
    (small / "upwards").symlink_to("../" * 40 + str(mine).lstrip("/"))
    (small / "folder").symlink_to(mine.parent)
    for name in ("absolute", "upwards", f"folder/{mine.name}"):
        done = run("--image", small, "--", "/bin/cat", f"/{name}")
        assert done.returncode == 1, done
        assert "No such file" in done.stderr
        assert done.stdout == ""
    mirrored = small / str(mine).lstrip("/")
    mirrored.parent.mkdir(parents=True)
    mirrored.write_text("of the image")
    assert run("--image", small, "--", "/bin/cat", "/absolute").stdout == "of the image"


@pytest.mark.parametrize("text", ["/usr/bin/env", "../" * 40 + "usr/bin/env"])
def test_a_program_that_is_a_link_out_of_the_image_is_not_found(small: Path, text: str) -> None:
    assert Path("/usr/bin/env").exists()
    (small / "bin/out").symlink_to(text)
    for words in (("/bin/out",), ("out",)):
        done = run("--image", small, "--", *words)
        assert done.returncode == 127, done
        assert "in the image" in done.stderr


def test_an_interpreter_is_one_of_the_image(small: Path) -> None:
    (small / "script").write_text("#!/usr/bin/env sh\necho inside\n")
    (small / "other").write_text("#!/usr/bin/python3\nprint('outside')\n")
    (small / "line").write_text("#!/bin/sh\necho $0\n")
    for name in ("script", "other", "line"):
        (small / name).chmod(0o755)
    assert run("--image", small, "--", "/other").returncode == 127
    assert run("--image", small, "--", "/line").stdout == "/line\n"
    done = run("--image", small, "--", "/script")
    assert (done.returncode, done.stdout) == (0, "inside\n"), done


@pytest.mark.parametrize("line", ["#!/usr/bin/env env\n", "#!/usr/bin/env -S env sh\n", "#!/usr/bin/again\n"])
def test_interpreters_that_are_scripts_of_each_other_are_refused(small: Path, line: str) -> None:
    (small / "usr/bin").mkdir(parents=True)
    for name in ("env", "again"):
        (small / "usr/bin" / name).write_text(line)
        (small / "usr/bin" / name).chmod(0o755)
    done = run("--image", small, "--", "/usr/bin/again")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (126, "", 1), done
    assert "its interpreters are scripts of each other" in done.stderr


def test_the_record_tells_of_the_program_of_the_image(small: Path, ground: Path) -> None:
    record = ground / "record.jsonl"
    assert run("--image", small, "--record", record, "--", "/bin/ls").returncode == 0
    events = {event["event"]: event for event in map(json.loads, record.read_text().splitlines())}
    there = (small / "bin/busybox").stat()
    said = events["started"]["executable"]
    assert (said["path"], said["bytes"]) == ("/bin/ls", there.st_size)
    assert said["inode"] == f"{there.st_dev:x}:{there.st_ino}"
    assert events["granted"]["image"] == str(small)
    assert any(str(small) in risk for risk in events["residual"]["risks"])
    (small / "bin/true").unlink()
    (small / "bin/true").symlink_to("/bin/busybox")
    assert run("--image", small, "--record", record, "--", "/bin/true").returncode == 0
    assert json.loads(record.read_text().splitlines()[0])["executable"]["bytes"] == there.st_size


def test_a_loader_is_one_of_the_image(small: Path) -> None:
    (small / "bin/env").write_bytes(Path("/usr/bin/env").read_bytes())
    (small / "bin/env").chmod(0o755)
    done = run("--image", small, "--", "/bin/env")
    assert done.returncode == 127, done
    assert "is not in the image" in done.stderr


@pytest.mark.parametrize("names", [("etc", "tmp", "dev", "proc", "home", "sys")], ids=["links"])
def test_folders_of_every_world_that_are_links_in_the_image_are_not_followed(
    small: Path, ground: Path, names: tuple[str, ...]
) -> None:
    outside = ground / "outside"
    outside.mkdir()
    for name in names:
        (small / name).symlink_to(outside)
    code = "cat /etc/hostname; echo x > /tmp/x; cat /tmp/x /dev/null"
    done = run("--image", small, "--spawn", "/bin/cat", "--", "/bin/sh", "-c", code)
    assert (done.returncode, done.stdout) == (0, "casemate\nx\n"), done
    assert list(outside.iterdir()) == []


def test_nothing_of_the_image_can_be_changed(small: Path) -> None:
    before = {path: path.lstat().st_ctime_ns for path in small.rglob("*")}
    for name in ("/x", "/bin/x", "/bin/busybox", "/etc/x"):
        assert run("--image", small, "--", "/bin/sh", "-c", f"echo x > {name}").returncode != 0
    assert {path: path.lstat().st_ctime_ns for path in small.rglob("*")} == before


def test_what_the_host_has_is_not_there(python: Path, mine: Path) -> None:
    code = f"import os; print(os.path.exists({str(mine)!r}), os.path.exists('/root'), sorted(os.listdir('/')))"
    done = run("--image", python, "--", "python3", "-c", code)
    assert done.stdout.startswith("False False ['bin', 'dev', 'etc', 'home', "), done


def test_a_program_with_setuid_gains_nothing(small: Path) -> None:
    (small / "bin/id").unlink()
    (small / "bin/id").write_bytes((small / "bin/busybox").read_bytes())
    (small / "bin/id").chmod(0o6755)
    done = run("--image", small, "--", "/bin/id")
    assert done.stdout.startswith("uid=1000(casemate) gid=1000(casemate)"), done
    assert "euid" not in done.stdout


def test_what_an_image_has_in_dev_and_sys_is_covered(small: Path) -> None:
    for name in ("dev", "sys"):
        (small / name).mkdir()
        (small / name / "of-the-image").write_text("x")
    done = run("--image", small, "--", "/bin/ls", "/dev", "/sys")
    assert "shm" in done.stdout, done
    assert "of-the-image" not in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_in_the_image_cannot_be_opened(small: Path) -> None:
    os.mknod(small / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (small / "zero").chmod(0o666)
    done = run("--image", small, "--", "/bin/sh", "-c", "exec < /zero")
    assert done.returncode != 0
    assert "ermission denied" in done.stderr, done


@pytest.fixture
def listening(python: Path) -> Iterator[socket.socket]:
    """Listen on a socket that lies in the image."""
    with socket.socket(socket.AF_UNIX) as server:
        path = python / "s"
        path.unlink(missing_ok=True)
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        server.settimeout(0)
        yield server


def test_a_socket_of_the_host_in_the_image_is_not_reached(python: Path, listening: socket.socket) -> None:
    code = "import socket; socket.socket(socket.AF_UNIX).connect('/s')"
    done = run("--image", python, "--unix", "@private", "--", "python3", "-c", code)
    assert done.returncode == 1
    assert "Refused" in done.stderr or "Permission" in done.stderr, done
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_pipe_of_the_host_in_the_image_is_not_reached(small: Path) -> None:
    os.mkfifo(small / "pipe", 0o666)
    (small / "pipe").chmod(0o666)
    end = os.open(small / "pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(end, b"from the host\n")
        done = run("--wall", "2s", "--image", small, "--", "/bin/cat", "/pipe")
        assert done.stdout == "", done
        assert os.read(end, 100) == b"from the host\n"
    finally:
        os.close(end)


def test_only_what_the_policy_says_is_executed(python: Path) -> None:
    shell = python / "usr/bin/sh"
    other = python / "usr/bin/other"
    for path in (shell, other):
        if not path.exists():
            path.write_bytes(Path("/usr/bin/busybox").read_bytes())
            path.chmod(0o755)
    code = "import subprocess; print(subprocess.run(['/usr/bin/{}', '-c', 'echo started']))"
    assert "Operation not permitted" in run("--image", python, "--", "python3", "-c", code.format("sh")).stderr
    granted = ("--image", python, "--spawn", "/usr/bin/sh", "--", "python3", "-c")
    assert run(*granted, code.format("sh")).stdout.startswith("started\n")
    assert "Permission denied" in run(*granted, code.format("other")).stderr


def test_what_is_granted_of_the_host_cannot_be_executed(small: Path, ground: Path) -> None:
    own = ground / "own"
    own.write_bytes((small / "bin/busybox").read_bytes())
    own.chmod(0o755)
    assert run("--image", small, "--read", own, "--", own).returncode == 127
    code = f"{own} true"
    done = run("--image", small, "--read", own, "--spawn", "/bin/true", "--", "/bin/sh", "-c", code)
    assert done.returncode == 126, done


def test_an_image_that_holds_what_is_denied_is_refused(small: Path, ground: Path) -> None:
    (small / "denied").write_text("x")
    policy = ground / "policy.toml"
    policy.write_text('[policy]\nversion = 1\n[fs]\nimage = "small"\ndeny = ["small/denied"]\n')
    done = run("--policy", policy, "--", "/bin/true")
    assert done.returncode == 125
    assert "lies in it and is denied" in done.stderr
    policy.write_text('[policy]\nversion = 1\n[fs]\nimage = "small"\ndeny = ["."]\n')
    assert "it is denied, and deny beats allow" in run("--policy", policy, "--", "/bin/true").stderr


@pytest.mark.parametrize("path", ["/", "/proc/self/root", "/proc/1/root/"])
def test_the_host_itself_is_no_image(path: str, ground: Path) -> None:
    policy = ground / "policy.toml"
    policy.write_text(f'[policy]\nversion = 1\n[fs]\nimage = "{path}"\ndeny = []\n')
    done = run("--policy", policy, "--", "/bin/true")
    assert done.returncode == 125, done


@pytest.mark.parametrize("path", ["missing", "small/bin/busybox"])
def test_what_is_no_directory_is_no_image(small: Path, ground: Path, path: str) -> None:
    assert small.exists()
    done = run("--image", ground / path, "--", "/bin/true")
    assert (done.returncode, done.stderr) == (125, f"casemate: fs.image {ground / path}: there is no such directory\n")


@pytest.mark.parametrize("option", ["--write", "--write-direct"])
@pytest.mark.parametrize("which", ["small", "small/bin", "."])
def test_an_image_cannot_be_written_to_by_a_grant(small: Path, ground: Path, option: str, which: str) -> None:
    accept = ("--accept", "fs.persist", "--accept", "res.disk")
    done = run("--image", small, option, ground / which, *accept, "--", "/bin/true")
    assert done.returncode == 125
    assert "would be written to" in done.stderr


@pytest.mark.parametrize("there", ["link", "file"])
def test_a_grant_that_does_not_fit_into_the_image_is_refused(small: Path, ground: Path, there: str) -> None:
    top = small / "var"
    top.symlink_to("bin") if there == "link" else top.write_text("x")
    granted = ground / "granted"
    granted.mkdir()
    done = run("--image", small, "--read", granted, "--", "/bin/true")
    assert done.returncode == 125
    assert "/var is no directory in the image" in done.stderr


def test_a_folder_of_the_host_shows_over_one_of_the_image(small: Path, ground: Path) -> None:
    granted = ground / "granted"
    granted.mkdir()
    (granted / "host").write_text("of the host")
    hidden = small / str(granted).lstrip("/")
    hidden.mkdir(parents=True)
    (hidden / "image").write_text("of the image")
    assert run("--image", small, "--read", granted, "--", "/bin/ls", granted).stdout == "host\n"


def test_what_is_written_is_copied_out_as_ever(small: Path, ground: Path) -> None:
    out = ground / "out"
    out.mkdir()
    done = run("--image", small, "--write", out, "--", "/bin/touch", out / "new")
    assert done.returncode == 0, done
    assert [path.name for path in out.iterdir()] == ["new"]

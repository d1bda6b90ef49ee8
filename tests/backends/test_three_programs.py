"""The same three programs do the same in every backend as outside, as far as they may."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.backends.conftest import Run

COUNT = """
import argparse, collections, json, pathlib, sys

parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="+", type=pathlib.Path)
parser.add_argument("--most", type=int, default=3)
options = parser.parse_args()
words = collections.Counter(word for file in options.files for word in file.read_text(encoding="utf-8").split())
print(json.dumps(words.most_common(options.most), ensure_ascii=False))
print(sys.stdin.read().upper(), end="")
print("done", file=sys.stderr)
sys.exit(len(options.files))
"""
WRITE = """
import os, pathlib

folder = pathlib.Path("out")
(folder / "new").mkdir()
(folder / "new" / "file.txt").write_text(os.environ["GREETING"] + "\\n")
(folder / "old.txt").write_text("changed\\n")
(folder / "gone.txt").unlink()
print(sorted(name for name in os.environ if name.startswith("GREET")))
"""
MISBEHAVE = """
import os, socket, sys

def attempt(name, act):
    try:
        act()
    except BaseException:
        print(name, "refused")
    else:
        print(name, "done")

def connect():
    with socket.socket() as made:
        made.connect(("127.0.0.1", int(sys.argv[2])))

def overwrite():
    with open(__file__, "a") as file:
        file.write("#")

def listing():
    if sys.argv[3] in os.listdir(os.path.dirname(sys.argv[1])):
        return
    raise FileNotFoundError

attempt("reads", lambda: open(sys.argv[1]).read())
attempt("lists", listing)
attempt("writes", lambda: open(sys.argv[1] + ".new", "w"))
attempt("writes itself", overwrite)
attempt("deletes", lambda: os.unlink(__file__))
attempt("connects", connect)
attempt("starts", lambda: os.execv("/bin/sh", ["sh", "-c", "echo started"]))
attempt("sees a variable", lambda: os.environ["SECRET_OF_THE_CALLER"])
sys.exit(7)
"""


SEVERAL = """
import os, select, signal, socket, threading, time

found = []
threads = [threading.Thread(target=found.append, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(found))
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.write(writer, b"child")
    os._exit(3)
print(select.select([reader], [], [], 10)[0] == [reader], os.read(reader, 10), os.waitpid(child, 0)[1] >> 8)
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(0.3)
"""
OTHER_PYTHONS = ("wasm", "graalpy")  # without threads, forks or signals: their pages say so


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder that any user may look into, with the program in one of its own."""
    made = tmp_path / "program"
    made.mkdir()
    tmp_path.chmod(0o755)
    return made


def alone(*words: str | Path, cwd: Path, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-I", *words], input=text, capture_output=True, text=True, check=False, cwd=cwd
    )


def test_a_script_with_files_and_arguments(run: Run, folder: Path) -> None:
    (folder / "count.py").write_text(COUNT)
    data = folder.parent / "data"
    data.mkdir()
    (data / "one.txt").write_text("ä b ä c")
    (data / "two words.txt").write_text("b ä")
    words = ("count.py", data / "one.txt", data / "two words.txt", "--most", "2")
    outside = alone(*words, cwd=folder, text="input\n")
    inside = run("--read", data, *words, cwd=folder, text="input\n")
    assert (inside.returncode, inside.stdout) == (outside.returncode, outside.stdout) == (2, inside.stdout), (
        inside.stderr
    )
    assert "done\n" in inside.stderr


def test_a_variable_and_a_folder_to_write_to(run: Run, folder: Path) -> None:
    (folder / "write.py").write_text(WRITE)
    out = folder / "out"
    out.mkdir()
    for name in ("old.txt", "gone.txt", "kept.txt"):
        (out / name).write_text(name)
    done = run("--env", "GREETING=hello", "--write", "out", "write.py", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "['GREETING']\n"), done.stderr
    files = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert files == {"new/file.txt": "hello\n", "old.txt": "changed\n", "kept.txt": "kept.txt"}
    assert {path.stat().st_uid for path in out.rglob("*")} == {os.geteuid()}


def test_one_that_misbehaves(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    script = folder / "misbehave.py"
    script.write_text(MISBEHAVE)
    secret = folder.parent / "secret"
    secret.write_text("token")
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "token")
    done = run("misbehave.py", secret, str(port), secret.name, cwd=folder)
    names = ("reads", "lists", "writes", "writes itself", "deletes", "connects", "starts", "sees a variable")
    assert (done.returncode, done.stdout) == (7, "".join(f"{name} refused\n" for name in names)), done.stderr
    assert script.read_text() == MISBEHAVE
    assert sorted(path.name for path in folder.parent.iterdir()) == ["program", "secret"]


def test_threads_children_and_signals(run: Run, backend: str) -> None:
    """A filter that refuses what a C library tries first must say so in a way that it understands."""
    if backend in OTHER_PYTHONS:
        pytest.skip(f"{backend} has no threads, children or signals")
    done = run("-c", SEVERAL)
    assert (done.returncode, done.stdout) == (0, "[0, 1, 2, 3]\nTrue b'child' 3\nalarm\n"), done.stderr

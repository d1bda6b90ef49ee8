"""What a hostile program finds, as root and as an ordinary user (test_as_an_ordinary_user.py starts it again)."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from casemate.model.capability import Capability
from casemate.model.policy import MIB, Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command, Outcome
from casemate.sandbox import Streams, choose, confine

Start = Callable[..., tuple[Outcome, str]]
POLICY = Policy(deny=(), limits=Limits(wall_seconds=90))

# Regression tests of graalpython 87e4a5db2e (2026-05-05): the language's home followed by "..", and a traceback that
# shows a line of the file that compile() was told; and GraalPy's own doors.
DOORS = """
import io, linecache, os, sys, traceback

secret, home = sys.argv[1], sys.prefix

def rendered(render):
    try:
        exec(compile("\\n1 / 0", secret, "exec"))
    except ZeroDivisionError:
        return render()

def hook():
    kept, sys.stderr = sys.stderr, io.StringIO()
    try:
        sys.excepthook(*sys.exc_info())
        return sys.stderr.getvalue()
    finally:
        sys.stderr = kept

def linked():
    os.symlink(secret, "/tmp/link")
    return open("/tmp/link").read()

def folder():
    os.symlink("/", "/tmp/root")
    return open("/tmp/root" + secret).read()

def changed():
    os.chdir("/proc/self")
    return open("environ").read()

ACTS = {
    "open": lambda: open(secret).read(),
    "home/..": lambda: open(home + "/" + "../" * 20 + secret).read(),
    "home/lib/..": lambda: open(home + "/lib/" + "../" * 20 + secret).read(),
    "traceback": lambda: rendered(traceback.format_exc),
    "excepthook": lambda: rendered(hook),
    "linecache": lambda: "".join(linecache.getlines(secret)),
    "__graalpython__": lambda: __import__("__graalpython__").read_file(secret),
    "loader": lambda: __import__("importlib.machinery").machinery.SourceFileLoader("x", secret).get_data(secret),
    "java.type": lambda: __import__("java").type("java.nio.file.Files"),
    "java.add_to_classpath": lambda: __import__("java").add_to_classpath(secret),
    "polyglot": lambda: __import__("polyglot").eval(language="python", string=f"open({secret!r}).read()"),
    "polyglot path": lambda: __import__("polyglot").eval(language="python", path=secret),
    "symlink": linked,
    "symlink to /": folder,
    "chdir": changed,
    "/proc": lambda: open("/proc/self/environ").read(),
    "/proc/fd": lambda: os.listdir("/proc/self/fd"),
    "jar": lambda: os.listdir(home + "/../../../jars"),
    "exec": lambda: os.execv("/bin/sh", ["sh", "-c", "echo TOKEN"]),
    "system": lambda: os.system("echo TOKEN"),
    "kill": lambda: os.kill(os.getpid(), 9),
    "socket": lambda: __import__("socket").socket(),
    "name": lambda: __import__("socket").getaddrinfo("localhost", 80),
    "ctypes": lambda: __import__("ctypes").CDLL(None),
    "thread": lambda: __import__("_thread").start_new_thread(print, ()),
    "write home": lambda: open(home + "/new", "w"),
    "chmod home": lambda: os.chmod(home, 0o777),
    "hard link": lambda: os.link(secret, "/tmp/hard"),
    "truncate": lambda: os.truncate(os.__file__, 0),
}
for name, act in ACTS.items():
    try:
        got = act()
    except BaseException:
        continue
    if got and ("TOKEN" in str(got) or name not in ("traceback", "excepthook")):
        print(name, "got", repr(got)[:100])
print("tried", len(ACTS))
"""


@pytest.fixture
def start(runtime: Path, tmp_path: Path) -> Start:  # noqa: ARG001 -- it must be there
    """Run code; give how it ended, and what it said."""

    def start(code: str, policy: Policy = POLICY, *arguments: str) -> tuple[Outcome, str]:
        command = Command(("python3", "-c", code, *arguments), sys.executable, "/home/casemate", python=True)
        out = tmp_path / "said"
        with out.open("w+b") as file, Path(os.devnull).open("rb") as nothing:
            streams = Streams(nothing.fileno(), file.fileno(), file.fileno())
            outcome = confine(command, policy, environment={}, backend="graalpy", streams=streams)
        return outcome, out.read_text()

    return start


def test_every_door_is_closed(start: Start, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TOKEN 1\nTOKEN 2\nTOKEN 3\n")
    outcome, said = start(DOORS, POLICY, str(secret))
    assert (outcome.code, said) == (0, "tried 29\n")


def test_what_is_written_is_copied_out_and_links_are_not(start: Start, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    code = f"""
import os
open("{out}/new", "w").write("text")
os.symlink("/etc/passwd", "{out}/link")
"""
    outcome, _ = start(code, POLICY.plus(Grant(Capability.FS_WRITE, str(out), WriteMode.COMMIT)))
    assert outcome.code == 0
    assert {path.name: path.read_text() for path in out.iterdir()} == {"new": "text"}


def test_memory_that_runs_out_is_an_error_of_the_program(start: Start) -> None:
    code = """
try:
    kept = []
    while True:
        kept.append("x" * 10**6 + str(len(kept)))
except MemoryError:
    kept = None
    print("no more")
"""
    limits = replace(POLICY.limits, memory_bytes=192 * MIB)
    outcome, said = start(code, replace(POLICY, limits=limits))
    assert (outcome.code, said) == (0, "no more\n")


@pytest.mark.parametrize("code", ["while True: pass", "sum(range(10**12))"])
def test_a_loop_without_an_end_ends(start: Start, code: str) -> None:
    outcome, said = start(code, replace(POLICY, limits=replace(POLICY.limits, cpu_seconds=1)))
    assert (outcome.code, said.count("\n")) == (137, 1)
    assert "processor time" in said


def test_recursion_ends_where_python_says(start: Start) -> None:
    code = """
def down(n):
    return n and down(n - 1)

print(down(900))
try:
    down(10**6)
except RecursionError:
    print("too deep")
"""
    assert start(code)[1] == "0\ntoo deep\n"


def test_the_strictest_policy_has_no_gap(runtime: Path) -> None:  # noqa: ARG001 -- it must be there
    assert list(choose("graalpy").gaps(POLICY)) == []

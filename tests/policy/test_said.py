"""What programs complain of is read where it is meant, and whatever they say is read without harm."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.policy.said import MOST, Said, Trouble, complaints

LINES = {
    "FileNotFoundError: [Errno 2] No such file or directory: '/etc/x'": Said(Trouble.MISSING, "/etc/x"),
    "FileNotFoundError: [Errno 2] No such file or directory: '/a' -> '/b'": Said(Trouble.MISSING, "/a"),
    'FileNotFoundError: [Errno 2] No such file or directory: "/it\'s"': Said(Trouble.MISSING, "/it's"),
    "FileNotFoundError: [Errno 2] No such file or directory: b'/a\\xff'": Said(Trouble.MISSING, "/a\udcff"),
    "PermissionError: [Errno 13] Permission denied: '/a\\nb'": Said(Trouble.NOT_ALLOWED, "/a\nb"),
    "PermissionError: [Errno 1] Operation not permitted: 'git'": Said(Trouble.NOT_ALLOWED, "git"),
    "OSError: [Errno 30] Read-only file system: '/usr/x'": Said(Trouble.READ_ONLY, "/usr/x"),
    "OSError: [Errno 28] No space left on device": Said(Trouble.SPACE),
    "OSError: [Errno 27] File too large": Said(Trouble.FILE_SIZE),
    "OSError: [Errno 24] Too many open files: '/x'": Said(Trouble.FDS),
    "OSError: [Errno 12] Cannot allocate memory": Said(Trouble.MEMORY),
    "BlockingIOError: [Errno 11] Resource temporarily unavailable": Said(Trouble.PROCESSES),
    "RuntimeError: can't start new thread": Said(Trouble.PROCESSES),
    "MemoryError": Said(Trouble.MEMORY),
    "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB": Said(Trouble.MEMORY),
    "ModuleNotFoundError: No module named 'a.b'": Said(Trouble.MODULE, "a.b"),
    "/usr/bin/python3: No module named flask": Said(Trouble.MODULE, "flask"),
    "\x1b[1;35mMemoryError\x1b[0m\r": Said(Trouble.MEMORY),
    "\x1b[1;35mKeyError\x1b[0m: \x1b[35m'A'\x1b[0m": Said(Trouble.VARIABLE, "A"),
    "KeyError: 'LANG'": Said(Trouble.VARIABLE, "LANG"),
    "KeyError: 'no variable'": None,
    "KeyError: 3": None,
    "socket.gaierror: [Errno -3] Temporary failure in name resolution": Said(Trouble.NAME),
    "ConnectionRefusedError: [Errno 111] Connection refused": Said(Trouble.REFUSED),
    "OSError: [Errno 101] Network is unreachable": Said(Trouble.UNREACHABLE),
    "urllib3 HTTPSConnectionPool(host='api.example.com', port=443): Max": Said(Trouble.HOST, "api.example.com:443"),
    "Cannot connect to host api.example.com:443 ssl:default": Said(Trouble.HOST, "api.example.com:443"),
    "HTTPSConnectionPool(host='0x7f.1', port=99999)": None,
    "cat: /etc/x: No such file or directory": Said(Trouble.MISSING, "/etc/x"),
    "ls: cannot access '/etc/x y': No such file or directory": Said(Trouble.MISSING, "/etc/x y"),
    "ls: cannot open directory \u2018/x\u2019: Permission denied": Said(Trouble.NOT_ALLOWED, "/x"),
    "touch: cannot touch '/usr/x': Read-only file system": Said(Trouble.READ_ONLY, "/usr/x"),
    "sh: 1: git: not found": Said(Trouble.COMMAND, "git"),
    "bash: line 1: git: command not found": Said(Trouble.COMMAND, "git"),
    "error: something else": None,
    "": None,
}


@pytest.mark.parametrize("line", LINES)
def test_a_complaint_is_understood(line: str) -> None:
    assert list(complaints(f"Traceback\n{line}\n".encode())) == ([LINES[line]] if LINES[line] else [])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('/nowhere/x')", Said(Trouble.MISSING, "/nowhere/x")),
        ("open(b'/nowhere/\\xff')", Said(Trouble.MISSING, "/nowhere/\udcff")),
        ("import os; os.rename('/nowhere/a', '/b')", Said(Trouble.MISSING, "/nowhere/a")),
        ("import nowhere.at_all", Said(Trouble.MODULE, "nowhere")),
        ("import os; os.environ['NOWHERE']", Said(Trouble.VARIABLE, "NOWHERE")),
        ("import subprocess; subprocess.run(['nowhere'])", Said(Trouble.MISSING, "nowhere")),
        ("bytearray(1 << 60)", Said(Trouble.MEMORY)),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", Said(Trouble.REFUSED)),
    ],
)
def test_this_python_complains_as_it_is_read(code: str, said: Said) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert said in list(complaints(done.stderr)), done.stderr


@given(st.binary(max_size=8192))
def test_no_bytes_do_harm(words: bytes) -> None:
    assert len(list(complaints(words))) <= MOST


@given(st.lists(st.sampled_from([*LINES, "'", '"', "\\", "x" * 999, ": ", "KeyError: b'\\N{'"]), max_size=60))
def test_no_lines_do_harm(lines: list[str]) -> None:
    assert len(list(complaints("\n".join(lines).encode()))) <= MOST


@pytest.mark.parametrize("piece", ["/ ", "a.", "'\\", "a: ", "host='a", "b'", "\\x", "-> '", "a/", "(", "/:"])
def test_no_line_takes_long(piece: str) -> None:
    words = ((piece * 1000)[:1000] + "\n") * 40
    for ending in ("", ": No such file or directory", "'", "((("):
        began = time.process_time()
        list(complaints(words.replace("\n", f"{ending}\n").encode()))
        assert time.process_time() - began < 2, "a pattern that takes the square of its line or worse"

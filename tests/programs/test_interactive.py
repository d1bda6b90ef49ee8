"""Prompts with line editing: arrow keys, history, completion, Ctrl-C and Ctrl-D, as on the host."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import COMMAND
from tests.sandbox.test_terminal import Screen

UP, LEFT, HOME, END = b"\x1b[A", b"\x1b[D", b"\x1b[1~", b"\x1b[4~"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("TERM", "screen")  # whose Home and End are known from terminfo or inputrc alone
    made = Screen()
    yield made
    for descriptor in (made.master, made.slave):
        os.close(descriptor)


@contextmanager
def prompt(screen: Screen, argv: list[str]) -> "Iterator[subprocess.Popen[bytes]]":
    with screen.start(argv) as running:
        try:
            yield running
        finally:
            running.kill()


def command(python: Path, *arguments: str) -> list[str]:
    return [str(COMMAND), "run", "--python", str(python), *arguments]


def test_the_prompt_of_python_edits_lines(screen: Screen, python: Path) -> None:
    with prompt(screen, [str(COMMAND), "run", "--", str(python)]) as running:
        screen.wait_for(">>> ")
        screen.type(b"x = 41\r")
        screen.wait_for(r"\r\n.*>>> ")
        screen.type(UP + b"\x7f2\r")  # history, then 41 becomes 42
        screen.wait_for(r"x = .*\r\n.*>>> ")
        screen.type(b"x + 1" + HOME + b"print('it is', " + END + b")\r")
        screen.wait_for(r"it is 43\r\n.*>>> ")
        screen.type(b"x.bit_le\t\r")  # completion
        screen.wait_for(r"bit_length\(\)\r\n6\r\n.*>>> ")
        screen.type(b"print('lft'" + LEFT * 3 + b"e" + END + b")\r")
        screen.wait_for(r"\nleft\r\n.*>>> ")
        screen.type(b"half a line\x03")
        screen.wait_for(r"KeyboardInterrupt\r\n.*>>> ")
        screen.type(b"while True: pass\r\r")
        screen.wait_for(r"\.\.\. \r\n")
        screen.type(b"\x03")
        screen.wait_for(r"KeyboardInterrupt\r\n.*>>> ")
        screen.type(b"6 * 7\r")  # Python itself ends by SIGINT if an interrupt was the last thing that happened
        screen.wait_for(r"42\r\n.*>>> ")
        screen.type(b"\x04")
        assert running.wait(timeout=30) == 0
    assert screen.modes() == screen.before


def test_the_debugger_stops_steps_and_looks(screen: Screen, python: Path, tmp_path: Path) -> None:
    program = tmp_path / "program" / "app.py"
    program.parent.mkdir()
    program.write_text("def double(x):\n    return 2 * x\nprint(double(21))\n", encoding="utf-8")
    with prompt(screen, command(python, "--read", str(program.parent), "-m", "pdb", str(program))) as running:
        screen.wait_for(r"\(Pdb\) ")
        screen.type(b"b double\r")
        screen.wait_for(r"Breakpoint 1.*\(Pdb\) ")
        screen.type(b"c\r")
        screen.wait_for(r"return 2 \* x\r\n\(Pdb\) ")
        screen.type(b"p x + 1\r")
        screen.wait_for(r"22\r\n\(Pdb\) ")
        screen.type(b"q\r")
        assert running.wait(timeout=30) == 0
    assert screen.modes() == screen.before


def test_ipython_completes_and_keeps_its_history_to_itself(screen: Screen, python: Path) -> None:
    with prompt(screen, command(python, "-m", "IPython", "--no-banner", "--simple-prompt")) as running:
        screen.wait_for(r"In \[1\]: ")
        screen.type(b"import os; os.path.exists(os.path.expanduser('~/.ipython'))\r")
        screen.wait_for(r"Out\[1\]: True.*In \[2\]: ")
        screen.type(b"6 * 7\r")
        screen.wait_for(r"Out\[2\]: 42.*In \[3\]: ")
        screen.type(b"exit\r")
        assert running.wait(timeout=30) == 0
    assert screen.modes() == screen.before

"""Terminals: a real pty outside, a real one inside, and the caller's always given back."""

import contextlib
import errno
import os
import signal
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest
from tests.sandbox.outer import argv
from tests.sandbox.screens import Screen, use_the_prompt

LFLAG, OFLAG = 3, 1


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    os.close(made.master)
    with contextlib.suppress(OSError):
        os.close(made.slave)


def test_the_interactive_prompt_works(screen: Screen) -> None:
    with screen.start(argv("", flags=("-I", "-S", "-q"))) as running:
        use_the_prompt(screen)
        screen.type(b"import os; os.isatty(0), os.isatty(1), os.isatty(2)\r")
        screen.wait_for(r"\(True, True, True\)")
        screen.type(b"\x04")
        assert running.wait(15) == 0
    assert screen.modes() == screen.before


def test_while_it_runs_the_outer_terminal_is_raw_and_afterwards_as_before(screen: Screen) -> None:
    with screen.start(argv("input('ready')")) as running:
        screen.wait_for("ready")
        during = screen.modes()
        screen.type(b"x\r")
        running.wait(15)
    assert isinstance(during[LFLAG], int)
    assert not during[LFLAG] & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert screen.modes() == screen.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(screen: Screen, number: signal.Signals) -> None:
    with screen.start(argv("input('ready')")) as running:
        screen.wait_for("ready")
        running.send_signal(number)
        assert running.wait(15) == 128 + number
    assert screen.modes() == screen.before


def test_a_kill_by_the_wall_clock_leaves_the_terminal_as_it_was(screen: Screen) -> None:
    with screen.start(argv("import time\nprint('ready', flush=True)\ntime.sleep(60)", wall_seconds=1)) as running:
        assert running.wait(15) == 128 + signal.SIGKILL
    assert screen.modes() == screen.before


def test_nothing_changes_where_nothing_starts(screen: Screen) -> None:
    with screen.start(argv("pass", ("net.listen", "192.0.2.1:80"))) as running:
        screen.wait_for("refused: cannot listen")
        assert running.wait(15) == 125
    assert screen.modes() == screen.before


def test_a_password_is_not_echoed(screen: Screen) -> None:
    code = "import getpass\nprint('got', getpass.getpass('secret? '))"
    with screen.start(argv(code, flags=("-I", "-S", "-W", "ignore"))) as running:
        screen.wait_for(r"secret\? ")
        screen.type(b"hunter2\r")
        seen = screen.wait_for("got hunter2")
        running.wait(15)
    assert seen.count(b"hunter2") == 1


def test_the_window_size_is_the_caller_s_and_follows_it(screen: Screen) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, f"now {os.get_terminal_size(1)}\\n".encode()))
print("at first", os.get_terminal_size(1), flush=True)
for _ in range(100): time.sleep(0.1)
"""
    with screen.start(argv(code)) as running:
        screen.wait_for(r"at first os.terminal_size\(columns=80, lines=24\)")
        screen.resize(50, 132)
        screen.wait_for(r"now os.terminal_size\(columns=132, lines=50\)")
        running.terminate()
        running.wait(15)


def test_control_z_is_a_byte_for_the_inside(screen: Screen) -> None:
    code = """
import sys, termios, tty
tty.setraw(0)
print("ready", flush=True)
print(repr(sys.stdin.buffer.raw.read(3)), flush=True)
"""
    with screen.start(argv(code)) as running:
        screen.wait_for("ready")
        screen.type(b"\x1a\x03\x04")
        screen.wait_for(r"b'\\x1a\\x03\\x04'")
        assert running.wait(15) == 0


def test_a_pipe_out_stays_a_pipe_and_the_keys_still_go_in(screen: Screen) -> None:
    code = "import os, sys\nprint(os.isatty(0), os.isatty(1), os.isatty(2), flush=True)\nprint(input(), flush=True)"
    with screen.start(argv(code), stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"True False True\n"
        during = screen.modes()
        screen.type(b"typed\r")
        assert running.stdout.readline() == b"typed\n"
        assert running.wait(15) == 0
    assert isinstance(during[LFLAG], int)
    assert isinstance(during[OFLAG], int)
    assert during[LFLAG] & termios.ISIG
    assert during[OFLAG] & termios.OPOST
    assert screen.modes() == screen.before


def test_an_interrupt_from_the_keys_reaches_the_target_through_a_pipeline_too(screen: Screen) -> None:
    code = """
import sys, time
try:
    print('ready', flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    sys.exit(66)
"""
    with screen.start(argv(code), stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        screen.type(b"\x03")
        assert running.wait(15) == 66


def test_a_pipe_in_with_a_terminal_out_writes_each_line_end_once(screen: Screen) -> None:
    code = "import os, sys\nprint(os.isatty(0), os.isatty(1), flush=True)\nprint(sys.stdin.read(), flush=True)"
    with screen.start(argv(code), stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write(b"piped")
        running.stdin.close()
        seen = screen.wait_for("piped\r\n")
        assert running.wait(15) == 0
    assert seen == b"False True\r\npiped\r\n"


def test_the_last_line_arrives_before_the_end(screen: Screen) -> None:
    with screen.start(argv("print('x' * 20000 + 'END')")) as running:
        screen.wait_for("END")
        assert running.wait(15) == 0


def test_a_terminal_that_hangs_up_ends_the_run() -> None:
    made = Screen()
    with made.start(argv("while True: input('prompt')")) as running:
        made.wait_for("prompt")
        os.close(made.slave)
        os.close(made.master)
        assert running.wait(15) != 0


def test_the_inside_cannot_push_keys_into_the_caller_s_shell(screen: Screen) -> None:
    code = """
import fcntl, os, termios
for fd in (0, 1, 2):
    try:
        fcntl.ioctl(fd, termios.TIOCSTI, b"x")
        print("pushed")
    except OSError as error:
        print("refused", flush=True)
"""
    with screen.start(argv(code)) as running:
        assert screen.wait_for("(refused.*){3}|pushed".replace(".*", r"\s+")).count(b"pushed") == 0
        running.wait(15)
    os.set_blocking(screen.slave, False)
    with pytest.raises(BlockingIOError) as nothing:
        os.read(screen.slave, 10)
    assert nothing.value.errno == errno.EAGAIN


SHELL = """
import os, signal, sys, termios, time, tty
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
plain = termios.tcgetattr(0)
tty.setraw(0)  # a shell edits its line while the job runs behind it
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
time.sleep(3)
termios.tcsetattr(0, termios.TCSANOW, plain)
os.tcsetpgrp(0, job)
code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
os.tcsetpgrp(0, os.getpgrp())
sys.exit(code)
"""


def test_a_background_job_waits_for_the_keys_until_it_is_in_front(screen: Screen) -> None:
    code = "print('started', flush=True)\nprint('got', repr(input()), flush=True)"
    python, *rest = argv(code)
    with screen.start([python, "-c", SHELL, *rest]) as running:
        screen.wait_for("started")
        time.sleep(3)
        screen.type(b"line\r")
        screen.wait_for(r"got 'line'\r\n")
        assert running.wait(15) == 0
    assert screen.modes() == screen.before


def test_a_stop_key_of_a_pipeline_stops_and_continues_the_run(screen: Screen) -> None:
    code = "import time\nfor n in range(10_000):\n    print(n, flush=True)\n    time.sleep(0.01)"
    with screen.start(argv(code), stdout=subprocess.PIPE, stdin=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        os.kill(running.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WNOWAIT)
        os.kill(running.pid, signal.SIGCONT)
        before = running.stdout.readline()
        assert before
        running.terminate()
        running.wait(15)
    assert screen.modes() == screen.before


RAW_AND_ENDED = """
import os, signal, sys, termios
from tests.sandbox.outer import main
tcsetattr = termios.tcsetattr
def ended(fd, *arguments):
    tcsetattr(fd, *arguments)
    if fd == 0:
        termios.tcsetattr = tcsetattr
        os.kill(os.getpid(), signal.{name})
termios.tcsetattr = ended
sys.exit(main(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_a_signal_at_the_moment_the_terminal_becomes_raw_gives_it_back(screen: Screen, name: str) -> None:
    """The handlers come first and go last: no signal can end us while the terminal is ours."""
    command = argv("import time; time.sleep(30)")
    with screen.start([command[0], "-c", RAW_AND_ENDED.format(name=name), command[-1]]) as running:
        running.wait(20)
    assert running.returncode != 0
    assert screen.modes() == screen.before

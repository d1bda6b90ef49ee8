"""The dispatcher: every way to end has its one line and its code."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.processes import Started

from casemate.cli import VERBS, version
from casemate.cli.ending import ending
from casemate.model.errors import InputError, PolicyError, Refused, UsageError

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).with_name("casemate")
Casemate = Callable[..., subprocess.CompletedProcess[str]]


def test_the_version_is_that_of_the_distribution(casemate: Casemate) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == version.VERSION
    assert casemate("--version").stdout == f"casemate {project['version']}\n"


def test_help_names_every_verb_and_every_verb_is_there(casemate: Casemate) -> None:
    said = casemate("--help").stdout
    for verb, summary in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(summary)}$", said, re.MULTILINE)
        helped = casemate(verb, "--help")
        assert helped.returncode == 0, helped.stderr
        assert summary in helped.stdout
        assert casemate("help", verb).stdout == helped.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "audit"),
        (("adit", "."), "did you mean audit?"),
        (("frobnicate",), "there are: audit"),
        (("--frobnicate",), "unknown option --frobnicate"),
        (("audit",), "PATH"),
        (("audit", "--formt", "json", "."), "did you mean --format?"),
        (("audit", "--format", "xml", "."), "sarif"),
        (("audit", "--form", "json", "."), "--form"),
        (("explain", "sqlinjection"), "did you mean sql-injection?"),
        (("rules", "--format", "sarif"), "json"),
        (("backends", "extra"), "extra"),
        (("help", "adit"), "casemate --help"),
        (("audit", "--select", "", "."), "unknown rule ''"),
        (("a\x1b[2J\n\u202eb",), r"a\x1b[2J\n\u202eb"),
    ],
)
def test_wrong_usage_is_one_line_that_helps(arguments: tuple[str, ...], hint: str, casemate: Casemate) -> None:
    done = casemate(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("casemate: ")
    assert hint in done.stderr
    assert done.stderr[:-1].isprintable()


@pytest.mark.parametrize("arguments", [(), ("--frobnicate",), ("--policy",)])
def test_wrong_usage_of_run_is_refused(arguments: tuple[str, ...], casemate: Casemate) -> None:
    done = casemate("run", *arguments)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "verb", "code"),
    [
        (UsageError("x"), "audit", 2),
        (InputError("x"), "audit", 2),
        (PolicyError("x"), "policy", 2),
        (PolicyError("x"), "run", 125),
        (UsageError("x"), "run", 125),
        (Refused("x"), "run", 125),
        (Refused("x", 127), "run", 127),
        (RuntimeError("x"), "run", 125),
        (RuntimeError("x"), "audit", 4),
        (RecursionError(), "audit", 4),
        (MemoryError(), "audit", 4),
        (SystemExit(0), "audit", 0),
    ],
)
def test_every_error_has_its_code(error: BaseException, verb: str, code: int) -> None:
    # In a child: an ending abandons standard output, and pytest wants to keep its own.
    child = os.fork()
    if child == 0:
        os._exit(ending(error, verb))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code


@pytest.mark.parametrize("milliseconds", range(4, 80, 4))
def test_ctrl_c_while_it_loads_leaves_no_traceback(milliseconds: int) -> None:
    with Started(
        [COMMAND, "audit", ROOT / "src"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        time.sleep(milliseconds / 1000)
        while process.poll() is None:  # while Python starts it may go unheard; people press again
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        _, said = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)  # the latter: before anything but loading had begun
    assert said in (b"", b"casemate: interrupted\n")


@pytest.mark.parametrize("arguments", [("rules",), ("run", "-c", "import time; time.sleep(1)")])
def test_who_ignores_ctrl_c_keeps_ignoring_it(arguments: tuple[str, ...]) -> None:
    with Started(
        ["/bin/sh", "-c", 'trap \'\' INT; exec "$0" "$@"', COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        time.sleep(0.05)  # sh has read its first line
        for _ in range(20):
            time.sleep(0.02)
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")


@pytest.mark.parametrize(("there", "said"), [(False, "no python3 beside"), (True, "you cannot execute")])
@pytest.mark.parametrize(("verb", "code"), [("run", 125), ("audit", 4)])
def test_an_installation_without_its_python_is_one_line(
    verb: str,
    code: int,
    there: bool,  # noqa: FBT001 -- a parameter of the table
    said: str,
    tmp_path: Path,
) -> None:
    command = tmp_path / "casemate"
    command.write_bytes((ROOT / "bin/casemate").read_bytes())
    command.chmod(0o755)
    if there:
        (tmp_path / "python3").symlink_to("nowhere")
    done = subprocess.run([command, verb, "."], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("verb", "code"), [(("run", "-c", "pass"), 125), (("rules",), 2)])
def test_a_directory_as_standard_input_is_one_line(verb: tuple[str, ...], code: int, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    done = subprocess.run([COMMAND, *verb], stdin=folder, capture_output=True, text=True, check=False)
    os.close(folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "casemate: standard input is a directory: no Python starts like that\n"


BROKEN = """
import sys
sys.path[:0] = sys.argv[1:]
import casemate.cli.rules
def broken(style):
    raise ValueError("what was read \\x1b[2J")
casemate.cli.rules.as_text = broken
from casemate.cli import main
sys.exit(main(["rules"]))
"""


@pytest.mark.parametrize("debug", ["0", "1"])
def test_our_own_fault_names_the_place_and_keeps_what_was_read(debug: str) -> None:
    # pylint-free: the fault is made by replacing a function of ours in a process of its own
    paths = [str(ROOT / "src"), *[path for path in sys.path if path.endswith("site-packages")]]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BROKEN, *paths],
        capture_output=True,
        text=True,
        check=False,
        env={"CASEMATE_DEBUG": debug},
    )
    first, _, rest = done.stderr.partition("\n")
    assert done.returncode == 4
    assert re.fullmatch(
        r"casemate: internal error: ValueError at casemate/cli/rules\.py:\d+ \(this is our fault; please report it\)",
        first,
    )
    assert ("Traceback" in rest) is (debug == "1")
    assert done.stdout == ""


ENDED = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
os.fsync = lambda _descriptor: os.kill(os.getpid(), int(sys.argv[1]))  # while the report is being written
from casemate.cli import main
sys.exit(main(["audit", "--output", sys.argv[2] + "/report", sys.argv[2]]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_in_the_middle_leaves_no_half_written_file(number: signal.Signals, clean: Path) -> None:
    paths = [str(ROOT / "src"), *[path for path in sys.path if path.endswith("site-packages")]]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ENDED, str(int(number)), clean, *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    said = "interrupted" if number is signal.SIGINT else "terminated"
    assert (done.returncode, done.stderr) == (128 + number, f"casemate: {said}\n")
    assert [path.name for path in clean.iterdir()] == ["plain.py"]


@pytest.mark.parametrize("arguments", [("rules", "--format", "json"), ("--help",), ("rules", "--help")])
def test_a_reader_that_goes_away_ends_it_quietly(arguments: tuple[str, ...]) -> None:
    process = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stderr:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_a_full_disk_is_said(casemate: Casemate) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 -- a device
        done = casemate("rules", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == "casemate: cannot write to standard output: No space left on device\n"


def test_a_closed_standard_output_is_said() -> None:
    done = subprocess.run(["/bin/sh", "-c", f"{COMMAND} rules >&-"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "casemate: standard output is closed: there is nowhere to write to\n"


def test_a_closed_standard_error_costs_only_the_message() -> None:
    done = subprocess.run(["/bin/sh", "-c", f"{COMMAND} adit 2>&-"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_a_locale_without_the_characters_is_no_error(locale: str, casemate: Casemate) -> None:
    done = casemate("explain", "sql-injection", env={"LC_ALL": locale, "PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    assert "cursor.execute" in done.stdout


def on_a_terminal(*arguments: str, **variables: str) -> str:
    """Run the command on a terminal of 80 columns and give what it shows."""
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "80"} | variables
        os.execve(COMMAND, [COMMAND, *arguments], environment)  # noqa: S606 -- no shell is what we want
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not block:
            break
        shown += block
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode()


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"CLICOLOR": "0"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_a_terminal_gets_colours_unless_it_asks_for_none(variables: dict[str, str], coloured: bool) -> None:  # noqa: FBT001 -- a parameter of the table
    shown = on_a_terminal("rules", **variables)
    assert ("\x1b[" in shown) is coloured
    assert "sql-injection" in shown


@pytest.mark.parametrize(
    ("variable", "coloured"),
    [
        ("FORCE_COLOR=1", True),
        ("CLICOLOR_FORCE=1", True),
        ("FORCE_COLOR=", False),
        ("FORCE_COLOR=0", False),
        ("A=", False),
    ],
)
def test_a_pipe_gets_colours_only_where_they_are_forced(variable: str, coloured: bool, casemate: Casemate) -> None:  # noqa: FBT001 -- a parameter of the table
    name, _, value = variable.partition("=")
    done = casemate("rules", env={"PATH": os.environ["PATH"], name: value})
    assert ("\x1b[" in done.stdout) is coloured

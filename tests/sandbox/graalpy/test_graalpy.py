"""Programs in the graalpy backend: what they find, what is refused by its name, and what is left of them."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.conftest import COMMAND
from tests.processes import Started, processes_with
from tests.sandbox.graalpy.conftest import Run

from casemate import Code, Warm

SLEEP = "import time; print('begun', flush=True); time.sleep(60)"


def test_a_program_is_called_as_python_calls_it(run: Run, tmp_path: Path) -> None:
    program = (
        "import atexit, os, sys, beside\n"
        "print(__name__, __file__, sys.argv, sys.path[0], os.getcwd(), beside.WORD, sys.implementation.name)\n"
        "atexit.register(print, 'at the end')\n"
        "open('/tmp/kept', 'w').write('x')\n"
        "sys.exit('said')\n"
    )
    (tmp_path / "app.py").write_text(program)
    (tmp_path / "beside.py").write_text("WORD = 'imported'\n")
    done = run("app.py", "-x", "ä b%", "--", cwd=tmp_path)
    expected = f"__main__ {tmp_path}/app.py ['app.py', '-x', 'ä b%', '--'] {tmp_path} {tmp_path} imported graalpy\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{expected}at the end\n", "said\n")
    assert run("-m", "beside", cwd=tmp_path).returncode == 0


def test_code_on_standard_input_and_an_archive_are_programs(run: Run, tmp_path: Path) -> None:
    done = run("-", input="import os; print(5, flush=True); os._exit(9)")
    assert (done.returncode, done.stdout) == (9, "5\n")
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv)\n")
    assert run("app.pyz", cwd=tmp_path).stdout == "['app.pyz']\n"


def test_an_exception_is_shown_without_a_frame_of_ours(run: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def fail():\n    raise ValueError('why')\n\nfail()\n")
    done = run("app.py", cwd=tmp_path)
    shown = [line.strip() for line in done.stderr.splitlines()]
    assert (done.returncode, shown[0], shown[-1]) == (1, "Traceback (most recent call last):", "ValueError: why")
    assert [line for line in shown if line.startswith("File")] == [
        f'File "{tmp_path}/app.py", line 4, in <module>',
        f'File "{tmp_path}/app.py", line 2, in fail',
    ]


def test_packages_of_the_programs_own_python_can_be_imported(run: Run, tmp_path: Path) -> None:
    subprocess.run([Path(sys.executable).resolve(), "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
    (site / "pure.py").write_text("WORD = 'pure'\n")
    (site / "more").mkdir()
    (site / "more" / "linked.py").write_text("WORD = 'linked'\n")
    (site / "more.pth").write_text("more\nimport sys; sys.exit(3)\n")
    done = run("--python", tmp_path / "venv", "-c", "import linked, pure; print(pure.WORD, linked.WORD)")
    assert done.stdout == "pure linked\n", done.stderr


def test_variables_reach_the_program_and_not_the_jvm(run: Run) -> None:
    settings = {
        "JAVA_TOOL_OPTIONS": "-Xmx1k",
        "JDK_JAVA_OPTIONS": "-version",
        "LD_PRELOAD": "/nowhere.so",
        "LC_ALL": "C",
    }
    options = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    done = run(*options, "-c", f"import os; print([os.environ[n] for n in {list(settings)}], sorted(os.environ), 'ä')")
    names = sorted(("HOME", "LANG", "PATH", "TERM", *settings))
    assert (done.stdout, done.stderr) == (f"{list(settings.values())} {names} ä\n", "")


def test_what_is_written_under_a_name_that_is_not_ascii_is_there(run: Run, tmp_path: Path) -> None:
    done = run("--write", tmp_path, "-c", f"open('{tmp_path}/ä', 'w').write('ö')", cwd="/")
    assert (done.returncode, (tmp_path / "ä").read_text()) == (0, "ö"), done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--connect", "localhost:80"),
            "net.connect localhost:80: the graalpy backend cannot grant it: it has no",
        ),
        (("--listen", "@private"), "net.listen @private: "),
        (("--unix", "@private"), "net.unix @private: "),
        (("--spawn", "/bin/true"), "proc.spawn /bin/true: "),
        (("--spawn", "@python"), "proc.spawn "),
        (("--memory", "32MiB"), "res.memory 33554432: "),
    ],
)
def test_what_it_cannot_grant_is_refused_by_name(run: Run, options: tuple[str, ...], said: str) -> None:
    done = run(*options, "-c", "print('ran')")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (125, "", 1)
    assert said in done.stderr


def test_what_is_no_python_program_or_an_option_that_it_lacks_is_refused(run: Run) -> None:
    for words in (("--", "/bin/true"), ("--", sys.executable, "-O", "-c", "0"), ("-c", "0", os.fsdecode(b"\xff"))):
        done = run(*words)
        assert (done.returncode, len(done.stderr.splitlines())) == (125, 1), done.stderr


def test_a_policy_that_asks_for_a_boundary_excludes_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[policy]\nversion = 1\nassurance = "boundary"\n')
    done = run("--policy", tmp_path / "policy.toml", "-c", "0")
    assert (done.returncode, "untrusted or adversarial code" in done.stderr) == (125, True), done.stderr


def test_the_runtime_is_never_writable(run: Run, runtime: Path) -> None:
    for place in (runtime / "jars", runtime.parent.parent):
        for options in (
            ("--write", place),
            ("--write-direct", place, "--accept", "fs.persist", "--accept", "res.disk"),
        ):
            done = run(*options, "-c", f"open('{place}/x', 'w')", cwd="/")
            assert done.returncode in (1, 125), done.stderr
            assert not (place / "x").exists()


def test_its_own_files_are_not_seen(run: Run, runtime: Path) -> None:
    code = f"""
import os
for path in ("{runtime}/jars", "{runtime}/jdk/release", "/proc/self/maps", "/dev/zero"):
    if os.path.exists(path):
        print(path)
"""
    done = run("--read", runtime.parents[2], "-c", code)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("memory", ["128MiB", "40GiB"])
def test_any_size_of_memory_starts_without_a_word_of_java(run: Run, memory: str) -> None:
    done = run("--memory", memory, "-c", "print('ran')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_much_output_is_not_cut(run: Run) -> None:
    assert len(run("-c", "print('x' * 20_000_000)").stdout) == 20_000_001


def test_a_signal_to_casemate_ends_the_guest(runtime: Path) -> None:  # noqa: ARG001
    with Started([COMMAND, "run", "--backend", "graalpy", "-c", SLEEP], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 128 + signal.SIGINT


def test_two_at_once_and_nothing_is_left_when_casemate_or_the_jvm_is_killed(runtime: Path) -> None:  # noqa: ARG001
    command = [COMMAND, "run", "--backend", "graalpy", "-c", SLEEP]
    with Started(command, stdout=subprocess.PIPE) as one, Started(command, stdout=subprocess.PIPE) as two:
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
        one.kill()
        until = time.monotonic() + 10
        while len(machines()) > 1 and time.monotonic() < until:
            time.sleep(0.05)
        (machine,) = machines()
        os.kill(machine, signal.SIGKILL)
        assert two.wait(20) == 137
    assert machines() == []


def machines() -> list[int]:
    """Find the JVMs of this test's guests."""
    return processes_with("/jdk/bin/java", "begun", "\0Guest\0")


@pytest.mark.parametrize("name", ["jars/truffle-api.jar", "jdk/lib/server/libjvm.so", "guest.jar"])
def test_a_runtime_that_was_changed_or_cut_is_named(run: Run, copied: Mapping[str, str], name: str) -> None:
    (file,) = Path(copied["XDG_DATA_HOME"]).glob(f"casemate/runtimes/graalpy-*/{name}")
    whole = file.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), None):
        if damaged is None:
            file.unlink()
        else:
            file.write_bytes(damaged)
        done = run("-c", "print('ran')", env=copied)
        assert (done.returncode, done.stdout) == (125, "")
        expected = f"its runtime is damaged: {name} {'is missing' if damaged is None else 'was changed'}"
        assert done.stderr == f"casemate: graalpy: {expected} (install: casemate backends install graalpy)\n"
    file.write_bytes(whole)


def test_a_runtime_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("-c", "0", env={**os.environ, "XDG_DATA_HOME": str(tmp_path)})
    assert (done.returncode, "casemate backends install graalpy" in done.stderr) == (125, True)


def test_a_run_that_waits_is_told_its_last_arguments_when_python_has_started(run: Run) -> None:
    code = "import sys; print(sys.argv, sys.stdin.read())"
    done = run("--wait", "-c", code, "a", input="4\nb\0c\0rest")
    assert (done.returncode, done.stdout) == (0, "['-c', 'a', 'b', 'c'] rest\n"), done.stderr
    for nonsense in ("", "2\nab"):
        done = run("--wait", "-c", "print('ran')", input=nonsense)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (125, "", 1), done.stderr


def test_each_warm_run_has_a_guest_of_its_own(runtime: Path) -> None:  # noqa: ARG001
    code = "import builtins, sys; print(hasattr(builtins, 'left'), sys.argv[1]); builtins.left = 1"
    with Warm(Code(code), backend="graalpy") as warm:
        assert [warm.run(word).stdout for word in ("a", "b")] == [b"False a\n", b"False b\n"]

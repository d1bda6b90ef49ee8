"""Programs in the wasm backend: what they find, what is refused by its name, and what is left of them."""

import json
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
from tests.sandbox.wasm.conftest import Run

from casemate.model.installed import MANIFEST

SLEEP = "import time; print('begun', flush=True); time.sleep(60)"


def test_a_program_is_called_as_python_calls_it(run: Run, tmp_path: Path) -> None:
    program = (
        "import os, sys, beside\n"
        "print(__name__, __file__, sys.argv, sys.path[0], os.getcwd(), beside.WORD, sys.version_info[:2])\n"
    )
    (tmp_path / "app.py").write_text(program)
    (tmp_path / "beside.py").write_text("WORD = 'imported'\n")
    done = run("app.py", "-x", "ä b", cwd=tmp_path)
    expected = f"__main__ {tmp_path}/app.py ['app.py', '-x', 'ä b'] {tmp_path} {tmp_path} imported (3, 12)\n"
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
    assert run("-m", "beside", cwd=tmp_path).returncode == 0
    assert run("-", cwd=tmp_path, input="print(5)").stdout == "5\n"
    assert run("-c", "import sys; print(sys.argv, input())", "a", input="line\n").stdout == "['-c', 'a'] line\n"


def test_an_archive_with_a_main_is_a_program(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv)\n")
    assert run("app.pyz", cwd=tmp_path).stdout == "['app.pyz']\n"


def test_packages_of_the_programs_own_python_can_be_imported(run: Run, tmp_path: Path) -> None:
    subprocess.run([Path(sys.executable).resolve(), "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
    (site / "pure.py").write_text("WORD = 'pure'\n")
    (site / "more").mkdir()
    (site / "more" / "linked.py").write_text("WORD = 'linked'\n")
    (site / "more.pth").write_text("more\n")
    code = "import linked, pure; print(pure.WORD, linked.WORD)"
    done = run("--python", tmp_path / "venv", "-c", code)
    assert done.stdout == "pure linked\n", done.stderr
    assert run("--python", tmp_path / "venv", "-c", "import ctypes").returncode == 1


def test_a_single_file_is_shown_and_nothing_beside_it(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("one")
    code = f"""
import json
import os
print(sorted(os.listdir("{tmp_path}")), open("{tmp_path}/one").read(), open("{tmp_path}/link").read())
open("{tmp_path}/two", "w").write("changed")
for name in ("three", "one/../three", "new"):
    try:
        print(open("{tmp_path}/" + name, "a" if name == "new" else "r"))
    except OSError as error:
        print("refused")
"""
    options = ("--read", tmp_path / "one", "--read", tmp_path / "link", "--write", tmp_path / "two")
    done = run(*options, "-c", code)
    assert done.stdout == "['link', 'one', 'two'] one one\nrefused\nrefused\nrefused\n", done.stderr
    assert (tmp_path / "two").read_text() == "changed"


@pytest.mark.parametrize("options", [(), ("-I",), ("-E", "-s")])
def test_a_grant_of_the_place_where_pythons_lie_changes_nothing_for_the_guests_own(
    run: Run, options: tuple[str, ...]
) -> None:
    words = ("--read", "/usr/local", "--", "/usr/bin/python3", *options, "-c")
    done = run(*words, "import json, sys; print(json.__file__, repr(sys.executable))")
    assert done.stdout == "/casemate-python/lib/python3.12/json/__init__.pyc ''\n", done.stderr


def test_a_file_to_write_in_a_folder_to_read(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    code = f"""
open("{tmp_path}/two", "w").write("changed")
try:
    open("{tmp_path}/one", "w")
except OSError:
    print("refused")
"""
    done = run("--read", tmp_path, "--write", tmp_path / "two", "-c", code)
    assert (done.stdout, (tmp_path / "two").read_text()) == ("refused\n", "changed"), done.stderr


def test_its_own_files_are_in_no_folder_of_the_guest(run: Run, runtime: Path) -> None:
    code = f"""
import os, sys
for path in ("{runtime}", "{runtime}/python.wasm", "{sys.executable}", "/proc/self/maps", "/casemate-guest",
             "{Path(os.__file__).parent}/os.py", "/etc/ld.so.cache", "/root", "/dev/shm"):
    if os.path.exists(path):
        print(path)
for folder, _, files in os.walk("{runtime.parents[2]}"):
    for name in files:
        if "casemate" in folder or ".wasm" in name:
            print(folder, name)
print(sorted(os.environ), sorted(os.listdir("/dev")), os.listdir("/"))
"""
    done = run("--python", "/usr/bin/python3", "--read", runtime.parents[2], "-c", code)
    expected = "['HOME', 'LANG', 'PATH', 'TERM'] ['full', 'null', 'random', 'urandom', 'zero'] []\n"
    assert done.stdout == expected, done.stderr


def test_variables_reach_the_program_and_not_what_starts_it(run: Run) -> None:
    settings = {"LD_PRELOAD": "/nowhere.so", "PYTHONPATH": "/nowhere", "RUST_LOG": "trace", "LD_DEBUG": "all"}
    options = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    done = run(*options, "-c", f"import os; print([os.environ[name] for name in {list(settings)}])")
    assert done.stdout == f"{list(settings.values())}\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--connect", "localhost:80"), "net.connect localhost:80: the wasm backend cannot grant it: it has no"),
        (("--listen", "@private"), "net.listen @private: "),
        (("--unix", "@private"), "net.unix @private: "),
        (("--spawn", "/bin/true"), "proc.spawn /bin/true: "),
        (("--spawn", "@python"), "proc.spawn "),
    ],
)
def test_what_it_cannot_grant_is_refused_by_name(run: Run, options: tuple[str, ...], said: str) -> None:
    done = run(*options, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (125, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_no_python_program_is_refused(run: Run) -> None:
    for words in (("--", "/bin/true"), ("--", "python3", "-S", "-c", "0")):
        done = run(*words)
        assert (done.returncode, len(done.stderr.splitlines())) == (125, 1), done.stderr


def test_too_few_descriptors_are_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[policy]\nversion = 1\n[limits]\nfds = 8\n")
    done = run("--policy", tmp_path / "policy.toml", "-c", "0")
    assert (done.returncode, "res.fds 8" in done.stderr) == (125, True)


def test_the_runtime_is_never_writable(run: Run, runtime: Path) -> None:
    for place in (runtime, runtime / "lib", runtime.parent, runtime.parent.parent):
        for option in ("--write", "--write-direct"):
            accept = ("--accept", "fs.persist", "--accept", "res.disk") if option == "--write-direct" else ()
            done = run(option, place, *accept, "-c", f"open('{place}/x', 'w')", cwd="/")
            assert done.returncode in (1, 125), done.stderr
            assert not (place / "x").exists()


def test_limits_end_it(run: Run) -> None:
    assert run("--cpu", "1s", "-c", "while True: pass").returncode == 137
    assert run("--wall", "1s", "-c", SLEEP).returncode == 137
    much = run("--memory", "64MiB", "-c", "x = bytearray(1 << 27)")
    assert (much.returncode, "MemoryError" in much.stderr) == (1, True)
    assert "RecursionError" in run("-c", "def f(): f()\nf()").stderr
    assert len(run("-c", "print('x' * 20_000_000)").stdout) == 20_000_001


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_casemate_ends_the_guest(runtime: Path, number: signal.Signals) -> None:  # noqa: ARG001
    with Started([COMMAND, "run", "--backend", "wasm", "-c", SLEEP], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(number)
        assert process.wait(20) == 128 + number


def test_two_at_once_and_nothing_is_left_when_casemate_is_killed(runtime: Path) -> None:  # noqa: ARG001
    command = [COMMAND, "run", "--backend", "wasm", "-c", SLEEP]
    with Started(command, stdout=subprocess.PIPE) as one, Started(command, stdout=subprocess.PIPE) as two:
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
        for process in (one, two):
            process.kill()
    until = time.monotonic() + 10
    while (left := drivers()) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []


def test_a_runtime_that_is_killed_ends_the_run(runtime: Path) -> None:  # noqa: ARG001
    with Started([COMMAND, "run", "--backend", "wasm", "-c", SLEEP], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        (driver,) = drivers()
        os.kill(driver, signal.SIGKILL)
        assert process.wait(20) == 137
    assert drivers() == []


def drivers() -> list[int]:
    """Find the drivers of the guests of this test, by their program."""
    return processes_with("wasm/driver.py", "begun")


@pytest.mark.parametrize("name", ["python.cwasm", "libwasmtime.so", "lib/python3.12/os.pyc", "python.wasm"])
def test_a_runtime_that_was_changed_or_cut_is_named(run: Run, copied: Mapping[str, str], name: str) -> None:
    (file,) = Path(copied["XDG_DATA_HOME"]).glob(f"casemate/runtimes/wasm-*/{name}")
    whole = file.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:1000], None):
        if damaged is None:
            file.unlink()
        else:
            file.write_bytes(damaged)
        done = run("-c", "print('ran')", env=copied)
        assert (done.returncode, done.stdout) == (125, "")
        expected = f"its runtime is damaged: {name} {'is missing' if damaged is None else 'was changed'}"
        assert done.stderr == f"casemate: wasm: {expected} (install: casemate backends install wasm)\n"
    file.write_bytes(whole)
    assert run("-c", "print('ran')", env=copied).stdout == "ran\n"


def test_a_runtime_of_which_others_may_write_or_that_is_not_there_is_refused(
    run: Run, copied: Mapping[str, str], tmp_path: Path
) -> None:
    (folder,) = Path(copied["XDG_DATA_HOME"]).glob("casemate/runtimes/wasm-*")
    for path in (folder, folder / "lib/python3.12/site-packages", folder / "lib", folder / MANIFEST):
        mode = path.stat().st_mode
        path.chmod(mode | 0o002)
        done = run("-c", "0", env=copied)
        path.chmod(mode)
        assert (done.returncode, f"others may write to {path}" in done.stderr) == (125, True)
    done = run("-c", "0", env={**copied, "XDG_DATA_HOME": str(tmp_path)})
    assert (done.returncode, "casemate backends install wasm" in done.stderr) == (125, True)


def test_arguments_of_any_number_reach_the_program(run: Run) -> None:
    done = run("-c", "import sys; print(len(sys.argv), set(sys.argv[1:]))", *["é" * 50] * 4000)
    assert (done.returncode, done.stdout) == (0, f"4001 {{'{'é' * 50}'}}\n"), done.stderr


def test_a_manifest_that_was_cut_is_no_manifest(run: Run, copied: Mapping[str, str]) -> None:
    (file,) = Path(copied["XDG_DATA_HOME"]).glob("casemate/runtimes/wasm-*/installed.txt")
    whole = file.read_bytes()
    for damaged in (b"", whole[:-5], b"nonsense\n", whole.replace(b" lib/", b" ../", 1), b"\xff" + whole):
        file.write_bytes(damaged)
        done = run("-c", "0", env=copied)
        assert (done.returncode, "damaged" in done.stderr) == (125, True), done.stderr
    file.write_bytes(whole)


def test_a_run_that_waits_is_told_its_last_arguments_when_python_has_started(run: Run) -> None:
    code = "import sys; print(sys.argv, 'casemate' in sys.modules, sys.stdin.read())"
    done = run("--wait", "-c", code, "a", input="4\nb\0c\0rest")
    assert (done.returncode, done.stdout) == (0, "['-c', 'a', 'b', 'c'] False rest\n"), done.stderr
    for nonsense in ("", "5\nab", "x\n", "2\nab"):
        done = run("--wait", "-c", "print('ran')", input=nonsense)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (125, "", 1), done.stderr


def test_what_webassembly_cannot_be_told_is_said(run: Run) -> None:
    assert run("-c", f"print(len('{'ä' * 50_000}'))").stdout == "50000\n"
    done = run("-c", "print('ran')", os.fsdecode(b"\xff"))
    assert (done.returncode, done.stderr) == (125, "casemate: wasm: an argument is not UTF-8\n")


def test_what_this_python_lacks_is_no_reason_not_to_try_an_act(runtime: Path) -> None:  # noqa: ARG001 -- it must be there
    names = (
        "privilege/mount-namespace",
        "kernel/every-file-that-is-opened",
        "persisting/path-file",
        "persisting/set-id-file",
    )
    command = [COMMAND, "verify", "--backend", "wasm", "--format", "json", *(f"--only={name}" for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    said = {probe["probe"]: probe["reason"] for probe in json.loads(done.stdout)["probes"]}
    assert [reason for reason in said.values() if "AttributeError" in reason] == []
    assert said["persisting/set-id-file"] == "it got something else: 'made'"
    assert said["persisting/path-file"] == "it got something else: 'written where it may be private'"

"""bubblewrap and runtimes of containers in the place of the native backend: the same run, and nothing of it left."""

import fcntl
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import EMPTY, PYTHON, Result, confined, policy
from tests.backends.conftest import UNPACKAGED
from tests.conftest import require
from tests.processes import Started, pytest_as_a_user

from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import Grant
from casemate.model.sandbox import Command
from casemate.sandbox import Streams, choose, confine
from casemate.sandbox.containers.bubblewrap import Bubblewrap, given
from casemate.sandbox.containers.found import found, untrusted
from casemate.sandbox.containers.oci import Gvisor
from casemate.sandbox.native import layers, names

NAMES = ("bubblewrap", "oci:crun", "oci:runc", "oci:runsc", "oci:podman", "oci:youki")
GVISOR = "oci:runsc"
COMMAND = Command((str(PYTHON), "-I", "-S", "-c", "print(1)"), str(PYTHON), "/")
RUN = """
import sys
sys.path[:0] = [{here!r}, {src!r}, {root!r}]
from confining import *
from casemate.sandbox import choose
granted = policy(Grant(Capability.FS_WRITE, {out!r}), Grant(Capability.ENV_READ, "TOKEN"))
command = Command((str(PYTHON), "-I", "-S", "-c", {code!r}), str(PYTHON), "/")
outcome = confine(command, granted, environment={{"TOKEN": os.environ["VALUE"]}}, backend=choose({name!r}))
print(outcome.code, outcome.committed, flush=True)
"""
WAITING = "import time; open({out!r} + '/x', 'w').write('x'); print('inside', flush=True); time.sleep(60)"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    wanted: str = request.param
    runtime = choose(wanted).runtime()
    if wanted in UNPACKAGED and not runtime.available:
        pytest.skip(f"{wanted}: {runtime.why_not}")
    require(f"{wanted}: {runtime.why_not}", there=runtime.available)
    return wanted


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def beside(name: str, code: str, *grants: Grant, **options: object) -> Result:
    return confined(code, policy(*grants), backend=choose(name), **options)  # type: ignore[arg-type] -- confined's own


def waiting(name: str, out: Path, token: str = "") -> Started:
    here = Path(__file__).parent
    places = {"here": str(here), "src": str(here.parents[1] / "src"), "root": str(here.parents[1])}
    code = WAITING.format(out=str(out))
    script = RUN.format(**places, out=str(out), name=name, code=code)
    paths = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    environment = {"PYTHONPATH": paths, "PATH": os.defpath, "VALUE": token}
    return Started([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)


def descendants(parent: int) -> list[int]:
    """Give every process below one, by the numbers of this host."""
    children = dict[int, list[int]]()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    got, left = list[int](), [parent]
    while left:
        below = children.get(left.pop(), [])
        got += below
        left += below
    return got


def words(process: int) -> list[bytes]:
    """Give the command line of a process."""
    return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")


def shows(path: str, token: str) -> bool:
    """Tell whether a file of /proc shows a token to us."""
    try:
        return token.encode() in Path(path).read_bytes()
    except PermissionError:
        return False


def alive(processes: list[int]) -> list[int]:
    """Wait until all of them are gone; give those that are not."""
    until = time.monotonic() + 10
    while (left := [one for one in processes if Path(f"/proc/{one}").exists()]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def test_a_program_runs_with_its_own_streams_and_code(name: str) -> None:
    code = "import sys; sys.stderr.write('words'); print(sys.stdin.read()); raise SystemExit(7)"
    done = beside(name, code, stdin=b"given")
    assert (done.code, done.out, done.err) == (7, "given\n", "words")


def test_ten_megabytes_pass_both_ways(name: str) -> None:
    many = os.urandom(1 << 16).hex().encode() * 80
    code = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    assert beside(name, code, stdin=many).out.encode() == many


def test_how_a_program_ends_is_told(name: str) -> None:
    assert beside(name, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)").code == 128 + signal.SIGTERM
    assert beside(name, "import os; os._exit(255)").code == 255


def test_what_was_written_is_copied_out(name: str, out: Path) -> None:
    code = f"import os; os.mkdir({str(out)!r} + '/d'); open({str(out)!r} + '/d/f', 'w').write('x')"
    done = beside(name, code, Grant(Capability.FS_WRITE, str(out)))
    assert done.outcome.committed == (f"{out}/d", f"{out}/d/f"), done
    assert (out / "d" / "f").read_text() == "x"


def test_two_at_once_know_nothing_of_each_other(name: str, tmp_path: Path) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    for folder in outs:
        folder.mkdir()
    with waiting(name, outs[0]) as first, waiting(name, outs[1]) as second:
        for run in (first, second):
            assert run.stdout is not None
            assert run.stdout.readline() == b"inside\n"
            run.kill()


def test_what_a_program_leaves_behind_is_gone(name: str) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.close(1); os.close(2)\n    time.sleep(60)"
    before = set(descendants(os.getpid()))
    assert beside(name, code).code == 0
    assert alive([one for one in descendants(os.getpid()) if one not in before]) == []


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.15, 0.4, 1.0])
def test_nobody_is_left_when_casemate_is_killed(name: str, out: Path, seconds: float) -> None:
    with waiting(name, out) as run:
        time.sleep(seconds)
        below = descendants(run.pid)
        run.kill()
        assert alive(below) == []
    assert list(out.iterdir()) == []


def test_the_run_ends_when_the_runtime_is_killed(name: str, out: Path) -> None:
    program = {"bubblewrap": "bwrap"}.get(name, name.partition(":")[2])
    with waiting(name, out) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"inside\n"
        below = descendants(run.pid)
        runtimes = [one for one in below if words(one)[0].endswith(program.encode())]
        assert runtimes
        os.kill(runtimes[0], signal.SIGKILL)
        assert run.stdout.readline().startswith(b"137 ")
        assert alive(below) == []


def test_the_run_ends_when_who_stands_between_podman_and_the_program_is_killed(out: Path) -> None:
    runtime = choose("oci:podman").runtime()
    require(f"oci:podman: {runtime.why_not}", there=runtime.available)
    with waiting("oci:podman", out) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"inside\n"
        below = descendants(run.pid)
        (conmon,) = [one for one in below if words(one)[0].endswith(b"conmon")]
        os.kill(conmon, signal.SIGKILL)
        assert run.stdout.readline().startswith(b"137 ")
        assert alive(below) == []


def test_podman_reads_and_leaves_nothing_of_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = choose("oci:podman").runtime()
    require(f"oci:podman: {runtime.why_not}", there=runtime.available)
    configuration = tmp_path / ".config" / "containers" / "containers.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("this would stop podman")
    for name in ("HOME", "XDG_RUNTIME_DIR", "TMPDIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("CONTAINERS_CONF", str(configuration))
    assert beside("oci:podman", "print(1)").out == "1\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [configuration]


def test_the_caller_s_directory_is_not_held_by_what_starts_the_program(name: str, out: Path) -> None:
    """From a runtime that holds a directory of the host a program may get there: CVE-2024-21626."""
    with waiting(name, out) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"inside\n"
        steward, *below = descendants(run.pid)
        here = Path.cwd().stat()
        held = [one for one in below if os.path.samestat(Path(f"/proc/{one}/cwd").stat(), here)]
        first = Path(f"/proc/{steward}/task/{steward}/children").read_text().split()
        run.kill()
    assert [one for one in held if str(one) not in first] == []


def test_a_value_is_in_no_command_line_and_no_environment_but_the_programs(name: str, out: Path) -> None:
    token = "token-" + os.urandom(8).hex()
    with waiting(name, out, token) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"inside\n"
        below = descendants(run.pid)
        shown = [one for one in below for file in ("cmdline", "environ") if shows(f"/proc/{one}/{file}", token)]
        run.kill()
    # The program itself has it, where it is a process of the host that its caller may look into.
    assert len(shown) <= (0 if name == GVISOR else 1)


def test_the_root_of_the_helper_cannot_be_seen(name: str) -> None:
    code = """
import os
seen = []
for path in ("/view", "/proc/1/root/view", "/proc/1/cwd/view", "/.." * 8 + "/view", "/dev/state/config.json"):
    try:
        os.stat(path)
        seen.append(path)
    except OSError:
        pass
mounts = open("/proc/self/mountinfo").read()
print(seen, "/view" in mounts, "/outer" in mounts)
"""
    assert beside(name, code).out == "[] False False\n"


def test_a_terminal_is_the_programs_own(name: str) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, 0x5414, (33).to_bytes(2, "little") + (44).to_bytes(2, "little") + bytes(4))  # TIOCSWINSZ
    code = "import os; print(os.isatty(0), os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp())"
    script = (
        "from confining import *\n"
        "from casemate.sandbox import choose\n"
        f"command = Command((str(PYTHON), '-I', '-S', '-c', {code!r}), str(PYTHON), '/')\n"
        f"confine(command, EMPTY, environment={{}}, backend=choose({name!r}))\n"
    )
    here = Path(__file__).parent
    paths = [str(here), str(here.parents[1]), str(here.parents[1] / "src"), *filter(None, sys.path)]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "PATH": os.defpath}
    with Started([sys.executable, "-c", script], stdin=slave, stdout=slave, stderr=slave, env=environment) as run:
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 4096):
                said += part
        except OSError:  # EIO: the other end is closed
            pass
        assert run.wait() == 0, said
    os.close(master)
    assert "True os.terminal_size(columns=44, lines=33) True" in said.decode()


class Elsewhere(Bubblewrap):
    """bubblewrap, but for the program that is started."""

    def __init__(self, program: str, *, through: bool = False) -> None:
        """Take the program."""
        super().__init__(through=through)
        self.elsewhere = program

    def found(self) -> tuple[str, str]:
        return self.elsewhere, ""


@pytest.fixture
def broken() -> Iterator[Path]:
    """Give a program of our own, where whoever runs a container may execute it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "broken"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\necho first >&2; echo no such thing >&2; exit 1\n", "bubblewrap: no such thing"),
        ("#!/bin/sh\nexit 0\n", "bubblewrap: it ended and said nothing"),
        ("#!/nowhere\n", "No such file"),
        ("\x7fELF rubbish", "Exec format error"),
    ],
)
def test_a_program_that_is_broken_is_one_clear_line(broken: Path, script: str, words: str) -> None:
    broken.write_text(script)
    broken.chmod(0o755)
    with pytest.raises(Refused, match=words) as refused:
        confined("print(1)", EMPTY, backend=Elsewhere(str(broken)))
    assert refused.value.code == 125
    assert "\n" not in str(refused.value)


def test_a_program_is_taken_from_where_only_root_can_write(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    assert "somebody but root can write to" in untrusted(str(program))
    assert untrusted("/usr/bin/env") == ""
    assert found("no-such-runtime") == ("", "no-such-runtime is not installed")


@pytest.fixture
def gvisor() -> str:
    runtime = choose(GVISOR).runtime()
    require(f"runsc: {runtime.why_not}", there=runtime.available)
    return GVISOR


def test_standard_error_of_gvisor_is_passed_on_whole(gvisor: str) -> None:
    done = beside(gvisor, "import sys; sys.stderr.write('e' * 3_000_000); print('o' * 300_000)")
    assert (done.code, len(done.out), done.err) == (0, 300_001, "e" * 3_000_000)


class OtherGvisor(Gvisor):
    """gVisor, but for the program that is started."""

    def __init__(self, program: str) -> None:
        """Take the program."""
        super().__init__(named=True)
        self.elsewhere = program

    def found(self) -> tuple[str, str]:
        return self.elsewhere, ""


def test_a_gvisor_that_cannot_start_is_one_clear_line(broken: Path) -> None:
    broken.write_text("#!/bin/sh\necho creating container: no room >&2; echo further words >&2; exit 1\n")
    broken.chmod(0o755)
    with tempfile.TemporaryFile() as err:
        with pytest.raises(Refused, match=r"^runsc: creating container: no room$") as refused:
            confine(
                COMMAND,
                EMPTY,
                environment={},
                backend=OtherGvisor(str(broken)),
                streams=Streams(-1, -1, err.fileno()),
            )
        assert os.fstat(err.fileno()).st_size == 0, "what runsc says is the reason, and no words of the program"
    assert refused.value.code == 125


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here is such a try already")
def test_all_of_it_holds_for_an_ordinary_user() -> None:
    chosen = "streams or copied or left_behind or value or root_of_the_helper or runtime_is_killed or OnlyBubblewrap"
    with tempfile.TemporaryDirectory() as folder:  # pytest's own can be entered by its owner alone
        assert "passed" in pytest_as_a_user(Path(folder), [Path(__file__), "-k", chosen], seconds=300)


def only_bubblewrap(code: str, *grants: Grant, **options: object) -> Result:
    return confined(code, policy(*grants), backend=Bubblewrap(through=True), **options)  # type: ignore[arg-type] -- its own


@pytest.mark.skipif(os.geteuid() == 0, reason="root needs no other program for a user namespace; a user is below")
class TestWhereOnlyBubblewrapMayMakeUserNamespaces:
    """The rule of AppArmor needs a host of its own; here the same way is taken where nothing asks for it."""

    def test_a_program_runs_with_its_own_streams_and_code(self) -> None:
        code = "import os, sys; print(sys.stdin.read(), os.getuid(), os.getppid()); raise SystemExit(7)"
        done = only_bubblewrap(code, stdin=b"given")
        assert (done.code, done.out, done.err) == (7, "given 1000 1\n", "")

    def test_what_was_written_is_copied_out(self, out: Path) -> None:
        code = f"open({str(out)!r} + '/f', 'w').write('x'); open('/tmp/g', 'w')"
        done = only_bubblewrap(code, Grant(Capability.FS_WRITE, str(out)))
        assert done.outcome.committed == (f"{out}/f",), done

    def test_granted_names_are_reached_and_no_others(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            code = (
                f"import socket; socket.create_connection(('localhost', {port}), 10).send(b'x')\n"
                f"try: socket.create_connection(('127.0.0.2', {port}), 10)\n"
                "except OSError: print('refused')"
            )
            done = only_bubblewrap(code, Grant(Capability.NET_CONNECT, f"localhost:{port}"))
            assert (done.code, done.out) == (0, "refused\n"), done

    def test_a_signal_ends_it(self) -> None:
        assert only_bubblewrap("import os; os.kill(os.getpid(), 15)").code == 128 + signal.SIGTERM

    def test_a_bubblewrap_that_fails_is_one_clear_line(self, broken: Path) -> None:
        broken.write_text("#!/bin/sh\necho no permission to create a new namespace >&2; exit 1\n")
        broken.chmod(0o755)
        backend = Elsewhere(str(broken), through=True)
        with pytest.raises(Refused, match="bubblewrap: no permission to create a new namespace"):
            confined("print(1)", EMPTY, backend=backend)


def test_what_only_bubblewrap_may_make_does_not_count_as_missing() -> None:
    why = "kernel.apparmor_restrict_unprivileged_userns is 1; an administrator can set: …"
    found = dict.fromkeys(layers.ON_USERS, f"user namespaces: {why}") | {names.USER: why, names.URING: "open"}
    lacking = found | {other: f"nothing without {layer}" for layer in found for other in names.STANDS_ON.get(layer, ())}
    assert dict(given(lacking, "1")) == {names.URING: "open"}
    assert given(lacking, "0") == lacking
    other = {**lacking, names.USER: "user.max_user_namespaces is 0"}
    assert given(other, "1") == other


def test_a_bubblewrap_that_may_make_none_is_not_available(broken: Path) -> None:
    broken.write_text("#!/bin/sh\necho setting up uid map: Permission denied >&2; exit 1\n")
    broken.chmod(0o755)
    runtime = Elsewhere(str(broken), through=True).runtime()
    assert (runtime.available, runtime.why_not) == (False, "setting up uid map: Permission denied")

"""A whole run from outside: streams, signals, limits, network, files, and nothing left behind."""

import http.server
import json
import os
import random
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.confining import Result, confined, policy
from tests.sandbox.outer import argv, start

from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import Grant, Limits, WriteMode

MIB = 1 << 20
CAT = """
import os
while data := os.read(0, 65536):
    while data:
        data = data[os.write(1, data):]
"""


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def limited(code: str, **limits: int) -> Result:
    return confined(code, policy(limits=Limits(**limits)))


def test_a_hundred_megabytes_pass_through_byte_by_byte() -> None:
    block = random.Random(7).randbytes(MIB)  # noqa: S311 -- no secret
    with start(argv(CAT)) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        feeder = threading.Thread(
            target=lambda: ([running.stdin.write(block) for _ in range(100)], running.stdin.close())
        )
        feeder.start()
        count = 0
        while data := running.stdout.read(MIB):
            assert data == block
            count += 1
        feeder.join()
    assert count == 100
    assert running.returncode == 0


def test_the_last_words_of_a_crash_arrive() -> None:
    result = confined("import os\nos.write(1, b'o' * 60000 + b'END'); os.write(2, b'e' * 60000 + b'END'); os.abort()")
    assert result.code == 128 + signal.SIGABRT
    assert result.outcome.signal == signal.SIGABRT
    assert result.out.endswith("oEND")
    assert result.err.endswith("eEND")


def test_words_of_a_child_that_outlives_the_target_arrive_too() -> None:
    code = "import os\nif os.fork() == 0:\n    os.write(1, b'child')\n    os._exit(0)\nos.wait(); os._exit(3)"
    result = confined(code)
    assert (result.code, result.out) == (3, "child")


def test_a_caller_that_stops_reading_ends_an_endless_writer() -> None:
    with start(argv("while True: print('y' * 100)")) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"y" * 100 + b"\n"
        running.stdout.close()
        running.wait(20)
    assert running.returncode != 0


def test_a_stalled_reader_does_not_make_us_grow() -> None:
    with start(argv("while True: print('y' * 1000)")) as running:
        assert running.stdout is not None
        running.stdout.read(1)
        time.sleep(1)
        status = Path(f"/proc/{running.pid}/status").read_text()
        running.terminate()
        running.stdout.close()
        running.wait(20)
    rss = int(status.partition("VmRSS:")[2].split()[0])
    assert rss < 60_000


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_is_dev_null_inside(closed: int) -> None:
    code = "import os, sys\nos.write(1, b'o'); os.write(2, b'e'); sys.exit(len(os.read(0, 5)))"
    with start(argv(code), preexec_fn=lambda: os.close(closed)) as running:
        out, err = running.communicate(b"12345", timeout=20) if closed else running.communicate(timeout=20)
    assert running.returncode == (0 if closed == 0 else 5)
    assert out == (b"" if closed == 1 else b"o")
    assert err == (b"" if closed == 2 else b"e")


def test_a_socket_may_be_a_stream() -> None:
    here, there = socket.socketpair()
    with here, there, start(argv(CAT), stdin=there, stdout=there) as running:
        there.close()
        here.sendall(b"over a socket")
        here.shutdown(socket.SHUT_WR)
        assert here.makefile("rb").read() == b"over a socket"
    assert running.returncode == 0


@pytest.mark.parametrize(("ending", "code"), [("", 1), ("; sys.exit(7)", 7)])
def test_a_full_disk_is_said_on_stderr_and_is_no_success(ending: str, code: int) -> None:
    script = argv(f"import sys; print('x'){ending}")
    with Path("/dev/full").open("wb") as full, start(script, stdout=full) as running:
        _, err = running.communicate(timeout=20)
    assert b"casemate: stdout: No space left on device" in err
    assert running.returncode == code


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT]
)
def test_a_signal_reaches_the_target(number: signal.Signals) -> None:
    code = f"""
import signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(77))
print('ready', flush=True)
time.sleep(30)
"""
    with start(argv(code)) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        running.wait(20)
    assert running.returncode == 77


def test_a_signal_that_ends_the_target_is_the_exit_code() -> None:
    with start(argv("print('ready', flush=True)\nimport time\ntime.sleep(30)")) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.terminate()
        running.wait(20)
    assert running.returncode == 128 + signal.SIGTERM


def test_a_second_interrupt_kills_what_ignores_the_first() -> None:
    code = (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(30)"
    )
    with start(argv(code)) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        running.wait(20)
    assert running.returncode == 128 + signal.SIGKILL


def test_the_handlers_of_the_caller_come_back() -> None:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    confined("pass")
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_run_in_a_thread_needs_no_handlers() -> None:
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(confined("print('in a thread')")))
    thread.start()
    thread.join(30)
    assert results[0].out == "in a thread\n"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    grants = (
        Grant(Capability.NET_CONNECT, "127.0.0.1:1"),
        Grant(Capability.NET_CONNECT, "api.example.com:443"),
        Grant(Capability.NET_LISTEN, f"127.0.0.1:{free_port()}"),
        Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT),
    )
    confined("pass", policy(*grants))
    before = sorted(Path("/proc/self/fd").iterdir())
    confined("pass", policy(*grants))
    with pytest.raises(Refused):
        confined("pass", policy(*grants), directory=str(tmp_path / "nowhere"))
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_the_wall_clock_ends_a_run() -> None:
    began = time.monotonic()
    result = limited("import time\nprint('x', flush=True)\ntime.sleep(60)", wall_seconds=1)
    assert time.monotonic() - began < 10
    assert (result.code, result.outcome.ended_by) == (128 + signal.SIGKILL, "wall limit")
    assert result.out == "x\n"


def test_the_wall_clock_ends_a_run_whose_reader_is_stalled() -> None:
    with start(argv("while True: print('y' * 1000)", wall_seconds=1)) as running:
        running.wait(20)
        assert running.returncode == 128 + signal.SIGKILL


def test_the_output_limit_counts_both_streams() -> None:
    result = limited("import os\nwhile True: os.write(1, b'o' * 100); os.write(2, b'e' * 100)", output_bytes=50_000)
    assert result.outcome.ended_by == "output limit"
    assert result.code == 128 + signal.SIGKILL
    assert len(result.out) + len(result.err) == 50_000


def test_what_a_run_used_is_counted() -> None:
    result = confined("x = bytearray(50_000_000)\nfor _ in range(3_000_000): pass")
    assert result.outcome.cpu_seconds > 0.01
    assert result.outcome.wall_seconds >= result.outcome.cpu_seconds * 0.5
    assert result.outcome.max_rss_bytes > 50_000_000


@pytest.fixture
def page() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the page")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            del format, args

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


FETCH = """
import sys, urllib.request, urllib.error
for url in {urls!r}:
    try:
        print(urllib.request.urlopen(url, timeout=10).read().decode())
    except Exception as error:
        print("refused", type(error).__name__, error)
"""


def test_a_granted_server_is_reached_and_nothing_else(page: int) -> None:
    other = socket.create_server(("127.0.0.1", 0))
    with other:
        urls = [f"http://127.0.0.1:{page}/", f"http://127.0.0.1:{other.getsockname()[1]}/", "http://192.0.2.1/"]
        granted = policy(Grant(Capability.NET_CONNECT, f"127.0.0.1:{page}"))
        result = confined(FETCH.format(urls=urls), granted)
    first, *rest = result.out.splitlines()
    assert first == "the page", result
    assert len(rest) == 2
    assert all(line.startswith("refused") for line in rest)


def test_localhost_by_its_name_is_reached(page: int) -> None:
    result = confined(
        FETCH.format(urls=[f"http://localhost:{page}/"]), policy(Grant(Capability.NET_CONNECT, f"localhost:{page}"))
    )
    assert result.out == "the page\n", result


def test_a_name_that_is_not_granted_does_not_exist_and_is_recorded() -> None:
    code = """
import socket
for name in ('evil.example', 'api.example.com'):
    try:
        print(socket.gethostbyname(name))
    except OSError as error:
        print(error)
"""
    result = confined(code, policy(Grant(Capability.NET_CONNECT, "api.example.com:443")))
    first, second = result.out.splitlines()
    assert "not known" in first or "No address" in first
    assert second.startswith("198.18.")
    assert [(denial.capability, denial.resource) for denial in result.outcome.denials] == [
        (Capability.NET_DNS, "evil.example")
    ]


def test_a_server_inside_is_reached_through_its_grant_and_only_there() -> None:
    port = free_port()
    code = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"from inside")
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", {port}), Handler)
print("ready", flush=True)
server.serve_forever()
"""
    with start(argv(code, ("net.listen", f"127.0.0.1:{port}"))) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.read() == b"from inside"
        running.terminate()
        running.wait(20)
    assert running.returncode == 128 + signal.SIGTERM


def test_a_port_in_use_refuses_the_run_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"cannot listen on 127.0.0.1:{port}: it is in use") as caught:
            confined("print('ran')", policy(Grant(Capability.NET_LISTEN, f"127.0.0.1:{port}")))
    assert caught.value.code == 125


def test_written_files_are_copied_out_and_hooks_are_not(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    code = f"""
import os
os.chdir({str(tmp_path)!r})
open("report.txt", "w").write("done")
os.mkdir(".git/hooks")
open(".git/hooks/pre-commit", "w").write("evil")
os.symlink("/etc/passwd", "link")
raise SystemExit(9)
"""
    granted = policy(Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT), deny=("@persist",))
    result = confined(code, granted)
    assert result.code == 9, result
    assert (tmp_path / "report.txt").read_text() == "done"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".git", "report.txt"]
    assert result.outcome.committed == (str(tmp_path / "report.txt"),)
    assert len(result.outcome.refused) == 2


def test_a_granted_file_is_copied_out(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("before")
    result = confined(
        f"open({str(path)!r}, 'a').write(' and after')", policy(Grant(Capability.FS_WRITE, str(path), WriteMode.COMMIT))
    )
    assert result.code == 0, result
    assert path.read_text() == "before and after"


def test_a_quota_is_kept_and_said(tmp_path: Path) -> None:
    code = f"f = open({str(tmp_path / 'hole')!r}, 'wb'); f.truncate(1 << 40)"
    granted = policy(
        Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT, max_bytes=MIB), limits=Limits(disk_bytes=0)
    )
    result = confined(code, granted)
    assert list(tmp_path.iterdir()) == []
    assert result.code != 0 or "over the quota" in result.outcome.refused[0]


def test_nobody_writes_while_files_are_copied_out(tmp_path: Path) -> None:
    code = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        with open({str(tmp_path / "file")!r}, "a") as f: f.write("x" * 1000)
time.sleep(0.2)
"""
    result = confined(code, policy(Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT)))
    assert result.code == 0
    size = (tmp_path / "file").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "file").stat().st_size == size > 0


def test_nothing_is_copied_out_when_nobody_knows_that_all_are_dead(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'file')!r}, 'w').write('x'); print('ready', flush=True); import time; time.sleep(30)"
    lines = tmp_path.with_name("torn.jsonl")
    with start(argv(code, ("fs.write", str(tmp_path)), record=lines)) as running:
        assert running.stdout is not None
        running.stdout.readline()
        (steward,) = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(steward), signal.SIGKILL)
        assert running.wait(20) == 128 + signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
    assert "torn down" in lines.read_text()


def test_it_says_so_whenever_that_happens(tmp_path: Path) -> None:
    lines = tmp_path.with_name("torn-early.jsonl")
    command = argv("import time; time.sleep(30)", ("fs.write", str(tmp_path)), record=lines)
    said = list[bool]()
    for moment in range(0, 48, 3):
        with start(command) as running:
            children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
            while not (steward := children.read_text().split()):
                time.sleep(0.001)
            time.sleep(moment / 1000)
            os.kill(int(steward[0]), signal.SIGKILL)
            if running.wait(20) == 128 + signal.SIGKILL:
                said.append("torn down" in lines.read_text())
    assert said
    assert all(said), said


def children(pid: int) -> set[int]:
    """Find every process below one, by looking at all parents."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_killing_casemate_leaves_no_process(number: signal.Signals) -> None:
    code = """
import os, time
os.fork(); os.fork()
if os.getpid() % 2: os.setsid()
print('ready', flush=True)
time.sleep(60)
"""
    with start(argv(code)) as running:
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(0.2)
        inside = children(running.pid)
        assert len(inside) >= 5
        if number is signal.SIGSTOP:
            running.send_signal(number)
            running.send_signal(signal.SIGCONT)
            running.terminate()
        else:
            running.kill()
        running.wait(20)
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in inside) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(Path(f"/proc/{pid}").exists() for pid in inside)


def test_the_record_tells_the_whole_run(tmp_path: Path, page: int) -> None:
    lines = tmp_path / "run.jsonl"
    work = tmp_path / "work"
    work.mkdir()
    code = (
        FETCH.format(urls=[f"http://127.0.0.1:{page}/", "http://evil.example/"])
        + f"\nopen({str(work / 'out')!r}, 'w').write('x')"
    )
    command = argv(
        code,
        ("net.connect", f"127.0.0.1:{page}"),
        ("net.connect", "api.example.com:443"),
        ("fs.write", str(work)),
        record=lines,
    )
    with start(command) as running:
        running.communicate(timeout=30)
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds == ["started", "granted", "residual", "denied", "resources", "traffic", "change", "ended"]
    denied, traffic, change, ended = events[3], *events[5:]
    assert denied["resource"] == "evil.example"
    assert traffic["to"] == f"127.0.0.1:{page}"
    assert traffic["received"] > 8
    assert (change["path"], change["copied"]) == (str(work / "out"), True)
    assert {**ended, "time": ""} == {"event": "ended", "time": "", "code": 0, "signal": None, "by": "", "denials": 1}


def test_what_cannot_start_is_refused_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        confined("", policy(), directory=str(tmp_path / "nowhere"))
    assert caught.value.code == 125

"""Run casemate thousands of times, well and badly, kill it at random moments, and look at what is left on the host.

Prints a table and ends with 1 where a run ended otherwise than it must, or where anything at all is left. As root,
`--user UID` runs casemate as that ordinary user, who must own nothing on this host.
"""

import argparse
import collections
import fcntl
import json
import os
import random
import resource
import shutil
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import traces
from deeds import LIMITS, MISBEHAVING, ORDINARY, Deed

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds until a run counts as hanging
VANISH = 10.0  # seconds until what a run has started must be gone
SIGNALS = {"kill": 9, "term": 15, "int": 2, "hup": 1, "quit": 3}
WAYS = (  # how a run is disturbed, the commonest first; killing casemate itself is half of all
    *["kill"] * 14,
    *["term", "int", "hup", "quit", "int twice", "stop and kill", "stop and continue", "reader gone", "reader gone"],
    *["kill the steward", "kill the init", "kill any", "kill any", "stop any and kill", "parent killed"],
)
HARMLESS = frozenset({"", "stop and continue", "parent killed"})  # the run must end as if nobody had been there


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the seed has it. `moment` is a share of the time that a run takes here."""

    number: int
    deed: Deed
    way: str
    moment: float
    pick: int


@dataclass(slots=True)
class Place:
    """The folder of a soak, and who runs in it."""

    scratch: Path
    user: int
    python: str
    server: int = 0
    ports: tuple[int, ...] = ()
    ours: set[int] = field(default_factory=set[int])  # children that are waited for elsewhere
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def casemate(self) -> str:
        """Give the command under test."""
        return str(self.scratch / "bin" / "casemate")

    def options(self) -> dict[str, object]:
        """Give Popen's options for the identity of a run."""
        mine = {} if self.user == os.geteuid() else {"user": self.user, "group": self.user, "extra_groups": []}
        names = {"HOME": "home", "TMPDIR": "tmp"}
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
        env |= {name: str(self.scratch / folder) for name, folder in names.items()}
        return {"env": env, "cwd": self.scratch / "cwd", **mine}


def drawn(runs: int, seed: int, kill_rate: float, bad: float) -> list[Run]:
    """Draw what will be done; the same seed draws the same."""
    chance = random.Random(seed)  # noqa: S311 -- only what is done when
    made = list[Run]()
    for number in range(runs):
        deed = chance.choice(MISBEHAVING if chance.random() < bad else ORDINARY)
        way = chance.choice(WAYS) if chance.random() < kill_rate else ""
        early = chance.random() < 0.7
        made.append(Run(number, deed, way, chance.uniform(0, 1 if early else 3), chance.randrange(1 << 16)))
    return made


@contextmanager
def placed(user: int) -> Iterator[Place]:
    """Make the folder: an installation of this checkout, things to read and to write, and a server to talk to."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        scratch = Path(folder)
        place = Place(scratch, user, interpreter(user))
        for name in ("bin", "home", "tmp", "cwd", "data", "out", "records", "files"):
            (scratch / name).mkdir()
        (scratch / "data" / "given").write_text("given\n")
        (scratch / "out" / "shared").write_text("before")
        (scratch / "limits.toml").write_text(
            LIMITS.replace("OUT", str(scratch / "out")).replace("DATA", str(scratch / "data"))
        )
        shutil.copy(ROOT / "bin" / "casemate", scratch / "bin")
        (scratch / "bin" / "python3").symlink_to(place.python)
        site = scratch / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        site.mkdir(parents=True)
        (site / "_editable_impl_casemate.pth").write_text(f"{ROOT / 'src'}\n")
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, user, user if user != os.geteuid() else os.getegid(), follow_symlinks=False)
        yield place


def interpreter(user: int) -> str:
    """Find a Python of our version that this user may execute; root's own one often lies in its home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [os.path.realpath(sys.executable), shutil.which(version, path="/usr/local/bin:/usr/bin") or ""]
    mine = {} if user == os.geteuid() else {"user": user, "group": user, "extra_groups": []}
    for python in filter(None, found):
        with suppress(PermissionError):
            subprocess.run([python, "-c", ""], check=True, **mine)  # type: ignore[call-overload]
            return python
    raise SystemExit(f"no {version} that user {user} may execute")


class Echo(socketserver.StreamRequestHandler):
    """Sends a line back."""

    def handle(self) -> None:
        """Answer once."""
        with suppress(OSError):
            self.wfile.write(self.rfile.readline())


@contextmanager
def served(place: Place) -> Iterator[None]:
    """Answer on a port of the loopback meanwhile."""
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = False
        place.server = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def command(place: Place, run: Run, mark: str, port: int) -> list[str]:
    """Give the command line of a run."""
    words = {
        "LIMITS": str(place.scratch / "limits.toml"),
        "OUT": str(place.scratch / "out"),
        "DATA": str(place.scratch / "data"),
        "FILE": str(place.scratch / "files" / str(port)),  # one for each job: only one run at a time can replace it
        "RECORD": str(place.scratch / "records" / f"{run.number}.jsonl"),
        "SERVER": str(place.server),
        "PORT": str(port),
        "NAME": f"{run.number:06}",
    }

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    options = [filled(option) for option in run.deed.options]
    argv = [place.casemate, "run", *options, "--python", place.python, "-c", f"{filled(run.deed.code)}\n# {mark}"]
    return ["/bin/sh", "-c", '"$@"; exit $?', "sh", *argv] if run.way == "parent killed" else argv


class Watched:
    """One run from outside: started, perhaps disturbed, waited for, looked after."""

    def __init__(self, place: Place, run: Run, port: int, typical: float) -> None:
        """Start it."""
        self._place, self._run, self._typical = place, run, typical
        self.problems = list[str]()
        self._mark = f"soak-{os.getpid()}-{run.number}"
        self._master = -1
        argv = command(place, run, self._mark, port)
        streams: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        slave = -1
        if run.deed.terminal:
            self._master, slave = os.openpty()
            fcntl.fcntl(self._master, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
            streams = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
        with place.lock:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(argv, **streams, **place.options())  # type: ignore[call-overload]
            place.ours.add(self._process.pid)
        if slave >= 0:
            os.close(slave)
        self._talker = threading.Thread(target=self._talk, args=(port,)) if run.deed.talks else None

    def finish(self) -> None:
        """Carry it to its end."""
        if self._talker:
            self._talker.start()
        if self._run.way:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._run.moment * self._typical)
            self._disturb()
        out, err = self._collect()
        if self._talker:
            self._talker.join()
        with self._place.lock:
            self._place.ours.discard(self._process.pid)
        self._judge(out, err)
        if not traces.settled(lambda: reap(self._place) and not traces.marked(self._mark), VANISH):
            self.problems += [f"left: {traces.described(pid)}" for pid in traces.marked(self._mark)]

    def _disturb(self) -> None:
        way, process = self._run.way, self._process
        with suppress(ProcessLookupError):
            if way in SIGNALS:
                os.kill(process.pid, SIGNALS[way])
            elif way == "int twice":
                os.kill(process.pid, signal.SIGINT)
                time.sleep(0.01)
                os.kill(process.pid, signal.SIGINT)
            elif way == "stop any and kill":
                stopped = self._to_one_inside("any", signal.SIGSTOP)
                time.sleep(0.02)
                os.kill(process.pid, signal.SIGKILL)
                time.sleep(0.3)
                if stopped in traces.marked(self._mark):  # the process that copies out: it ends when it goes on
                    os.kill(stopped, signal.SIGCONT)
            elif way.startswith("stop"):
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(0.05)
                os.kill(process.pid, signal.SIGKILL if way.endswith("kill") else signal.SIGCONT)
            elif way == "reader gone" and process.stdout:
                process.stdout.close()
            elif way == "parent killed":
                os.kill(process.pid, signal.SIGKILL)
            elif way.startswith("kill "):
                self._to_one_inside(way.removeprefix("kill "), signal.SIGKILL)

    def _to_one_inside(self, who: str, number: int) -> int:
        """Send a signal to a process of the tree, as the host's memory killer would; give its number, 0 for none."""
        if self._process.poll() is not None:
            return 0
        below = traces.descendants(self._process.pid)
        if not below:
            return 0
        chosen = {"the steward": 0, "the init": min(1, len(below) - 1)}.get(who, self._run.pick % len(below))
        os.kill(below[chosen], number)
        return below[chosen]

    def _collect(self) -> tuple[bytes, bytes]:
        """Wait for the end, and give what was said."""
        if self._master >= 0:
            try:
                self._process.wait(PATIENCE)
                traces.settled(lambda: not traces.marked(self._mark), PATIENCE)  # it may have outlived its parent
            except subprocess.TimeoutExpired:
                self._hangs()
            return self._typed(), b""
        if self._process.stdout and self._process.stdout.closed:
            self._process.stdout = None
        try:
            out, err = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._hangs()
            out, err = self._process.communicate()
        return out or b"", err or b""

    def _typed(self) -> bytes:
        os.set_blocking(self._master, False)
        words = b""
        with suppress(OSError):  # EIO: nobody holds the other side any more
            while part := os.read(self._master, 65536):
                words += part
        os.close(self._master)
        return words

    def _hangs(self) -> None:
        self.problems.append("hangs")
        self.problems += [f"while it hangs: {traces.described(pid)}" for pid in traces.marked(self._mark)]
        for pid in traces.marked(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _judge(self, out: bytes, err: bytes) -> None:
        """Compare with how it must end when nobody disturbs it."""
        run, code = self._run, self._process.returncode
        said = out.decode(errors="replace")
        if b"internal error" in err or (b"Traceback" in err and b"/casemate/" in err):  # the program's own are its own
            self.problems.append(f"says {err[-600:]!r}")
        if run.way not in HARMLESS:
            return
        if run.way != "parent killed" and code not in run.deed.codes:
            self.problems.append(
                f"ended with {code} and not {sorted(run.deed.codes)}; it says {said[-300:]!r} {err[-600:]!r}"
            )
        elif said != run.deed.says and not run.deed.misbehaves:
            self.problems.append(f"says {said[-300:]!r} {err[-600:]!r}")

    def _talk(self, port: int) -> None:
        """Connect until somebody answers or the run is over."""
        import socket  # noqa: PLC0415 -- beside the only use

        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and (self._process.poll() is None or traces.marked(self._mark)):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(b"done\n")
                if connection.recv(10) == b"bye":
                    return
            time.sleep(0.01)


def reap(place: Place) -> bool:
    """Reap the orphans that came to us, as the init of a host does."""
    with place.lock:
        for pid, (parent, state) in traces.parents().items():
            if parent == os.getpid() and state == "Z" and pid not in place.ours:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
    return True


def calibrated(place: Place) -> float:
    """Run each ordinary deed once, so that what is kept is kept, and give the seconds that a bare run takes."""
    with served(place):
        for number, deed in enumerate((*ORDINARY, MISBEHAVING[0])):
            watched = Watched(place, Run(900_000 + number, deed, "", 0, 0), place.ports[0], 1)
            watched.finish()
            if watched.problems:
                raise SystemExit(f"{deed.name}: {'; '.join(watched.problems)}")
        took = list[float]()
        for number in range(5):
            began = time.monotonic()
            Watched(place, Run(910_000 + number, ORDINARY[0], "", 0, 0), 0, 1).finish()
            took.append(time.monotonic() - began)
    return statistics.median(took)


def soaked(place: Place, runs: Sequence[Run], jobs: int, typical: float) -> list[str]:
    """Do all runs, so many at a time, and say of each what was wrong with it."""
    free_ports = list(place.ports)
    done = 0
    problems = list[str]()

    def one(run: Run) -> list[str]:
        nonlocal done
        port = free_ports.pop()
        try:
            watched = Watched(place, run, port, typical)
            watched.finish()
        finally:
            free_ports.append(port)
        done += 1
        if done % 100 == 0:
            print(f"  {done} of {len(runs)}", file=sys.stderr, flush=True)
        return [
            f"run {run.number} ({run.deed.name}{', ' + run.way if run.way else ''}): {word}"
            for word in watched.problems
        ]

    with served(place), ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(one, runs):
            problems += found
            for word in found:
                print(word, file=sys.stderr, flush=True)
    return problems


def allowed(place: Place, entry: str) -> bool:
    """Tell whether a name in our folder is one that a run was meant to write."""
    name = entry.partition(" ")[0].removeprefix(f"{place.scratch}/")
    folder, _, last = name.rpartition("/")
    if ".casemate-" in name:
        return False
    return folder in ("files", "records") or (name.startswith("out/") and last.startswith(("r-", "many-", "shared")))


def swept(place: Place) -> list[str]:
    """Write once more wherever runs wrote: that removes what a killed copier may have left under a temporary name."""
    problems = list[str]()
    for number, deed in enumerate(deed for deed in ORDINARY if deed.name.startswith("write")):
        for port in place.ports:
            watched = Watched(place, Run(920_000 + number, deed, "", 0, 0), port, 1)
            watched.finish()
            problems += watched.problems
    return problems


def left_over(place: Place, before: traces.Traces, slabs: dict[str, int], runs: int) -> dict[str, list[str]]:
    """Compare the host with what it was."""
    reap(place)
    users = frozenset({place.user}) - {0, os.geteuid()}
    found = dict[str, list[str]]()

    def same() -> bool:
        nonlocal found
        reap(place)
        after = traces.look(place.scratch, frozenset(place.ports), users)
        found = traces.compare(before, after, allowed=lambda entry: allowed(place, entry))
        found["processes"] = [traces.described(pid) for pid in traces.descendants(os.getpid())]
        most = max(100, runs // 10)  # others start and end namespaces meanwhile
        now = traces.slabs()
        found["namespaces and mounts of the kernel"] = [
            f"{name}: {slabs[name]} before, {now[name]} now" for name in now if now[name] > slabs[name] + most
        ]
        return not any(found.values())

    traces.settled(same, 20)
    return found


def threads(place: Place, runs: int) -> dict[str, object]:
    """Run many inside one process, in threads that end."""
    options = place.options()
    options["env"] = {**options["env"], "PYTHONPATH": str(ROOT / "src")}  # type: ignore[dict-item]
    argv = [place.python, "-S", str(ROOT / "benchmarks" / "soak_threads.py"), str(runs), str(place.scratch / "out")]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True, **options)  # type: ignore[call-overload]
    return dict(json.loads(done.stdout))


def table(runs: Sequence[Run], problems: Sequence[str], left: dict[str, list[str]], inside: dict[str, object]) -> None:
    """Print what was done and what was found."""
    ways = collections.Counter(run.way for run in runs if run.way)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("| | |\n|---|---|")
    print(f"| runs | {len(runs)} |")
    print(f"| of which misbehave | {sum(run.deed.misbehaves for run in runs)} |")
    each = ", ".join(f"{way} {count}" for way, count in ways.most_common())
    print(f"| of which were disturbed | {ways.total()}: {each} |")
    print(f"| ended otherwise than they must, or left a process | {len(problems)} |")
    for kind, entries in sorted(left.items()):
        print(f"| left over: {kind} | {len(entries)} |")
    for name, value in inside.items():
        print(f"| in one process: {name} | {value} |")
    print(f"| CPU seconds of all of it | {usage.ru_utime + usage.ru_stime:.0f} |")


def main() -> int:
    """Soak, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kill-rate", type=float, default=0.35, help="share of the runs that are disturbed")
    parser.add_argument("--bad-rate", type=float, default=0.05, help="share of the runs that misbehave")
    parser.add_argument("--user", type=int, default=os.geteuid(), help="as root: the uid that runs casemate")
    parser.add_argument("--threads", type=int, default=500, help="runs inside one process")
    arguments = parser.parse_args()
    traces.adopt_orphans()
    runs = drawn(arguments.runs, arguments.seed, arguments.kill_rate, arguments.bad_rate)
    with placed(arguments.user) as place:
        place.ports = tuple(21_000 + os.getpid() % 10_000 + number for number in range(arguments.jobs))
        for port in place.ports:
            file = place.scratch / "files" / str(port)
            file.write_text("before")
            os.chown(file, place.user, -1)
        typical = calibrated(place)
        print(
            f"## {len(runs)} runs, user {arguments.user}, seed {arguments.seed}; a bare one takes {typical:.3f} s here"
        )
        reap(place)
        users = frozenset({place.user}) - {0, os.geteuid()}
        before, slabs = traces.look(place.scratch, frozenset(place.ports), users), traces.slabs()
        problems = soaked(place, runs, arguments.jobs, typical)
        inside = threads(place, arguments.threads) if arguments.threads else {}
        problems += swept(place)
        left = left_over(place, before, slabs, len(runs))
    table(runs, problems, left, inside)
    for kind, entries in left.items():
        for entry in entries:
            print(f"left over: {kind}: {entry}")
    return 1 if problems or any(left.values()) or inside.get("left over") else 0


if __name__ == "__main__":
    sys.exit(main())

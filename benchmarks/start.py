"""What it costs to start a confined program, and what it costs the program: beside its peers, in one interleaved run.

As root and as an ordinary user: wall time and CPU time of everything that descends from a command, medians, ratios to
the bare program; then a program that does nothing but system calls, and one that only computes. A peer that is not
there, or that does not run here, is named with the reason. Run it on a quiet machine; `--steady` gives it a real-time
priority, so that others disturb it less.
"""
# ruff: noqa: RUF001 -- a table has a sign for "times"

import argparse
import contextlib
import ctypes
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHON = os.path.realpath(shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable)
NEED_GROUPS = ("podman + runc", "runc", "runsc")  # they join cgroups, which no process of real-time priority may
USER = 65_534  # nobody
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
PATIENCE = 2.0  # seconds for what a command leaves behind
ALLOWANCE = 8.0  # ms that casemate may take beside bubblewrap and one Python
NOTHING, SEVEN = "pass", "raise SystemExit(7)"
SYSTEM_CALLS = """
import os, time
began, path = time.perf_counter(), os.__file__
file = os.open(path, os.O_RDONLY)
for _ in range(200_000):
    os.stat(path)
    os.pread(file, 64, 0)
print(time.perf_counter() - began)
"""
COMPUTING = """
import time
began = time.perf_counter()
sum(number * number for number in range(20_000_000))
print(time.perf_counter() - began)
"""
READABLE = ("/usr", "/lib", "/lib64", "/bin", "/etc")
HOW = {  # where a peer comes from
    "bwrap": "apt-get install bubblewrap",
    "firejail": "apt-get install firejail",
    "podman + runc": "apt-get install podman runc",
    "runsc": "apt-get install runsc",
    "nsjail": "built from source; put it on PATH",
    "minijail0": "built from source; put it on PATH",
    "srt": "npm install @anthropic-ai/sandbox-runtime; apt-get install ripgrep socat bubblewrap; --srt PATH",
    "sandlock": "pip install sandlock in an environment of its own; --sandlock-python PATH",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: milliseconds, how it ended, and what it said."""

    wall: float
    cpu: float
    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Places:
    """What was made or named for the measurement."""

    casemate: str
    folder: str
    srt: str
    sandlock: str
    steady: bool


def once(name: str, argv: Sequence[str], uid: int, places: Places) -> Cost:
    """Run a command as a user; count it and all its descendants, also those that nobody of them waits for."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        if places.steady and name in NEED_GROUPS:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        _become(argv, uid, places.folder, writer)
    os.close(writer)
    _, status, usage = os.wait4(child, 0)
    wall, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    os.set_blocking(reader, False)
    said = b""
    with contextlib.suppress(BlockingIOError):
        said = os.read(reader, 65536)
    os.close(reader)
    return Cost(wall * 1e3, (cpu + _of_the_others()) * 1e3, os.waitstatus_to_exitcode(status), said.decode())


def _become(argv: Sequence[str], uid: int, folder: str, output: int) -> None:
    """Become the command. Nothing comes back."""
    try:
        if uid != os.getuid():
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor, source in ((0, null), (1, output), (2, null)):
            os.dup2(source, descriptor)
        os.chdir(folder)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder, "LANG": "C.UTF-8"}
        os.execve(argv[0], list(argv), environment)
    finally:
        os._exit(127)


def _of_the_others() -> float:
    """Reap what came to us because its parent has ended; give its CPU seconds."""
    cpu, until = 0.0, time.monotonic() + PATIENCE
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
            cpu += usage.ru_utime + usage.ru_stime if pid else 0.0
            if not pid:
                time.sleep(0.001)
    return cpu


def commands(code: str, places: Places) -> dict[str, list[str]]:
    """Give the command lines that run a program bare, under casemate and under each peer that was found."""
    program = [PYTHON, "-c", code]
    found = {
        "python3 -I -S": [PYTHON, "-I", "-S", "-c", code],
        "python3": program,
        "casemate run": [places.casemate, "run", "--python", PYTHON, "-c", code],
    }
    peers = {
        "bwrap": ["bwrap", *_bubblewrap(), "--", *program],
        "firejail": ["firejail", "--quiet", "--noprofile", "--net=none", "--", *program],
        "nsjail": ["nsjail", "-Mo", "-Q", "--chroot", "/", "--", *program],
        "minijail0": ["minijail0", "-U", "-v", "-p", "-e", "-l", "--", *program],
        "runsc": ["runsc", "--network=none", *([] if os.getuid() == 0 else ["--rootless"]), "do", *program],
        "podman + runc": _podman(places.folder, program),
        "srt": [places.srt or "srt", "-c", shlex.join(program)],
        "sandlock": _sandlock(places.sandlock, program),
    }
    for name, argv in peers.items():
        if argv and (path := shutil.which(argv[0], path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")):
            found[name] = [path, *argv[1:]]
    return found


def _bubblewrap() -> list[str]:
    """Give the line that bubblewrap's own manual shows, with every namespace."""
    binds = [word for path in READABLE for word in ("--ro-bind-try", path, path)]
    others = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    return [*binds, *others, "--unshare-all", "--new-session", "--die-with-parent"]


def _podman(folder: str, program: Sequence[str]) -> list[str]:
    """Give a container whose root is a folder of links into the host's /usr; limits that a root without rights has."""
    limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=500:500"]
    mounts = ["-v", "/usr:/usr:ro", "--network", "none", "--rootfs", f"{folder}/root"]
    return ["podman", "--runtime", "runc", "run", "--rm", *limits, *mounts, *program]


def _sandlock(python: str, program: Sequence[str]) -> list[str]:
    """Give a Python that starts the program by the library; its command line is not in the package."""
    if not python:
        return []
    readable = [path for path in (*READABLE, "/proc", "/dev") if Path(path).exists()]
    text = f"from sandlock import Sandbox\nr = Sandbox(fs_readable={readable}).run({list(program)})\n"
    return [python, "-c", f"{text}print((r.stdout or b'').decode(), end='')\nraise SystemExit(r.exit_code)"]


def measured(lines: Mapping[str, Sequence[str]], uid: int, places: Places, rounds: int) -> dict[str, list[Cost]]:
    """Run all in turn, beginning elsewhere in each round; the first run of each is thrown away."""
    costs: dict[str, list[Cost]] = {name: [] for name in lines}
    names = list(lines)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            cost = once(name, lines[name], uid, places)
            if number:
                costs[name].append(cost)
    return costs


def that_run(places: Places, uid: int) -> tuple[dict[str, Sequence[str]], list[str]]:
    """Take those that end with the code of the program that they were told to run; name the others."""
    lines, seven = commands(NOTHING, places), commands(SEVEN, places)
    good, bad = dict[str, Sequence[str]](), list[str]()
    for name, argv in lines.items():
        codes = [once(name, argv, uid, places).code, once(name, seven[name], uid, places).code]
        if codes == [0, 7]:
            good[name] = argv
        else:
            bad.append(f"{name}: does not run here (exit codes {codes[0]} and {codes[1]} for 0 and 7)")
    bad += [f"{name}: not installed ({how})" for name, how in HOW.items() if name not in lines]
    return good, bad


def start_up(places: Places, uid: int, rounds: int) -> None:
    """Print the table of starts and whether the mark is met."""
    lines, missing = that_run(places, uid)
    costs = measured(lines, uid, places, rounds)
    bare = _median(costs["python3"])
    print(f"\n## start of a program that does nothing, {'root' if uid == 0 else f'user {uid}'}, {rounds} rounds\n")
    print("| | wall ms | × bare | CPU ms | × bare |\n|---|---|---|---|---|")
    for name, runs in sorted(costs.items(), key=lambda item: _median(item[1])[0]):
        wall, cpu = _median(runs)
        print(f"| {name} | {wall:.1f} | {wall / bare[0]:.2f} | {cpu:.1f} | {cpu / bare[1]:.2f} |")
    for sentence in missing:
        print(f"\nmissing: {sentence}")
    if "bwrap" in costs:
        mark = _median(costs["bwrap"])[0] + _median(costs["python3 -I -S"])[0] + ALLOWANCE
        ours = _median(costs["casemate run"])[0]
        print(f"\nmark (bwrap + python3 -I -S + 8 ms): {mark:.1f} ms; casemate run: {ours:.1f} ms: {_met(ours, mark)}")


def programs(places: Places, uid: int, rounds: int) -> None:
    """Print what the program itself loses by being confined."""
    print(
        f"\n## inside, {'root' if uid == 0 else f'user {uid}'}, {rounds} rounds: seconds that the program itself took\n"
    )
    print("| | system calls | × bare | computing | × bare |\n|---|---|---|---|---|")
    names = ("python3", "bwrap", "casemate run")
    columns = list[dict[str, float]]()
    for code in (SYSTEM_CALLS, COMPUTING):
        lines = {name: argv for name, argv in commands(code, places).items() if name in names}
        costs = measured(lines, uid, places, rounds)
        columns.append({name: statistics.median(float(run.said) for run in runs) for name, runs in costs.items()})
    for name in columns[0]:
        cells = [f"{column[name]:.3f} | {column[name] / column['python3']:.3f}" for column in columns]
        print(f"| {name} | {' | '.join(cells)} |")
    for what, column, most in (("system calls", columns[0], 1.1), ("computing", columns[1], 1.03)):
        ratio = column["casemate run"] / column["python3"]
        print(f"\nmark ({what}: at most {most} × bare): {ratio:.3f}: {_met(ratio, most)}")


def _met(value: float, most: float) -> str:
    """Say whether a mark is met."""
    return "met" if value <= most else "missed"


def _median(runs: Sequence[Cost]) -> tuple[float, float]:
    """Give the medians of wall and CPU time."""
    return statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs)


def installed(folder: Path) -> str:
    """Install casemate apart, as pip would, for everybody; the bare interpreter is the same one."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    site = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
    shutil.copytree(ROOT / "src" / "casemate", site / "casemate", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([PYTHON, "-m", "compileall", "-q", site], check=True)
    command = folder / "venv" / "bin" / "casemate"
    shutil.copy(ROOT / "bin" / "casemate", command)
    subprocess.run([command, "run", "-c", "pass"], check=True)  # the owner's first run makes the bundle
    return str(command)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="of the start (default: %(default)s)")
    parser.add_argument(
        "--inside", type=int, default=7, metavar="ROUNDS", help="of the programs (default: %(default)s)"
    )
    parser.add_argument("--srt", default="", metavar="PATH", help="the command of sandbox-runtime, if not on PATH")
    parser.add_argument("--sandlock-python", default="", metavar="PATH", help="a Python that has sandlock")
    parser.add_argument("--uid", type=int, default=USER, help="the ordinary user; firejail wants one with an account")
    parser.add_argument("--steady", action="store_true", help="with real-time priority (root)")
    arguments = parser.parse_args()
    if arguments.steady:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    print(f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()}, {os.cpu_count()} cores, {PYTHON}")
    with tempfile.TemporaryDirectory(prefix="start-", dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        command = installed(folder)
        for uid in (0, arguments.uid) if os.getuid() == 0 else (os.getuid(),):
            home = folder / f"home-{uid}"
            (home / "root" / "etc").mkdir(parents=True)
            for name in ("bin", "lib", "lib64", "sbin"):
                (home / "root" / name).symlink_to(f"usr/{name}")
            for path in (home, home / "root", home / "root" / "etc"):
                os.chown(path, uid, uid)
            places = Places(command, str(home), arguments.srt, arguments.sandlock_python, arguments.steady)
            start_up(places, uid, arguments.rounds)
            programs(places, uid, arguments.inside)


if __name__ == "__main__":
    main()

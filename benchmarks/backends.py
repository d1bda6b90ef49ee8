"""What a backend adds to the tool that it stands on: the same program that does nothing, by hand and by casemate.

By hand means the simplest line of the tool: all namespaces, the whole /usr of the host, no Landlock, no filter, no
limits, no record. As root, wall and CPU time of everything that descends from a command, medians of interleaved runs.
Run it on a quiet machine; `--steady` gives it a real-time priority.
"""
# ruff: noqa: RUF001 -- a table has a sign for "times"

import argparse
import ctypes
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from start import PYTHON, SUBREAPER, Cost, Places, installed, measured

from casemate import Code, Refused, Warm
from casemate.model import own
from casemate.sandbox import choose

CAPABILITIES = ("bounding", "effective", "inheritable", "permitted", "ambient")
PROGRAM = [PYTHON, "-c", "pass"]
MARKS = {"oci:crun": ("crun", 25.0)}  # ms that casemate may take beside the tool by hand
BACKENDS = ("native", "bubblewrap", "oci:crun", "oci:runc", "oci:runsc", "vm", "wasm", "graalpy")
WARM_MARKS = {"vm": 400.0, "wasm": 50.0, "graalpy": 150.0}  # ms of a run that was made ready before
SETTLED, SOON, LATE = 3, 1.0, 10.0  # one is ready after so many cold starts; at least and at most so many seconds
SLOW = ("casemate oci:runsc", "casemate vm", "casemate graalpy")  # whose starts take seconds: fewer rounds of them
FEW = 7
BY_HAND = {"bubblewrap": "bwrap", "oci:crun": "crun", "oci:runc": "runc", "oci:runsc": "runsc"}


def bundle(folder: Path) -> Path:
    """Make a bundle of the host's /usr, as the runtime's own `spec` would, without network and capabilities."""
    root = folder / "rootfs"
    root.mkdir(parents=True)
    for name in ("usr", "proc", "dev"):
        (root / name).mkdir()
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": PROGRAM,
            "env": ["PATH=/usr/bin"],
            "cwd": "/",
            "capabilities": {name: [] for name in CAPABILITIES},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "bench",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@contextmanager
def one_hierarchy() -> Iterator[list[str]]:
    """Give the words that enter a mount namespace with cgroups of version 2 alone: crun refuses a host with both.

    Nobody lives in it: a child that stays would be waited for after each run that is measured.
    """
    script = "for d in /sys/fs/cgroup/unified; do [ -d $d ] && mount --bind $d /sys/fs/cgroup; done; echo; read word"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script], **pipes) as maker:
        if maker.stdout is not None:
            maker.stdout.readline()
        held = os.open(f"/proc/{maker.pid}/ns/mnt", os.O_RDONLY)
        maker.communicate()
    try:
        yield ["/usr/bin/nsenter", f"--mount=/proc/{os.getpid()}/fd/{held}"]
    finally:
        os.close(held)


def lines(places: Places, prepared: Path, enter: Sequence[str]) -> dict[str, list[str]]:
    """Give the command lines of what is here."""
    found = {"python3": PROGRAM, "enter": [*enter, *PROGRAM]}
    tools = {
        "bwrap": ["--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--dev", "/dev", "--", *PROGRAM],
        "crun": ["--cgroup-manager=disabled", "run", "--bundle", str(prepared), f"bench-{os.getpid()}"],
        "runc": ["run", "--bundle", str(prepared), f"bench-{os.getpid()}"],
        "runsc": ["--network=none", "--ignore-cgroups", "run", "--bundle", str(prepared), f"bench-{os.getpid()}"],
    }
    for name, words in tools.items():
        if path := shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin"):
            found[name] = [*(enter if name == "crun" else ()), path, *words]
    for name in BACKENDS:
        if choose(name).runtime().available:
            found[f"casemate {name}"] = [places.casemate, "run", "--backend", name, "--python", PYTHON, "-c", "pass"]
    return found


def table(costs: dict[str, list[Cost]]) -> None:
    """Print each backend beside its tool, and whether the marks are met."""

    def median(name: str) -> float:
        return statistics.median(cost.wall for cost in costs[name])

    bare, marks = median("python3"), list[str]()
    entering = median("enter") - bare
    print("| | by hand, ms | casemate, ms | casemate - by hand, ms | × bare Python |\n|---|---|---|---|---|")
    print(f"| bare Python | {bare:.1f} | | | 1.00 |")
    for name in BACKENDS:
        if f"casemate {name}" not in costs:
            print(f"| {name} | not here | | | |")
            continue
        ours, tool = median(f"casemate {name}"), BY_HAND.get(name, "")
        hand = median(tool) - (entering if tool == "crun" else 0) if tool else bare
        print(f"| {name} | {hand:.1f} | {ours:.1f} | {ours - hand:.1f} | {ours / bare:.2f} |")
        if name in MARKS and MARKS[name][0] == tool:
            most = MARKS[name][1]
            marks.append(f"\nmark ({name}: at most {tool} + {most:.0f} ms): {_met(ours - hand, most)}")
    print("".join(marks))
    for name, runs in costs.items():
        if failed := {cost.code for cost in runs} - {0}:
            print(f"\n{name} ended with {failed}: its figures mean nothing")


def warm(costs: Mapping[str, Sequence[Cost]], rounds: int) -> None:
    """Print how long a run takes that was made ready before, from its arguments to its end."""
    print("\n| made ready before | ms | × bare Python | mark |\n|---|---|---|---|")
    bare = statistics.median(_milliseconds(lambda: subprocess.run(PROGRAM, check=True)) for _ in range(rounds))
    print(f"| bare Python | {bare:.1f} | 1.00 | |")
    for name in BACKENDS:
        if f"casemate {name}" not in costs:
            continue
        times = list[float]()
        start = statistics.median(cost.wall for cost in costs[f"casemate {name}"]) / 1000
        ready = min(max(SOON, SETTLED * start), LATE)
        try:
            with Warm(Code("pass"), python=PYTHON, backend=name) as waiting:
                waiting.run()  # whatever is made once is made now
                for _ in range(rounds):
                    time.sleep(ready)
                    times.append(_milliseconds(waiting.run))
        except Refused as refused:
            print(f"| {name} | {refused} | | |")
            continue
        took, most = statistics.median(times), WARM_MARKS.get(name)
        verdict = "" if most is None else f"{most:.0f}: {_met(took, most)}"
        print(f"| {name} | {took:.1f} | {took / bare:.2f} | {verdict} |")


def cold(commands: Mapping[str, Sequence[str]], places: Places, rounds: int) -> dict[str, list[Cost]]:
    """Run all of them in turn a few times, and then without those whose starts take seconds."""
    costs = measured(commands, os.getuid(), places, min(FEW, rounds))
    if rounds > FEW:
        quick = {name: words for name, words in commands.items() if name not in SLOW}
        for name, further in measured(quick, os.getuid(), places, rounds - FEW).items():
            costs[name] += further
    return costs


def lend_runtimes(home: Path) -> None:
    """Let a home have what `casemate backends install` fetched for us."""
    target = Path(own.data({"HOME": str(home)}))
    target.parent.mkdir(parents=True)
    target.symlink_to(own.data(os.environ))


def _met(value: float, most: float) -> str:
    return "met" if value <= most else "missed"


def _milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=21, help=f"those that take seconds, at most {FEW} (default: %(default)s)"
    )
    parser.add_argument("--steady", action="store_true", help="with real-time priority (root)")
    arguments = parser.parse_args()
    if arguments.steady:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    load = os.getloadavg()[0]
    print(
        f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()}, {os.cpu_count()} cores, {PYTHON}, load {load:.1f}\n"
    )
    with tempfile.TemporaryDirectory(prefix="backends-", dir="/tmp") as made, one_hierarchy() as enter:
        folder = Path(made)
        folder.chmod(0o755)
        lend_runtimes(folder)
        places = Places(installed(folder), str(folder), "", "", arguments.steady)
        found = lines(places, bundle(folder / "bundle"), enter)
        costs = cold(found, places, arguments.rounds)
        table(costs)
    warm(costs, min(FEW, arguments.rounds))
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

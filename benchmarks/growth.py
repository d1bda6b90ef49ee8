"""Measure how the cost of `casemate audit --no-cache` grows with what it reads, beside ruff over the same lines."""

import argparse
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import measure

import corpus

BIN = Path(sys.executable).parent
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 7_000_000)
NAMES = ("corpus", "judged", "wellkept")
MIB = 1 << 20


class Folder(NamedTuple):
    """A folder of a package: where it is, what it is called in a corpus, its lines, and whether another list had it."""

    path: Path
    name: str
    lines: int
    again: bool


def folders() -> list[Folder]:
    """Give every folder of the real packages and of the standard library, in a fixed order."""
    packages = [path for name in NAMES for path in corpus.packages(corpus.fetch(name))]
    found, seen = list[Folder](), set[str]()
    for number, package in enumerate((*packages, Path(sysconfig.get_path("stdlib")))):
        for path in sorted({source.parent for source in package.rglob("*.py")}):
            lines = sum(source.read_bytes().count(b"\n") for source in path.glob("*.py"))
            if lines and "site-packages" not in path.parts:
                name = f"p{number}_{package.name}/{path.relative_to(package)}"
                found.append(Folder(path, name, lines, package.name in seen))
        seen.add(package.name)
    return found


def gather(root: Path, wanted: int, real: Sequence[Folder]) -> tuple[int, int]:
    """Copy an even share of all folders, so that every size is of the same kind; give the lines, and those read again.

    Where all of them are not enough, they are taken once more under other names.
    """
    share = wanted / sum(folder.lines for folder in real)
    lines, again, due = 0, 0, 0.0
    for folder in real:
        due += folder.lines * share
        turn = 0
        while due - lines >= folder.lines / 2:
            target = root / f"{turn}" / folder.name
            target.mkdir(parents=True)
            for source in folder.path.glob("*.py"):
                shutil.copyfile(source, target / source.name)
            lines += folder.lines
            again += folder.lines if turn or folder.again else 0
            turn += 1
    return lines, again


def family(root: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    waiting = [root]
    while waiting:
        process = waiting.pop()
        yield process
        try:
            waiting += map(int, Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split())
        except OSError:
            continue  # it has ended


def own_memory(process: int) -> int:
    """Give the bytes that a process holds, shared pages as its share of them; 0 where it has ended."""
    try:
        rows = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:")), 0)


class Watch:
    """Looks at the memory of all processes below this one, a few times a second, while something runs."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.largest = self.together = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        """Start to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            held = [own_memory(process) for process in family(os.getpid()) if process != os.getpid()]
            self.largest = max(self.largest, *held, 0)
            self.together = max(self.together, sum(held))


def measured(wanted: int, real: Sequence[Folder]) -> str:
    """Give the row of one size."""
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        lines, again = gather(Path(name), wanted, real)
        ruff = measure.run_once(
            [str(BIN / "ruff"), "check", "--isolated", "--select", "S", "--no-cache", "-q", name]
        )  # fmt: skip
        with Watch() as watch:
            cost = measure.run_once([sys.executable, "-m", "casemate", "audit", "--no-cache", name])
    each = cost.cpu_seconds / lines * 100_000
    memory = f"{max(watch.largest / MIB, cost.max_rss_mib):.0f} | {watch.together / MIB:.0f}"
    ratio = cost.cpu_seconds / ruff.cpu_seconds
    return f"| {lines:,} | {again:,} | {cost.cpu_seconds:.1f} | {each:.2f} | {ratio:.2f} | {memory} |"


def main() -> None:
    """Parse the command line and measure one size after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--most", type=int, default=SIZES[-1], help="lines of the largest corpus (default: %(default)s)"
    )
    arguments = parser.parse_args()
    host = f"Linux {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{time.strftime('%Y-%m-%d')}, {host}\n")
    real = folders()
    once = sum(folder.lines for folder in real if not folder.again)
    print(f"## growth: {once:,} lines of real packages; beyond them, copies or other versions of them\n")
    print("| lines | of them copies | CPU s | CPU s for 100,000 lines | x ruff | largest process MiB | all MiB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for size in SIZES:
        if size <= arguments.most:
            print(measured(size, real), flush=True)


if __name__ == "__main__":
    main()

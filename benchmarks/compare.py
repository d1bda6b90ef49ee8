"""Measure `casemate audit` beside its peers in one run: bandit and ruff. For `casemate run` see start.py."""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import measure

import corpus

BIN = Path(sys.executable).parent
RUFF = "ruff check --select S --no-cache"


def audit(rounds: int, *, peers: bool) -> None:
    """CPU seconds of whole processes over the same lines: casemate cold, cold while it keeps its results, and warm."""
    packages = [str(path) for path in corpus.packages(corpus.fetch())]
    count = sum(corpus.lines(Path(path)) for path in packages)
    print(
        f"## audit: {count:,} lines of {', '.join(Path(path).name for path in packages)}; {rounds} interleaved rounds"
    )
    ruff = [str(BIN / "ruff"), "check", "--isolated", "--select", "S", "--no-cache", "-q", *packages]
    casemate = [str(BIN / "casemate"), "audit"]
    costs: dict[str, list[measure.Cost]] = {}
    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds):
            keeping = ["env", f"XDG_CACHE_HOME={home}/{number}", *casemate, *packages]
            commands = {
                RUFF: ruff,
                "casemate audit --no-cache": [*casemate, "--no-cache", *packages],
                "casemate audit --no-cache --workers 1": [*casemate, "--no-cache", "--workers", "1", *packages],
                "casemate audit, first run": keeping,
                "casemate audit, nothing changed": keeping,
            }
            for name, argv in commands.items():
                costs.setdefault(name, []).append(measure.run_once(argv))
    if peers:
        costs["bandit"] = [measure.run_once([str(BIN / "bandit"), "-q", "-r", *packages])]
    table(costs, base=RUFF)


def table(costs: dict[str, list[measure.Cost]], *, base: str) -> None:
    """Print medians, and ratios to the base."""
    reference = measure.median(costs[base])
    print("\n| command | CPU s | x base | wall s | x base | peak MiB |\n|---|---|---|---|---|---|")
    for name, runs in costs.items():
        cost = measure.median(runs)
        cpu, wall = cost.cpu_seconds / reference.cpu_seconds, cost.wall_seconds / reference.wall_seconds
        figures = f"{cost.cpu_seconds:.3f} | {cpu:.2f} | {cost.wall_seconds:.3f} | {wall:.2f} | {cost.max_rss_mib:.0f}"
        print(f"| {name} | {figures} |")
    print()


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--no-bandit", action="store_true", help="leave out bandit, which takes minutes")
    arguments = parser.parse_args()
    host = f"Linux {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{time.strftime('%Y-%m-%d')}, {host}\n")
    audit(arguments.rounds, peers=not arguments.no_bandit)


if __name__ == "__main__":
    main()

"""Draw findings at random, with their source, for a person to judge: docs/explanation/precision.md says how.

python benchmarks/precision.py --seed 20261125 --count 50
python benchmarks/precision.py --seed 20261125 --count 40 --corpus wellkept
"""

import argparse
import random
import sysconfig
from collections import Counter
from pathlib import Path

import corpus
from casemate.audit import examine
from casemate.model.finding import Finding, Severity
from casemate.model.scope import Scope
from casemate.services.workers import most_at_once

AROUND = 6  # lines before and after
APART = ("site-packages", "test", "tests", "idle_test")  # what lies beside the standard library, and its tests
PER = 20_000  # lines: the unit of what a reader sees


def excerpt(path: str, line: int) -> str:
    """Give the lines around a place, numbered."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    first = max(0, line - AROUND - 1)
    chosen = enumerate(lines[first : line + AROUND], first + 1)
    return "\n".join(f"  {'>' if number == line else ' '} {number:5} {text[:160]}" for number, text in chosen)


def show(number: int, finding: Finding) -> None:
    """Print one finding with its flow."""
    print(f"\n=== {number}: {finding.rule} {finding.severity}/{finding.confidence} {finding.location}")
    print(f"  {finding.message}")
    for step in finding.flow.steps if finding.flow is not None else ():
        print(f"    {step.location}: {step.message}")
    print(excerpt(finding.location.path, finding.location.line))


def standard_library() -> Path:
    """Give the folder of the standard library that runs this."""
    return Path(sysconfig.get_path("stdlib"))


def folders(name: str) -> list[Path]:
    """Give the folders of a corpus; beside well-kept packages stands the standard library."""
    return [*([standard_library()] if name == "wellkept" else []), *corpus.packages(corpus.fetch(name))]


def findings(folder: Path) -> tuple[Finding, ...]:
    """Audit one folder by itself, and say in one line how much there is to read."""
    exclude = APART if folder == standard_library() else ()
    report = examine([folder], scope=Scope(paths=(str(folder),), exclude=exclude), at_once=most_at_once())
    by = Counter(finding.severity for finding in report.findings)
    high = (by[Severity.HIGH] + by[Severity.CRITICAL]) * PER / max(1, report.counts.lines)
    counted = ", ".join(f"{by[severity]} {severity}" for severity in sorted(Severity, reverse=True))
    skipped = f"{len(report.skipped)} places not analysed"
    print(f"{folder.name}: {report.counts.lines:,} lines, {counted}; {high:.2f} high for {PER:,} lines; {skipped}")
    return report.findings


def main() -> None:
    """Audit each folder by itself, draw from all findings together, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="default: the packages of the corpus")
    parser.add_argument("--corpus", choices=("judged", "wellkept"), default="judged")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=50)
    arguments = parser.parse_args()
    chosen = arguments.folders or folders(arguments.corpus)
    every = [finding for folder in chosen for finding in findings(folder)]
    found = [finding for finding in every if finding.severity > Severity.INFO]
    print(f"{len(found)} findings, and {len(every) - len(found)} notes of severity info that are not drawn")
    drawn = random.Random(arguments.seed).sample(found, min(arguments.count, len(found)))  # noqa: S311 -- a draw
    for number, finding in enumerate(drawn, 1):
        show(number, finding)


if __name__ == "__main__":
    main()

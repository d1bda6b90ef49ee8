"""Draw findings at random, with their source, for a person to judge: docs/explanation/precision.md says how.

python benchmarks/precision.py --seed 20261125 --count 50
"""

import argparse
import random
from pathlib import Path

import corpus
from casemate.audit import audit
from casemate.model.finding import Finding, Severity

AROUND = 6  # lines before and after


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


def main() -> None:
    """Audit each folder by itself, draw from all findings together, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="default: the packages of judged.txt")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=50)
    arguments = parser.parse_args()
    folders = arguments.folders or corpus.packages(corpus.fetch("judged"))
    every = [finding for folder in folders for finding in audit([folder]).findings]
    found = [finding for finding in every if finding.severity > Severity.INFO]
    print(f"{len(found)} findings, and {len(every) - len(found)} notes of severity info that are not drawn")
    drawn = random.Random(arguments.seed).sample(found, min(arguments.count, len(found)))  # noqa: S311 -- a draw
    for number, finding in enumerate(drawn, 1):
        show(number, finding)


if __name__ == "__main__":
    main()

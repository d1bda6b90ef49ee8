"""Measure what casemate finds of the labelled lines of two public suites of tests, and how often it flags good ones.

python benchmarks/labelled.py
python benchmarks/labelled.py semgrep-rules --from ../semgrep-rules --show missed --class sql

labels.py says what the labels are. A bad line is found when a finding of its class covers its statement. A good line
that is flagged is a false alarm. Findings of a class that the file is about, on lines without a label, are counted by
themselves. Only development suites are measured here: rules are written with them at hand.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import labels
import suites
from classes import BANDIT, FLOWS, PATTERNS
from labels import Label

from casemate import rules
from casemate.audit import audit


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: its rule, the lines it covers, and the lines its flow passes."""

    rule: str
    first: int
    last: int
    way: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Marks:
    """What is to be reached."""

    found: float
    flagged: float


@dataclass(frozen=True, slots=True)
class Part:
    """One table: a suite, the folder of it, what it must reach."""

    name: str
    suite: suites.Suite
    folder: str
    marks: Marks | None = None


PARTS = (
    Part("codeql", suites.CODEQL, suites.CODEQL.folders[0], Marks(0.75, 0.05)),
    Part("codeql-experimental", suites.CODEQL, suites.CODEQL.folders[1]),
    Part("semgrep-rules", suites.SEMGREP, "python", Marks(0.75, 0.08)),
)
Findings = dict[Path, list[Found]]


def casemate(folders: Iterable[Path]) -> Findings:
    """Audit each folder as a program of its own; a part of a file that was not analysed is told on stderr."""
    found: Findings = defaultdict(list)
    for folder in folders:
        report = audit([folder])
        for item in report.findings:
            steps = item.flow.steps if item.flow is not None else ()
            path = Path(item.location.path)
            way = frozenset(step.location.line for step in steps if Path(step.location.path) == path)
            found[path].append(Found(item.rule, item.location.line, item.location.end_line, way))
        for skip in report.skipped:
            print(f"{skip.path}:{skip.line}: {skip.why}: {skip.detail}", file=sys.stderr)
    return found


def bandit(folder: Path) -> Findings:
    """Run bandit over the same files."""
    command = (Path(sys.executable).parent / "bandit", "-q", "-f", "json", "-r", folder)
    output = subprocess.run(command, capture_output=True, check=False).stdout
    found: Findings = defaultdict(list)
    for item in json.loads(output)["results"]:
        lines = item["line_range"]
        found[Path(item["filename"])].append(Found(item["test_id"], min(lines), max(lines)))
    return found


def answers() -> dict[str, frozenset[str]]:
    """Give the rules of casemate that answer each class."""
    every = rules.about_code()
    flows = {kind: {rule.name for rule in every if sinks.intersection(rule.kinds)} for kind, sinks in FLOWS.items()}
    flows["deserialization"].add("unsafe-yaml-load")
    patterns = {kind: {rule.name for rule in every if re.search(words, rule.name)} for kind, words in PATTERNS.items()}
    return {kind: frozenset(names) for kind, names in (flows | patterns).items()}


def meets(item: Found, label: Label) -> bool:
    """Tell whether a finding is on the lines of a label, or its flow passes them where that counts."""
    way = item.way if label.through else ()
    return any(
        (item.first <= last and first <= item.last) or any(first <= line <= last for line in way)
        for first, last in label.lines
    )


class Table:
    """Labels of one part, by class, judged."""

    def __init__(self, chosen: Sequence[Label], found: Findings, answering: dict[str, frozenset[str]]) -> None:
        """Judge each label once."""
        self.labels, self.found, self.answering = chosen, found, answering
        self.met = {label: any(meets(item, label) for item in self.of(label.path, label.kind)) for label in chosen}

    def of(self, path: Path, kind: str) -> list[Found]:
        """Give the findings of a class in a file."""
        answering = self.answering.get(kind, frozenset())
        return [item for item in self.found.get(path, ()) if item.rule in answering]

    def kinds(self, wanted: Iterable[str]) -> list[str]:
        """Give the classes that have labels, in the order of the table."""
        there = {label.kind for label in self.labels}
        return [kind for kind in wanted if kind in there]

    def count(self, kinds: Iterable[str], *, bad: bool) -> tuple[int, int]:
        """Count the labels of classes, and those with a finding."""
        chosen = [label for label in self.labels if label.kind in kinds and label.bad is bad]
        return len(chosen), sum(self.met[label] for label in chosen)

    def unlabelled(self, kind: str) -> Iterator[tuple[Path, Found]]:
        """Yield the findings of a class on lines without a label, in files that have labels of the class."""
        about: dict[Path, list[Label]] = defaultdict(list)
        for label in self.labels:
            about[label.path].append(label)
        for path in sorted({label.path for label in self.labels if label.kind == kind}):
            for item in self.of(path, kind):
                near = (label for label in about[path] if meets(item, label))
                if not any(item.rule in self.answering.get(label.kind, ()) for label in near):
                    yield path, item


def share(part: int, whole: int) -> str:
    """Give a percentage."""
    return f"{100 * part / whole:.0f}" if whole else "-"


def show(title: str, table: Table, wanted: Iterable[str], peer: Table | None) -> None:
    """Print a table with a row for each class and the sum."""
    kinds = table.kinds(wanted)
    if not kinds:
        return
    more = " bandit found | bandit flagged |" if peer is not None else ""
    print(f"\n### {title}\n\n| class | bad | found | % | good | flagged | % | unlabelled |{more}")
    print("|---|" + "---|" * (9 if peer is not None else 7))
    for name, chosen in [*((kind, [kind]) for kind in kinds), ("all", kinds)]:
        (bad, found), (good, flagged) = table.count(chosen, bad=True), table.count(chosen, bad=False)
        loose = sum(1 for kind in chosen for _ in table.unlabelled(kind))
        rule = "" if name == "all" or table.answering[name] else " (no rule)"
        figures = f"{bad} | {found} | {share(found, bad)} | {good} | {flagged} | {share(flagged, good)} | {loose}"
        theirs = [peer.count(chosen, bad=bad)[1] for bad in (True, False)] if peer is not None else []
        print(f"| {name}{rule} | {figures} |" + "".join(f" {count} |" for count in theirs))


def lines(what: str, table: Table, kinds: Sequence[str]) -> None:
    """Print the lines that were missed, falsely flagged, or flagged without a label."""
    told: list[tuple[str, int, str, str]] = []
    if what == "unlabelled":
        told += [(str(p), item.first, kind, item.rule) for kind in kinds for p, item in table.unlabelled(kind)]
    else:
        told += [
            (str(label.path), label.lines[0][0], label.kind, label.group)
            for label in table.labels
            if label.kind in kinds and label.bad is (what == "missed") and table.met[label] is not label.bad
        ]
    for path, line, kind, group in sorted(told):
        print(f"{path}:{line} {kind} {labels.text(Path(path))[line - 1].strip()[:120]} [{group}]")


def verdict(part: Part, table: Table) -> str:
    """Say whether the marks are reached."""
    marks = part.marks
    if marks is None:
        return f"{part.name}: no marks"
    (bad, found), (good, flagged) = table.count(FLOWS, bad=True), table.count(FLOWS, bad=False)
    recall, alarms = found / max(bad, 1), flagged / max(good, 1)
    words = ["reached" if ok else "MISSED" for ok in (recall >= marks.found, alarms <= marks.flagged)]
    return (
        f"{part.name}: bad found {recall:.1%} of {bad} (at least {marks.found:.0%}): {words[0]}; "
        f"good flagged {alarms:.1%} of {good} (at most {marks.flagged:.0%}): {words[1]}"
    )


def measure(part: Part, root: Path, arguments: argparse.Namespace) -> str:
    """Measure one part and print its tables."""
    folder = root / part.folder
    read = labels.codeql if part.suite is suites.CODEQL else labels.semgrep
    every = read(folder)
    files = sorted({label.path for label in every})
    programs = sorted({path.parent for path in files}) if part.suite is suites.CODEQL else files
    answering = answers()
    found = casemate(programs)
    theirs = bandit(folder) if arguments.peers else None
    tests = {kind: frozenset(words.split()) for kind, words in BANDIT.items()}
    wanted = set(arguments.kinds or [*FLOWS, *PATTERNS])
    shown: dict[str, Table] = {}
    print(f"\n## {part.name}: {len(files)} files with labels")
    for title, kinds, audits in (
        ("modelled flows", FLOWS, False),
        ("flows, rules that name no source: any argument that is no constant (not in the marks)", FLOWS, True),
        ("pattern classes (not in the marks)", PATTERNS, None),
    ):
        chosen = [label for label in every if audits is None or label.audit is audits]
        table = shown[title] = Table(chosen, found, answering)
        mine = [kind for kind in kinds if kind in wanted]
        show(title, table, mine, Table(chosen, theirs, tests) if theirs is not None else None)
        if arguments.show and not audits:
            lines(arguments.show, table, mine)
    other = Counter(f"{label.kind or label.group}" for label in every if label.kind not in {*FLOWS, *PATTERNS})
    print("\nnot modelled: " + ", ".join(f"{name} {count}" for name, count in sorted(other.items())))
    return verdict(part, shown["modelled flows"])


def main() -> None:
    """Parse the command line and measure the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=[part.name for part in PARTS], help="default: all")
    parser.add_argument("--from", dest="local", type=Path, metavar="DIR", help="a copy of the repository of the part")
    parser.add_argument("--show", choices=["missed", "false", "unlabelled"], help="print these lines")
    parser.add_argument("--class", dest="kinds", action="append", choices=[*FLOWS, *PATTERNS], help="only this class")
    parser.add_argument("--peers", action="store_true", help="run bandit as well")
    arguments = parser.parse_args()
    if arguments.local is not None and arguments.part is None:
        parser.error("--from needs a part")
    chosen = [part for part in PARTS if arguments.part in {None, part.name}]
    verdicts = [measure(part, suites.fetch(part.suite, arguments.local), arguments) for part in chosen]
    print("\n" + "\n".join(verdicts))


if __name__ == "__main__":
    main()

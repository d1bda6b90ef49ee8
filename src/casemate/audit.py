"""The engine: every file by every rule → findings and skipped. The only loop.

The same input gives the same report, whatever the order of directories.
"""

import gc
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from casemate import rules
from casemate.libraries import load
from casemate.model.errors import UsageError
from casemate.model.finding import Finding, Skipped, Why
from casemate.model.location import Location
from casemate.model.report import Counts, Report
from casemate.model.rule import Hit, Rule
from casemate.model.scope import Scope
from casemate.readers import files
from casemate.readers.code import Code
from casemate.readers.code.analysis import Analysis, fault
from casemate.readers.code.facts import FileView
from casemate.readers.code.parse import Source, read_source
from casemate.readers.code.scan import Scan

T = TypeVar("T")
RARELY = (200_000, 20, 100)
STRIDE = 16  # files between two words about the progress
DEEP = 8000  # frames: the interpreter of bodies recurses; its own limits come first


def audit(
    paths: Sequence[Path | str],
    *,
    scope: Scope | None = None,
    models: Sequence[Path] = (),
    select: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Report what is dangerous below these paths. Nothing is executed, nothing is changed.

    `models` are further library models, `select` names rules (all by default), `progress` is called with the number of
    files done and of all files. Raises InputError for a missing path or a wrong model, UsageError for an unknown rule.
    """
    scope = scope or Scope(paths=tuple(str(path) for path in paths))
    chosen = files.choose(paths, scope.exclude)
    wanted = selected(select)
    before, collect = sys.getrecursionlimit(), gc.get_threshold()
    sys.setrecursionlimit(max(before, DEEP))
    gc.set_threshold(*RARELY)  # nearly all objects stay until the end
    try:
        run = Run(chosen, wanted, models)
        findings = run.findings(progress)
    finally:
        sys.setrecursionlimit(before)
        gc.set_threshold(*collect)
    counts = Counts(
        files_seen=len(chosen.paths) + len({skip.path for skip in chosen.skipped}),
        files_analysed=run.analysed,
        files_out_of_scope=chosen.out_of_scope,
        lines=run.lines,
        rules=len(wanted),
    )
    return Report(findings, tuple(sorted({*chosen.skipped, *run.skipped})), counts, scope)


def selected(names: Collection[str]) -> tuple[Rule[Code], ...]:
    """Give the rules of these names, or all. Raises UsageError for a name that no rule has."""
    every = rules.about_code()
    known = {rule.name for rule in every}
    if unknown := sorted(set(names) - known):
        raise UsageError(f"no rule is called {unknown[0]!r}; `casemate rules` lists them")
    return tuple(rule for rule in every if not names or rule.name in names)


class Parts:
    """Several walks over the same work, told as one: every walk is an equal part of the whole."""

    def __init__(self, progress: Callable[[int, int], None] | None, parts: int) -> None:
        """Begin before the first part."""
        self.progress, self.parts, self.done = progress, parts, 0

    def each(self, items: Sequence[T]) -> Iterator[T]:
        """Yield the items of the next part."""
        for number, item in enumerate(items):
            if self.progress is not None and number % STRIDE == 0:
                self.progress(self.done * len(items) + number, self.parts * len(items))
            yield item
        self.done += 1


class Run:
    """One audit: reads each file once, parses what can matter, and judges it."""

    def __init__(self, chosen: files.Chosen, wanted: Sequence[Rule[Code]], models: Sequence[Path]) -> None:
        """Load the models; nothing of the target is read yet."""
        self.chosen, self.rules = chosen, wanted
        self.library = load(tuple(models))
        self.scan = Scan(self.library, wanted)
        self.skipped: list[Skipped] = []
        self.analysed = 0
        self.lines = 0
        self.analysis = Analysis(self.library, chosen.paths, chosen.roots, self.source)

    def source(self, path: str) -> Source:
        """Read and parse one file; what is wrong with it is listed."""
        return read_source(path, self.skipped)

    def findings(self, progress: Callable[[int, int], None] | None) -> tuple[Finding, ...]:
        """Scan all files, follow the flows, judge each file that can matter."""
        tell = Parts(progress, 3)
        for path in tell.each(self.chosen.paths):
            self.look(path)
        self.analysis.present = self.scan.present()
        self.analysis.rounds(lambda: self.follow(tell))
        found = [item for path in tell.each(self.chosen.paths) for item in self.judge(path)]
        self.skipped += [*self.analysis.skipped, *self.analysis.cut()]
        return tuple(sorted(numbered(found), key=lambda finding: finding.order))

    def look(self, path: str) -> None:
        """Scan one file."""
        data = files.read(path)
        if isinstance(data, Skipped):
            self.skipped.append(data)
            return
        self.analysed += 1
        self.lines += data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        self.scan.look(path, data)

    def follow(self, tell: "Parts") -> None:
        """Run what holds a source or is called by a framework."""
        for path, words in tell.each(list(self.scan.starts())):
            if self.scan.enters(path):
                self.analysis.open(path)
            self.analysis.visit(self.analysis.program.module(path), words)

    def judge(self, path: str) -> Iterator[Finding]:
        """Apply the rules to one file."""
        ends = any(hit.module.path == path for hit in self.analysis.machine.hits.values())
        due = [rule for rule in self.rules if (ends if rule.kinds else False) or self.scan.has(path, rule)]
        if not due:
            return
        view = FileView(self.analysis, path)
        for rule in due:
            try:
                for hit in rule.check(view):
                    yield finding(rule, hit, view.source)
            except Exception as error:  # noqa: BLE001 -- a fault in one rule must not hide the others
                self.skipped.append(Skipped(path, 0, Why.INTERNAL, f"rule {rule.name}: {fault(error)}"))


def finding(rule: Rule[Code], hit: Hit, source: Source) -> Finding:
    """Make the finding of a hit."""
    line = source_line(source, hit.location)
    return Finding(
        rule=rule.name,
        message=hit.message,
        location=hit.location,
        severity=rule.severity if hit.severity is None else hit.severity,
        confidence=rule.confidence if hit.confidence is None else hit.confidence,
        evidence=rule.evidence,
        cwe=rule.cwe,
        fingerprint=line.strip(),
        capabilities=hit.capabilities or rule.capabilities,
        flow=hit.flow,
        excerpt=line,
    )


def source_line(source: Source, location: Location) -> str:
    """Give the text of the lines of a location, at most ten."""
    first, last = location.line - 1, min(location.end_line, location.line + 9)
    end = source.starts[last] if last < len(source.starts) else len(source.data)
    return source.data[source.starts[first] : end].decode("utf-8", "replace").rstrip("\n")


def numbered(found: Iterable[Finding]) -> Iterator[Finding]:
    """Give each finding its fingerprint: rule, file name and text of the statement; equal ones are counted."""
    from dataclasses import replace  # noqa: PLC0415 -- only here

    seen: Counter[str] = Counter()
    for item in sorted(found, key=lambda finding: finding.order):
        text = " ".join(item.fingerprint.split())
        key = f"{item.rule}\0{item.location.path}\0{text}"
        seen[key] += 1
        digest = hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        yield replace(item, fingerprint=digest)

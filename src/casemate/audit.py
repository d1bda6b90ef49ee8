"""The engine: every file by every rule → findings and skipped. The only loop.

The same input gives the same report, whatever the order of directories, the number of workers and what was kept of
earlier runs.
"""

import gc
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from traceback import walk_stack
from typing import TypeVar

from casemate import rules
from casemate.kept import Kept, named, tool
from casemate.libraries import Library, load
from casemate.model.errors import UsageError
from casemate.model.finding import Finding, Skipped, Why
from casemate.model.location import Location
from casemate.model.report import Counts, Report
from casemate.model.rule import Rule
from casemate.model.scope import Scope
from casemate.part import Part, Result, digest, packed, unpacked
from casemate.readers import files
from casemate.readers.code import Code, units
from casemate.readers.code.analysis import fault
from casemate.readers.code.parse import Source
from casemate.readers.code.scan import Scan
from casemate.services import workers
from casemate.services.store import Store

RARELY = (200_000, 20, 100)
STRIDE = 16  # files between two words about the progress
BY_CHANCE = frozenset({Why.INTERNAL, Why.INTERRUPTED})  # memory that was short, say
Made = TypeVar("Made")
ROOM = 1 << 18  # words: for as many frames as DEEP lets there be
DEEP = 8000  # frames: the interpreter of bodies recurses; its own limits come first


def audit(
    paths: Sequence[Path | str],
    *,
    scope: Scope | None = None,
    models: Sequence[Path] = (),
    select: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Report what is dangerous below these paths. Nothing is executed, nothing is changed, and nothing is kept.

    `models` are further library models, `select` names rules (all by default), `progress` is called with how much is
    done and how much there is. Everything happens in this process. Raises InputError for a missing path or a wrong
    model, UsageError for an unknown rule.
    """
    return examine(paths, scope=scope, models=models, select=select, progress=progress)


def examine(  # noqa: PLR0913 -- what may be asked of an audit, nearly all by name
    paths: Sequence[Path | str],
    *,
    scope: Scope | None = None,
    models: Sequence[Path] = (),
    select: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
    store: Store | None = None,
    at_once: int | None = None,
) -> Report:
    """Audit as the command does: `store` keeps results for the next run, `at_once` is the number of processes.

    Without a number everything happens in this process, which may then have threads.
    """
    scope = scope or Scope(paths=tuple(str(path) for path in paths))
    chosen = files.choose(paths, scope.exclude)
    wanted = selected(select)
    before, collect = sys.getrecursionlimit(), gc.get_threshold()
    gc.set_threshold(*RARELY)  # nearly all objects stay until the end
    try:
        run = Run(chosen, wanted, models, store)
        findings = run.findings(progress, at_once)
    finally:
        sys.setrecursionlimit(before)
        gc.set_threshold(*collect)
    counts = Counts(
        files_seen=len(chosen.paths) + len({skip.path for skip in chosen.skipped}),
        files_analysed=len(run.sizes),
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


class Run:
    """One audit: reads every file once, splits the program into parts, analyses those of which nothing is kept."""

    def __init__(
        self, chosen: files.Chosen, wanted: Sequence[Rule[Code]], models: Sequence[Path], store: Store | None
    ) -> None:
        """Load what belongs to the user; nothing of the target is read yet."""
        self.chosen, self.rules, self.models, self.store = chosen, wanted, tuple(models), store
        self.skipped: list[Skipped] = []
        self.lines = 0
        self.digests: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.mine = contents(self.models)
        if models:
            _ = self.library  # a mistake in them is told before anything else
        if None in self.mine or self.mine != contents(self.models):
            self.store = None  # nobody knows what was read: a pipe, or a file that is being written

    @cached_property
    def library(self) -> Library:
        """The models; not needed where everything is kept."""
        return load(self.models, self.store)

    @cached_property
    def scan(self) -> Scan:
        """What models and rules look for; it knows the files of the parts that are analysed."""
        return Scan(self.library, self.rules, self.chosen.paths)

    @cached_property
    def with_what(self) -> str:
        """Name what every result rests on beside the files."""
        mine = [f"{path} {content}" for path, content in zip(self.models, self.mine, strict=True)]
        return named(tool(), [rule.name for rule in self.rules], mine, self.chosen.roots)

    def findings(self, progress: Callable[[int, int], None] | None, at_once: int | None) -> tuple[Finding, ...]:
        """Measure the files, take what is kept, analyse the rest, and put everything together."""
        for path in self.chosen.paths:
            self.measure(path)
        parts = units.split(self.sizes)
        kept = {part: self.kept(part) for part in parts} if self.store is not None else {}
        for part in parts if self.store is not None else ():
            if kept.get(part) is None:
                self.look(part)
        present = self.scan_present(kept)
        around = named(self.chosen.paths, sorted(present))
        valid = {part: old for part, old in kept.items() if old is not None and old.around == around}
        for part in parts:
            if part not in valid and kept.get(part) is not None:
                self.look(part)
        fresh = self.analysed([part for part in parts if part not in valid], present, around, progress, at_once)
        results = [valid[part].result if part in valid else fresh[part] for part in parts]
        self.skipped += [skip for result in results for skip in result.skipped]
        return tuple(sorted(numbered(once(results)), key=lambda finding: finding.order))

    def taken(self, path: str) -> bytes | None:
        """Read one file and remember which bytes it has now; None where it cannot be read, which is listed."""
        data = files.read(path)
        self.digests[path] = digest(data)
        if isinstance(data, Skipped):
            self.skipped.append(data)
            return None
        return data

    def measure(self, path: str) -> None:
        """Read one file, to know its size and its digest, and what stands in it where that must be known anyway."""
        data = self.taken(path)
        if data is not None:
            self.sizes[path] = len(data)
            self.lines += data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
            if self.store is None:  # nothing is kept: it is looked at in any case
                self.look_at(path, data)

    def look(self, part: Sequence[str]) -> None:
        """Scan the files of a part: what is kept of it will be for what stands in them now."""
        for path in part:
            data = self.taken(path)
            if data is not None:
                self.look_at(path, data)

    def look_at(self, path: str, data: bytes) -> None:
        """Scan one file as Python reads it: there are other encodings, and other letters."""
        self.scan.look(path, Source(path, data, []).data)

    def kept(self, part: Sequence[str]) -> Kept | None:
        """Give what is kept of a part if its files, and those it read, are the same; None else."""
        data = self.store.get(self.name(part)) if self.store is not None else None
        if data is None:
            return None
        try:
            kept = Kept.of(data)
        except ValueError:
            return None
        return kept if kept.holds(part, self.digests) else None

    def name(self, part: Sequence[str]) -> str:
        """Name what is kept of a part: a new result takes the place of the one for other contents."""
        return named(self.with_what, part)

    def scan_present(self, kept: Mapping[tuple[str, ...], Kept | None]) -> frozenset[str]:
        """Give the top modules that some file imports, whether it was looked at now or earlier."""
        earlier = [old.tops for old in kept.values() if old is not None]
        if len(earlier) == len(kept) and kept:
            return frozenset[str]().union(*earlier)
        return self.scan.present().union(*earlier)

    def analysed(
        self,
        parts: Sequence[tuple[str, ...]],
        present: frozenset[str],
        around: str,
        progress: Callable[[int, int], None] | None,
        at_once: int | None,
    ) -> dict[tuple[str, ...], Result]:
        """Analyse parts, as many at once as asked for, and keep what comes out."""
        alone = len(parts) == 1 or at_once is None
        total = sum(self.sizes[path] for part in parts for path in part)
        found: dict[tuple[str, ...], Result] = {}
        done = 0
        each = partial(watched, progress=progress if alone else None, parts=2 * len(parts))
        jobs = [partial(self.analyse, part, present, each) for part in parts]
        with closing(workers.results(jobs, at_once)) as results:
            for number, data in results:
                part = parts[number]
                found[part] = Result.of(unpacked(data)) if data is not None else died(part)
                done += sum(self.sizes[path] for path in part)
                if progress is not None and not alone:
                    progress(done, total)
                self.keep(part, found[part], around)
        return found

    def keep(self, part: Sequence[str], result: Result, around: str) -> None:
        """Keep a result for the next run, unless that may come to another one with the same files."""
        chance = any(skip.why in BY_CHANCE for skip in result.skipped)
        if self.store is not None and not chance and self.as_read(result):
            read = {**{path: self.digests[path] for path in part}, **result.read}
            kept = Kept(self.scan.tops(part), around, replace(result, read=read))
            self.store.put(self.name(part), kept.packed())

    def analyse(
        self, part: tuple[str, ...], present: frozenset[str], each: Callable[[Sequence[str]], Iterator[str]]
    ) -> bytes:
        """Analyse one part, as deep as ever, whoever calls us; a fault of ours does not hide the rest."""
        sys.setrecursionlimit(sum(1 for _ in walk_stack(None)) + DEEP)
        try:
            job = Part(part, self.chosen, self.library, self.scan, self.rules)
            result = with_room(lambda: job.run(present, each))
        except Exception as error:  # noqa: BLE001 -- listed, and the other parts go on
            result = failed(part, Why.INTERNAL, fault(error))
        return packed(result.plain())

    def as_read(self, result: Result) -> bool:
        """Tell whether a part read what was measured: one that changed meanwhile makes a result of its own."""
        return all(self.digests.get(path) == seen for path, seen in result.read.items())


def with_room(work: Callable[[], Made]) -> Made:
    """Do something below a frame so large that one piece of memory holds it and all that are called from here.

    CPython keeps frames in pieces of 16 KiB, and maps and unmaps one whenever calls go to and fro over its end
    (`push_chunk` in pystate.c): a recursive interpreter does that all day. Of the room only what is used is touched.
    """
    return work()


with_room.__code__ = with_room.__code__.replace(co_stacksize=ROOM)


def watched(paths: Sequence[str], *, progress: Callable[[int, int], None] | None, parts: int) -> Iterator[str]:
    """Yield paths, and tell how far it is: every walk over them is an equal part of the whole."""
    for number, path in enumerate(paths):
        if progress is not None and number % STRIDE == 0:
            progress(number, parts * len(paths))
        yield path


def died(part: Sequence[str]) -> Result:
    """Say of every file of a part that the process which analysed it is gone: out of memory, or killed."""
    return failed(part, Why.INTERRUPTED, "the process that analysed it was killed")


def failed(part: Sequence[str], why: Why, detail: str) -> Result:
    """Say of every file of a part that it was not analysed."""
    return Result((), tuple(Skipped(path, 0, why, detail) for path in part), {})


def contents(models: Iterable[Path]) -> list[str | None]:
    """Give the digest of each file of models, None where it is no file that can be read twice."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None for path in models]


def once(results: Iterable[Result]) -> list[Finding]:
    """Give each finding once: where two parts met a rule at one place, the worse of both."""
    best: dict[tuple[str, Location], Finding] = {}
    for result in results:
        for finding in result.findings:
            key = (finding.rule, finding.location)
            old = best.get(key)
            if old is None or weight(finding) > weight(old):
                best[key] = finding
    return list(best.values())


def weight(finding: Finding) -> tuple[int, int, bool]:
    """Order findings of one rule at one place."""
    return (finding.severity, finding.confidence, finding.flow is not None)


def numbered(found: Iterable[Finding]) -> Iterator[Finding]:
    """Give each finding its fingerprint: rule, file name and text of the statement; equal ones are counted."""
    seen: Counter[str] = Counter()
    for item in sorted(found, key=lambda finding: finding.order):
        text = " ".join(item.fingerprint.split())
        key = f"{item.rule}\0{item.location.path}\0{text}"
        seen[key] += 1
        mark = hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        yield replace(item, fingerprint=mark)

"""One part of an audit: its files are scanned, flows are followed from them, and every rule judges them.

A part reads any file of the program that it needs, and says which bytes it saw: as long as they are the same, so is
its result.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from casemate.libraries import Library
from casemate.model.checked import Plain, items, one, table
from casemate.model.finding import Finding, Skipped, Why
from casemate.model.location import Location
from casemate.model.plain import from_finding, from_skipped, to_finding, to_skipped
from casemate.model.rule import Hit, Rule
from casemate.readers import files
from casemate.readers.code import Code
from casemate.readers.code.analysis import Analysis, fault
from casemate.readers.code.facts import FileView
from casemate.readers.code.parse import Source, decoded
from casemate.readers.code.scan import Scan

LONGEST = 4000  # bytes of an excerpt
MOST_FINDINGS = 2000  # of one rule in one file


@dataclass(frozen=True, slots=True)
class Result:
    """What a part found, without fingerprints; what it could not analyse; and the digests of what it read."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    read: Mapping[str, str]

    def plain(self) -> dict[str, Plain]:
        """Give it as JSON values."""
        return {
            "findings": [from_finding(finding) for finding in self.findings],
            "skipped": [from_skipped(skipped) for skipped in self.skipped],
            "read": dict(self.read),
        }

    @classmethod
    def of(cls, value: Plain) -> "Result":
        """Give what JSON values say. Raises ValueError where they say something else."""
        fields = table(value)
        read = table(fields.get("read"))
        return cls(
            tuple(to_finding(item) for item in items(fields.get("findings"))),
            tuple(to_skipped(item) for item in items(fields.get("skipped"))),
            {path: one(digest, str) for path, digest in read.items()},
        )


def digest(data: bytes | Skipped) -> str:
    """Name the bytes of a file, or the reason why there are none."""
    if isinstance(data, Skipped):
        return f"{data.why}: {data.detail}"
    return hashlib.sha256(data).hexdigest()


class Part:
    """The analysis of some files of a program, in the light of all of them."""

    def __init__(
        self, own: Sequence[str], chosen: files.Chosen, library: Library, scan: Scan, rules: Sequence[Rule[Code]]
    ) -> None:
        """Nothing is read yet but what `scan` has looked at: it knows at least the own files."""
        self.own, self.scan, self.rules = own, scan, rules
        self.read: dict[str, str] = {}
        self.skipped: list[Skipped] = []
        self.analysis = Analysis(library, chosen.paths, chosen.roots, self.source, frozenset(own))
        self.analysis.machine.enters = frozenset(filter(scan.enters, own)).__contains__

    def source(self, path: str) -> Source:
        """Read one file; what is wrong with it is listed."""
        data = files.read(path)
        self.read[path] = digest(data)
        return decoded(path, data, self.skipped)

    def run(self, present: frozenset[str], each: Callable[[Sequence[str]], Iterator[str]]) -> Result:
        """Follow the flows and judge. `present` are the modules that some file of the program imports.

        `each` yields the files it is given, and may tell somebody how far it is.
        """
        self.analysis.present = present
        self.analysis.rounds(lambda: self.follow(each))
        found = [item for path in each(self.own) for item in self.judge(path)]
        found += [item for path in self.reached() for item in self.judge_flows(path)]
        skipped = {*self.skipped, *self.analysis.skipped, *self.analysis.cut()}
        return Result(tuple(found), tuple(sorted(skipped)), self.read)

    def follow(self, each: Callable[[Sequence[str]], Iterator[str]]) -> None:
        """Run what holds a source or is called by a framework."""
        for path in each(self.own):
            words = self.scan.starts(path)
            enters = self.scan.enters(path)
            if enters:
                self.analysis.open(path)
            if words or enters:
                self.analysis.visit(self.analysis.program.module(path), words)
            for word, stands, names in self.scan.ways_in(path):  # in a function that makes an application, perhaps
                self.analysis.visit(self.analysis.program.module(path), {word: names}, stands=stands)

    def reached(self) -> list[str]:
        """Give the files of other parts in which a flow from this one ends."""
        own = set(self.own)
        return sorted({hit.module.path for hit in self.analysis.machine.hits.values()} - own)

    def judge(self, path: str) -> Iterator[Finding]:
        """Apply the rules to one file."""
        ends = any(hit.module.path == path for hit in self.analysis.machine.hits.values())
        names = self.scan.due(path)
        due = [rule for rule in self.rules if (ends and rule.kinds) or rule.name in names]
        yield from self.apply(due, path)
        if self.scan.matters(path):
            _ = self.analysis.program.module(path).source.tree  # what cannot be read whole is listed

    def judge_flows(self, path: str) -> Iterator[Finding]:
        """Apply the rules about flows to a file of another part, which judges all else."""
        flows = [rule for rule in self.rules if rule.kinds]
        yield from (item for item in self.apply(flows, path) if item.flow is not None)

    def apply(self, rules: Sequence[Rule[Code]], path: str) -> Iterator[Finding]:
        """Apply rules to one file; a fault in one of them must not hide the others."""
        if not rules:
            return
        view = FileView(self.analysis, path)
        for rule in rules:
            try:
                for count, hit in enumerate(rule.check(view)):
                    if count == MOST_FINDINGS:
                        cut = f"more findings of {rule.name} from here on"
                        self.skipped.append(Skipped(path, hit.location.line, Why.BUDGET, cut))
                        break
                    yield finding(rule, hit, view.source)
            except Exception as error:  # noqa: BLE001 -- listed, and the other rules go on
                self.skipped.append(Skipped(path, 0, Why.INTERNAL, f"rule {rule.name}: {fault(error)}"))


def finding(rule: Rule[Code], hit: Hit, source: Source) -> Finding:
    """Make the finding of a hit; its fingerprint is only the text of the statement yet."""
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
    """Give the text of the lines of a location: at most ten, and of lines without end the beginning."""
    first, last = location.line - 1, min(location.end_line, location.line + 9)
    end = source.starts[last] if last < len(source.starts) else len(source.data)
    end = min(end, source.starts[first] + LONGEST)  # a line of megabytes may have thousands of findings
    return source.data[source.starts[first] : end].decode("utf-8", "replace").rstrip("\n")


def packed(value: Plain) -> bytes:
    """Give JSON values as bytes."""
    return json.dumps(value, separators=(",", ":")).encode()


def unpacked(data: bytes) -> Plain:
    """Give the JSON values of bytes. Raises ValueError."""
    try:
        value: Plain = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value

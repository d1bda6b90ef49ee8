"""What was looked at and what was not, in sentences: no report ends without them."""

from collections import Counter
from collections.abc import Iterator

from casemate.model.finding import Severity
from casemate.model.report import Report
from casemate.model.visible import visible


def verdict(report: Report) -> str:
    """Say in one line what was found, by severity, and where it was looked for; "no findings" never stands alone."""
    if not report.counts.files_analysed:
        return "nothing was analysed: this says nothing about the program"
    left = f"; {count(len(report.skipped), 'place')} not analysed" if report.skipped else ""
    return f"{findings(report)} in {looked_at(report)}{left}"


def findings(report: Report) -> str:
    """Count the findings by severity."""
    if not report.findings:
        return "no findings"
    severities = Counter(finding.severity for finding in report.findings)
    parts = [f"{severities[severity]:,} {severity}" for severity in reversed(Severity) if severities[severity]]
    return f"{count(len(report.findings), 'finding')} ({', '.join(parts)})"


def looked_at(report: Report) -> str:
    """Say how much of what was seen was analysed."""
    counts = report.counts
    return f"{counts.files_analysed:,} of {count(counts.files_seen, 'file')} ({count(counts.lines, 'line')})"


def statements(report: Report) -> Iterator[str]:
    """Yield the coverage statement: analysed, skipped by reason, out of scope, and the scope itself."""
    counts, scope = report.counts, report.scope
    yield f"analysed: {looked_at(report)}, {count(counts.rules, 'rule')}"
    reasons = Counter(skipped.why for skipped in report.skipped)
    if reasons:
        yield "not analysed, though in scope: " + ", ".join(
            f"{number:,} {why}" for why, number in sorted(reasons.items())
        )
    if counts.files_out_of_scope:
        yield f"out of scope: {count(counts.files_out_of_scope, 'file')} of kinds that no reader knows"
    declared = "declared" if scope.declared else "the default; nobody declared one"
    excluded = f"; excluded: {', '.join(map(visible, scope.exclude))}" if scope.exclude else ""
    yield f"scope: {scope.kind} ({declared}){excluded}"
    yield f"in scope, not tested: {', '.join(scope.IN_SCOPE_NOT_TESTED)}"


def count(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

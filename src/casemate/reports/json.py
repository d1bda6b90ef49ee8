"""The report as JSON, of a versioned schema: docs/reference/report.schema.json.

The same report gives the same bytes: keys have one order, there is no time and no path that the report does not have.
The output is ASCII. What could steer a terminal is escaped twice, so that it stays visible after decoding too; the
exact bytes of a path are in its `uri`.
"""

import json
from collections import Counter

from casemate.model.finding import Finding, Severity, Skipped
from casemate.model.location import Flow, Location
from casemate.model.report import Report
from casemate.model.sandbox import Json
from casemate.model.scope import Scope
from casemate.model.visible import visible
from casemate.reports.place import excerpt, uri

SCHEMA = "casemate.report/1"


def render(report: Report, *, version: str) -> str:
    """Give the report as JSON text that ends with a line end. `version` is casemate's own."""
    severities = Counter(finding.severity for finding in report.findings)
    counts = report.counts
    document: Json = {
        "schema": SCHEMA,
        "tool": {"name": "casemate", "version": version},
        "scope": scope(report.scope),
        "complete": report.complete,
        "counts": {
            "files_seen": counts.files_seen,
            "files_analysed": counts.files_analysed,
            "files_out_of_scope": counts.files_out_of_scope,
            "lines": counts.lines,
            "rules": counts.rules,
            "findings": {str(severity): severities[severity] for severity in reversed(Severity)},
            "skipped": len(report.skipped),
        },
        "findings": [_finding(finding) for finding in report.findings],
        "skipped": [_skipped(skipped) for skipped in report.skipped],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def scope(scope: Scope) -> dict[str, Json]:
    """Give the scope: what was asked for, and what of it no part of this version looks at."""
    return {
        "version": scope.version,
        "kind": str(scope.kind),
        "declared": scope.declared,
        "paths": [visible(path) for path in scope.paths],
        "exclude": [visible(pattern) for pattern in scope.exclude],
        "in_scope_not_tested": list(scope.IN_SCOPE_NOT_TESTED),
    }


def _finding(finding: Finding) -> Json:
    """Give one finding."""
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "evidence": str(finding.evidence),
        "cwe": list(finding.cwe),
        "message": visible(finding.message),
        "location": _location(finding.location),
        "excerpt": excerpt(finding),
        "fingerprint": finding.fingerprint,
        "capabilities": [str(capability) for capability in finding.capabilities],
        "flow": _flow(finding.flow) if finding.flow else None,
    }


def _flow(flow: Flow) -> Json:
    """Give the steps of a flow, source first."""
    return {
        "steps": [{"location": _location(step.location), "message": visible(step.message)} for step in flow.steps],
    }


def _location(location: Location) -> Json:
    """Give a region; lines and columns count from 1, the end is exclusive."""
    return {
        "path": visible(location.path),
        "uri": uri(location.path),
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
    }


def _skipped(skipped: Skipped) -> Json:
    """Give what was not analysed, and why; line 0 means the whole file."""
    return {
        "path": visible(skipped.path),
        "uri": uri(skipped.path),
        "line": skipped.line,
        "why": str(skipped.why),
        "detail": visible(skipped.detail),
    }

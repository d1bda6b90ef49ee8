"""The report as SARIF 2.1.0 (OASIS Standard, 27 March 2020), for code scanning services and editors.

What was skipped becomes a notification of the tool, never a result. Paths are relative to %SRCROOT%, which is left to
whoever reads the file; a path outside it is a file URI.
"""

import json
import re
from collections.abc import Sequence
from typing import Never, TypeAlias

from casemate.model.finding import Confidence, Finding, Severity, Skipped, Why
from casemate.model.location import Flow, Location
from casemate.model.report import Report
from casemate.model.rule import Rule
from casemate.model.sandbox import Json
from casemate.model.visible import visible
from casemate.reports.json import scope
from casemate.reports.place import excerpt, uri

Object: TypeAlias = dict[str, Json]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "casemate/v1"  # the version changes when fingerprints are made in another way
LEVEL = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
# The middle of each band of CVSS 4.0 §6.4: code scanning services sort by it. It is no CVSS score of a finding.
SECURITY_SEVERITY = {
    Severity.INFO: "0.0",
    Severity.LOW: "2.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
PRECISION = {Confidence.LOW: "low", Confidence.MEDIUM: "medium", Confidence.HIGH: "high"}
LINK = re.compile(r"\[(?=[^\]]*\]\()")  # §3.11.6: a message can hold links; text from a target must not
PLACEHOLDER = re.compile(r"\{(\d+)\}")  # §3.11.5


def render(report: Report, *, version: str, rules: Sequence[Rule[Never]]) -> str:
    """Give the report as SARIF text that ends with a line end. `rules` are those that ran; `version` is casemate's."""
    weaknesses = sorted({cwe for rule in rules for cwe in rule.cwe} | {c for f in report.findings for c in f.cwe})
    order = {rule.name: index for index, rule in enumerate(rules)}
    run: Object = {
        "tool": {"driver": _driver(version, rules, weaknesses)},
        "taxonomies": [_taxonomy(weaknesses)],
        "invocations": [_invocation(report)],
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The directory in which casemate was started."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, order, weaknesses) for finding in report.findings],
        "properties": {
            "complete": report.complete,
            "scope": scope(report.scope),
            "filesSeen": report.counts.files_seen,
            "filesAnalysed": report.counts.files_analysed,
            "filesOutOfScope": report.counts.files_out_of_scope,
            "lines": report.counts.lines,
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=True) + "\n"


def _driver(version: str, rules: Sequence[Rule[Never]], weaknesses: list[int]) -> Object:
    """Describe casemate, its rules and the reasons why something can be skipped."""
    return {
        "name": "casemate",
        "version": version,
        "semanticVersion": version,
        "shortDescription": {"text": "Defence in depth for Python: audit, least privilege, confinement."},
        "supportedTaxonomies": [{"name": "CWE", "index": 0}],
        "rules": [_rule(rule, weaknesses) for rule in rules],
        "notifications": [
            {"id": f"skipped/{why}", "shortDescription": {"text": f"Not analysed: {why}"}} for why in Why
        ],
    }


def _rule(rule: Rule[Never], weaknesses: list[int]) -> Object:
    """Describe one rule, with its whole documentation as help."""
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.documentation, "markdown": rule.documentation},
        "defaultConfiguration": {"level": LEVEL[rule.severity]},
        "relationships": [
            {"target": _taxon(cwe, weaknesses), "kinds": ["relevant"]} for cwe in dict.fromkeys(rule.cwe)
        ],
        "properties": {
            "tags": ["security", *(f"external/cwe/cwe-{cwe:03}" for cwe in dict.fromkeys(rule.cwe))],
            "precision": PRECISION[rule.confidence],
            "security-severity": SECURITY_SEVERITY[rule.severity],
            "evidence": str(rule.evidence),
        },
    }


def _taxonomy(weaknesses: list[int]) -> Object:
    """Name the part of the CWE that rules and findings speak of."""
    return {
        "name": "CWE",
        "organization": "MITRE",
        "informationUri": "https://cwe.mitre.org/",
        "shortDescription": {"text": "The MITRE Common Weakness Enumeration"},
        "isComprehensive": False,
        "taxa": [
            {"id": str(cwe), "helpUri": f"https://cwe.mitre.org/data/definitions/{cwe}.html"} for cwe in weaknesses
        ],
    }


def _taxon(cwe: int, weaknesses: list[int]) -> Object:
    """Refer to one weakness of the taxonomy."""
    return {"id": str(cwe), "index": weaknesses.index(cwe), "toolComponent": {"name": "CWE", "index": 0}}


def _result(finding: Finding, order: dict[str, int], weaknesses: list[int]) -> Object:
    """Give one finding."""
    place = _physical(finding.location)
    if finding.excerpt:
        place["region"] = {**_region(finding.location), "snippet": {"text": excerpt(finding)}}
    result: Object = {
        "ruleId": finding.rule,
        **({"ruleIndex": order[finding.rule]} if finding.rule in order else {}),
        "level": LEVEL[finding.severity],
        "message": {"text": _message(finding.message)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "taxa": [_taxon(cwe, weaknesses) for cwe in dict.fromkeys(finding.cwe)],
        **({"codeFlows": [_code_flow(finding.flow)]} if finding.flow else {}),
        "properties": {
            "severity": str(finding.severity),
            "confidence": str(finding.confidence),
            "evidence": str(finding.evidence),
            "capabilities": [str(capability) for capability in finding.capabilities],
        },
    }
    return result


def _code_flow(flow: Flow) -> Object:
    """Give a flow as the one thread that it is."""
    last = len(flow.steps) - 1
    return {
        "threadFlows": [
            {
                "locations": [
                    {
                        "location": {
                            "physicalLocation": _physical(step.location),
                            "message": {"text": _message(step.message)},
                        },
                        "executionOrder": index + 1,
                        "importance": "essential" if index in (0, last) else "important",
                    }
                    for index, step in enumerate(flow.steps)
                ]
            }
        ]
    }


def _invocation(report: Report) -> Object:
    """Tell how the audit went. It was not successful where it was interrupted or failed by our own fault."""
    failed = {Why.INTERNAL, Why.INTERRUPTED} & {skipped.why for skipped in report.skipped}
    return {
        "executionSuccessful": not failed,
        "toolExecutionNotifications": [_notification(skipped) for skipped in report.skipped],
    }


def _notification(skipped: Skipped) -> Object:
    """Give something that was not analysed."""
    place: Object = {"artifactLocation": _artifact(skipped.path)}
    if skipped.line:
        place["region"] = {"startLine": skipped.line}
    return {
        "descriptor": {"id": f"skipped/{skipped.why}", "index": list(Why).index(skipped.why)},
        "level": "error" if skipped.why is Why.INTERNAL else "warning",
        "message": {"text": _message(f"not analysed: {skipped.detail or skipped.why}")},
        "locations": [{"physicalLocation": place}],
    }


def _physical(location: Location) -> Object:
    """Give a place in a file."""
    return {"artifactLocation": _artifact(location.path), "region": _region(location)}


def _region(location: Location) -> Object:
    """Give the lines and columns; they count as SARIF's do."""
    return {
        "startLine": location.line,
        "startColumn": location.column,
        "endLine": location.end_line,
        "endColumn": location.end_column,
    }


def _artifact(path: str) -> Object:
    """Name a file relative to %SRCROOT%, or by its file URI where the report has an absolute path."""
    return {"uri": uri(path)} if path.startswith("/") else {"uri": uri(path), "uriBaseId": "%SRCROOT%"}


def _message(text: str) -> str:
    """Give text that no viewer takes for a link, a placeholder or an escape sequence."""
    return PLACEHOLDER.sub(r"{{\1}}", LINK.sub(r"\\[", visible(text)))

"""The SARIF report meets the published schema of the standard, and says what code scanning services read."""

import json
from typing import Any, Never

import jsonschema
import pytest

from casemate.model.finding import Skipped, Why
from casemate.model.report import Report
from casemate.model.rule import Rule
from casemate.reports import sarif

Rules = tuple[Rule[Never], ...]


def rendered(report: Report, rules: Rules) -> Any:  # noqa: ANN401 -- what json.loads gives
    return json.loads(sarif.render(report, version="0.1.0", rules=rules))


def test_every_report_meets_the_published_schema(every: Report, rules: Rules, sarif_schema: Any) -> None:  # noqa: ANN401 -- a schema
    jsonschema.validate(rendered(every, rules), sarif_schema, jsonschema.Draft7Validator)


def test_the_published_schema_is_really_asked(report: Report, rules: Rules, sarif_schema: Any) -> None:  # noqa: ANN401 -- a schema
    document = rendered(report, rules)
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, sarif_schema)


def test_a_result_refers_to_its_rule_and_its_weakness(report: Report, rules: Rules) -> None:
    run = rendered(report, rules)["runs"][0]
    for result, finding in zip(run["results"], report.findings, strict=True):
        described = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert described["id"] == result["ruleId"] == finding.rule
        taxa = [run["taxonomies"][taxon["toolComponent"]["index"]]["taxa"][taxon["index"]] for taxon in result["taxa"]]
        assert [int(taxon["id"]) for taxon in taxa] == list(finding.cwe)
        assert [relation["target"]["id"] for relation in described["relationships"]] == [
            str(cwe) for cwe in finding.cwe
        ]


def test_a_rule_carries_what_code_scanning_reads(report: Report, rules: Rules) -> None:
    described = {rule["id"]: rule for rule in rendered(report, rules)["runs"][0]["tool"]["driver"]["rules"]}
    rule = described["sql-injection"]
    assert rule["defaultConfiguration"]["level"] == "error"
    assert rule["properties"]["precision"] == "high"
    assert 9.0 < float(rule["properties"]["security-severity"]) <= 10.0
    assert rule["properties"]["tags"] == ["security", "external/cwe/cwe-089"]
    assert "## Why" in rule["help"]["markdown"]


def test_a_flow_is_a_thread_flow_from_source_to_sink(report: Report, rules: Rules) -> None:
    (flow,) = rendered(report, rules)["runs"][0]["results"][0]["codeFlows"]
    (thread,) = flow["threadFlows"]
    lines = [step["location"]["physicalLocation"]["region"]["startLine"] for step in thread["locations"]]
    assert lines == [4, 5, 6]
    assert [step["executionOrder"] for step in thread["locations"]] == [1, 2, 3]
    assert "codeFlows" not in rendered(report, rules)["runs"][0]["results"][1]


def test_what_was_skipped_is_a_notification_and_no_result(report: Report, rules: Rules) -> None:
    run = rendered(report, rules)["runs"][0]
    (invocation,) = run["invocations"]
    notifications = invocation["toolExecutionNotifications"]
    assert [notification["descriptor"]["id"] for notification in notifications] == [
        "skipped/syntax",
        "skipped/too-large",
    ]
    for notification in notifications:
        descriptor = run["tool"]["driver"]["notifications"][notification["descriptor"]["index"]]
        assert descriptor["id"] == notification["descriptor"]["id"]
    assert notifications[0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 12}
    assert "region" not in notifications[1]["locations"][0]["physicalLocation"]
    assert invocation["executionSuccessful"] is True
    assert len(run["results"]) == len(report.findings)


@pytest.mark.parametrize("why", [Why.INTERNAL, Why.INTERRUPTED])
def test_an_audit_that_broke_off_was_not_successful(why: Why, rules: Rules) -> None:
    report = Report(skipped=(Skipped("a.py", 0, why, ""),))
    assert rendered(report, rules)["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_relative_paths_have_a_base_and_absolute_ones_are_file_uris(hostile: Report, rules: Rules) -> None:
    run = rendered(hostile, rules)["runs"][0]
    steps = run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    relative, absolute = (step["location"]["physicalLocation"]["artifactLocation"] for step in steps)
    assert relative["uriBaseId"] in run["originalUriBaseIds"]
    assert not relative["uri"].startswith("/")
    assert absolute["uri"].startswith("file:///")
    assert "uriBaseId" not in absolute
    assert run["columnKind"] == "unicodeCodePoints"


def test_text_of_a_target_becomes_neither_link_nor_placeholder(hostile: Report, rules: Rules) -> None:
    message = rendered(hostile, rules)["runs"][0]["results"][0]["message"]["text"]
    assert r"\[x](http" in message
    assert "{{0}}" in message


def test_the_bytes_are_printable_ascii_and_always_the_same(every: Report, rules: Rules) -> None:
    text = sarif.render(every, version="1", rules=rules)
    assert text.replace("\n", "").isprintable()
    assert text.isascii()
    assert text == sarif.render(every, version="1", rules=rules)


def test_a_secret_is_not_repeated(report: Report, rules: Rules) -> None:
    assert "hunter2" not in sarif.render(report, version="1", rules=rules)


def test_the_fingerprint_names_its_version(report: Report, rules: Rules) -> None:
    result = rendered(report, rules)["runs"][0]["results"][0]
    assert result["partialFingerprints"] == {"casemate/v1": "4f1d2c"}

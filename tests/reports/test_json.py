"""The JSON report meets its published schema, whatever the target put into it."""

import json
from typing import Any

import jsonschema
import pytest

from casemate.model.report import Report
from casemate.reports import json as report_json
from casemate.reports.place import uri


def rendered(report: Report) -> Any:  # noqa: ANN401 -- what json.loads gives
    return json.loads(report_json.render(report, version="0.1.0"))


def test_every_report_meets_the_schema(every: Report, report_schema: Any) -> None:  # noqa: ANN401 -- a schema
    jsonschema.Draft202012Validator.check_schema(report_schema)
    jsonschema.validate(rendered(every), report_schema, jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_it_does_not_know(report: Report, report_schema: Any) -> None:  # noqa: ANN401 -- a schema
    document = rendered(report)
    document["findings"][0]["severity"] = "harmless"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, report_schema)


def test_everything_in_the_report_is_there(report: Report) -> None:
    document = rendered(report)
    assert [finding["rule"] for finding in document["findings"]] == ["sql-injection", "weak-hash", "hardcoded-secret"]
    assert [step["location"]["line"] for step in document["findings"][0]["flow"]["steps"]] == [4, 5, 6]
    assert document["findings"][0]["capabilities"] == ["fs.read"]
    assert document["counts"]["findings"] == {"critical": 1, "high": 1, "medium": 1, "low": 0, "info": 0}
    assert document["counts"]["files_out_of_scope"] == 40
    assert [(skipped["path"], skipped["line"], skipped["why"]) for skipped in document["skipped"]] == [
        ("old/broken.py", 12, "syntax"),
        ("huge.py", 0, "too-large"),
    ]
    assert document["complete"] is False


def test_the_same_report_gives_the_same_bytes(every: Report) -> None:
    assert report_json.render(every, version="1") == report_json.render(every, version="1")


def test_the_bytes_are_printable_ascii(every: Report) -> None:
    text = report_json.render(every, version="1")
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_no_string_steers_a_terminal_after_decoding_either(hostile: Report) -> None:
    def strings(value: object) -> list[str]:
        match value:
            case str():
                return [value]
            case list():
                return [text for item in value for text in strings(item)]
            case dict():
                return [text for item in value.values() for text in strings(item)]
            case _:
                return []

    decoded = strings(rendered(hostile))
    assert [text for text in decoded if not text.replace("\n", "").isprintable()] == []


def test_a_secret_is_not_repeated(report: Report) -> None:
    assert "hunter2" not in report_json.render(report, version="1")


def test_a_uri_keeps_every_byte_of_a_name(evil: str) -> None:
    assert uri("a b/%.py") == "a%20b/%25.py"
    assert uri("/srv/é.py") == "file:///srv/%C3%A9.py"
    assert uri("./a:b.py") == "a%3Ab.py"
    assert uri("\udcff\n.py") == "%FF%0A.py"
    assert uri(evil).isascii()


def test_nothing_analysed_is_not_complete(nothing: Report) -> None:
    assert rendered(nothing)["complete"] is True
    assert rendered(Report())["complete"] is False

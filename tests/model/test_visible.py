"""Nothing hides, nothing steers, and ordinary text stays as it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é, 漢字, 🙂", "plain text, é, 漢字, 🙂"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("user\u202e\u2066 //", "user\\u202e\\u2066 //"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\U000e0041\U000e0100\ufe0f", "\\U000e0041\\U000e0100\\ufe0f"),
        ("caf\udce9.py", "caf\\xe9.py"),
        ("\ud800", "\\ud800"),
        ("a\u2028b\x85c", "a\\u2028b\\x85c"),
        ("", ""),
    ],
)
def test_hidden_characters_become_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_the_result_is_one_line_without_controls_formats_and_surrogates(text: str) -> None:
    shown = visible(text)
    assert shown.splitlines() in ([], [shown])
    assert {unicodedata.category(character) for character in shown}.isdisjoint({"Cc", "Cs", "Co", "Zl", "Zp"})
    assert not set(shown) & set(
        "\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x ##vso[task.setvariable variable=PATH]/evil", "x \\x23#vso[task.setvariable variable=PATH]/evil"),
        ("##[error]", "\\x23#[error]"),
        ("##teamcity[buildStatus]", "\\x23#teamcity[buildStatus]"),
        ("::stop-commands::x", "\\x3a:stop-commands::x"),
        ("  ::error::x", "  \\x3a:error::x"),
        ("items[::2]  ## all [of them]", "items[::2]  ## all [of them]"),
    ],
)
def test_no_ci_service_takes_it_for_a_command(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)

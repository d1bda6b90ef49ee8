"""The mark stands under the place, whatever the line holds."""

from hypothesis import given
from hypothesis import strategies as st

from casemate.reports.excerpt import marked, numbered
from casemate.reports.paint import Ink, Style


def shown(line: str, start: int, end: int, width: int = 80) -> tuple[str, str]:
    first, second = marked(line, 7, (start, end), style=Style(width=width), ink=Ink.LOW)
    return first.partition("| ")[2], second.partition("| ")[2]


def under(line: str, start: int, end: int, width: int = 80) -> str:
    text, mark = shown(line, start, end, width)
    return text[len(mark) - len(mark.lstrip()) : len(mark)]


def test_the_mark_is_under_the_place() -> None:
    assert under("value = run(text)", 9, 18) == "run(text)"


def test_a_tab_counts_as_one_column_of_the_source() -> None:
    assert under("\tx = run(\ttext)", 6, 16) == "run(    text)"


def test_an_escape_is_as_wide_as_it_looks() -> None:
    assert under("a = '\u202e\x1b[2J' + evil", 15, 19) == "evil"


def test_a_wide_character_takes_two_columns_and_a_mark_of_letters_none() -> None:
    text, mark = shown("漢字e\u0301 = evil", 8, 12)
    assert text.endswith("evil")
    assert mark.index("^") == 8  # 漢字 take 4, é takes 1, " = " takes 3
    assert mark.count("^") == 4


def test_a_long_line_is_cut_around_the_place() -> None:
    line = "x" * 5000 + " evil(value) " + "y" * 100_000
    text, mark = shown(line, 5002, 5013)
    assert text.startswith("...")
    assert text.endswith("...")
    assert len(text) <= 80 - 13
    assert text[mark.index("^") : len(mark)] == "evil(value)"


def test_a_place_beyond_the_line_is_still_marked() -> None:
    assert shown("short", 40, 50)[1].count("^") == 1
    assert shown("", 1, 2)[1] == "^"


@given(st.text(max_size=300), st.integers(1, 400), st.integers(0, 400), st.integers(40, 120))
def test_no_line_breaks_the_layout(line: str, start: int, length: int, width: int) -> None:
    lines = [*marked(line, 7, (start, start + length), style=Style(width=width), ink=Ink.LOW)]
    lines.append(numbered(line, 7, Style(width=width)))
    assert len(lines) == 3
    for shown_line in lines:
        assert "\n" not in shown_line
        assert not any(character < " " or "\x7f" <= character < "\xa0" for character in shown_line)
        assert len(shown_line) <= width + line.count("\u0301") + 300 * (not line.isascii())

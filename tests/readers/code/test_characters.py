"""What patterns and collections of characters say of a text: always on the safe side."""

import pytest

from casemate.readers.code.flow.characters import ALL, INSIDE, LONGEST, group, harmless_with, left_by, matched, settled

WHOLE = frozenset(ALL)


@pytest.mark.parametrize("pattern", [r"[a-z]+", r"\d{4}-\d{2}", r"[\w-]+\.(?:png|svg)", r"a|b", r"(?i:ab)"])
def test_a_pattern_of_plain_characters_makes_harmless_for_everything(pattern: str) -> None:
    assert matched(pattern, "fullmatch") == ALL
    assert matched(f"^(?:{pattern})$", "match") == ALL


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"[a-z]+", "match"),
        (r"[a-z]+", "search"),
        (r"[a-z]+$", "search"),
        (r"^a$|b", "match"),
        (r"[a-z]+\$", "match"),
        (r".*", "fullmatch"),
        (r"(a)\1(?P<x>.)(?P=x)", "fullmatch"),
        (r"[z-a]", "fullmatch"),
    ],
)
def test_a_pattern_that_lets_anything_through_says_nothing_of_paths(pattern: str, method: str) -> None:
    assert not matched(pattern, method) & (INSIDE | ALL)


def test_single_dots_and_no_slash_at_the_beginning_keep_a_path_inside() -> None:
    assert matched(r"^(1x1|4x3)/[a-z-]+\.svg$", "match") >= INSIDE
    for pattern in (r"^/[a-z-]+\.svg$", r"^[a-z./]+$", r"^[a-z]?/x\.svg$", r"^a/\.*x$", r"^(a|/)x\.svg$"):
        assert not matched(pattern, "match") & (INSIDE | ALL), pattern


def test_a_group_is_judged_by_itself() -> None:
    assert group(r"x/(\w+)/(?P<rest>.*)", 1) == ALL
    assert not group(r"x/(\w+)/(?P<rest>.*)", "rest") & (INSIDE | ALL)
    assert group(r"(?:a)(b)", 1) == ALL
    assert group(r"(a)", 2) == frozenset()


def test_what_a_replacement_leaves() -> None:
    assert left_by(r"[^\w.-]", "") == ALL
    assert left_by(r"\W+", "-") == ALL
    assert left_by(r"[/\\]", "_") >= INSIDE
    assert not left_by(r"[/\\]", "/") & INSIDE
    for pattern in (r"^/", r"\.\./", r"(?<=a)/", r"[ \t]+"):
        assert not left_by(pattern, "") & (INSIDE | ALL), pattern
    assert left_by(r"(/)", r"\1") == frozenset()


@pytest.mark.parametrize("pattern", [r"(/)", r"(?:[^\w])+", r"/|(?P<x>\\)|ab", r"[/\\]{1,3}", "/*", "(?i)[/]"])
def test_a_group_or_a_repetition_around_one_character_changes_nothing(pattern: str) -> None:
    kinds = left_by(pattern, "")
    assert kinds == ALL or kinds >= INSIDE


@pytest.mark.parametrize("pattern", [r"/{2}", r"/{2,}", r"(?:/x)", r"/(?=x)", r"(?<!a)/", r"(/{3})+"])
def test_a_character_that_is_no_match_alone_remains(pattern: str) -> None:
    assert not left_by(pattern, "") & (INSIDE | ALL)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:|a?)" * 32 + "[xz]",
        "(?:(?:(?:a?){1000}){1000}){1000}[xz]",
        "(?:|a*|)" * 22 + "(?:x|yy)",
        "[" * 500_000,
        "(" * 500_000,
        "a" * 500_000 + "+" * 500_000,
    ],
    ids=["empty ways", "counted", "starred", "brackets", "groups", "repetitions"],
)
def test_a_pattern_that_would_take_years_is_only_read(pattern: str) -> None:
    """No pattern of the target is run: reading must end, whatever stands there."""
    assert left_by(pattern, "") == frozenset()
    if len(pattern) > LONGEST:
        assert matched(pattern, "fullmatch") == group(pattern, 1) == frozenset()


def test_marks_count_together() -> None:
    assert not settled(frozenset({"no .."})) & INSIDE
    assert settled(frozenset({"no ..", "not absolute"})) >= INSIDE
    assert harmless_with("ab1_-.") == ALL
    assert "sql" not in harmless_with("ab ")
    assert "html" in harmless_with("ab ")

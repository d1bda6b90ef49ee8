"""What a name says: the same words however it is written, and no more than it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.location import Location
from casemate.rules.naming import secret, within, words

PARTS = st.lists(st.text("abcdefghij", min_size=2, max_size=8), min_size=1, max_size=4)


@given(PARTS)
def test_snake_and_camel_case_have_the_same_words(parts: list[str]) -> None:
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    assert words("_".join(parts)) == words("_".join(parts).upper()) == words(camel) == tuple(parts)


@pytest.mark.parametrize("name", ["reset_token", "apiKey", "SESSION_ID", "make_password", "csrf", "SECRET_KEY"])
def test_a_name_that_promises_a_secret(name: str) -> None:
    assert secret(name)


@pytest.mark.parametrize("name", ["key", "sort_key", "tokenize", "banner", "sessions", "monkey", "author", "keys", ""])
def test_a_name_that_promises_none(name: str) -> None:
    assert not secret(name)


def test_a_region_lies_in_another_by_line_and_column() -> None:
    outer = Location("a.py", 2, 5, 4, 2)
    assert within(Location("a.py", 2, 5, 2, 9), outer)
    assert within(outer, outer)
    assert not within(Location("a.py", 2, 4, 2, 9), outer)
    assert not within(Location("a.py", 3, 1, 4, 3), outer)

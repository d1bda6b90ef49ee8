"""Parts of a program: every file in one of them, none larger than it must be, whatever the order."""

from hypothesis import given
from hypothesis import strategies as st

from casemate.readers.code.units import split

NAMES = st.sampled_from(["a", "b", "c", "d.py", "e.py"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TREES = st.dictionaries(PATHS, st.integers(1, 50), min_size=1, max_size=40)


@given(TREES)
def test_every_file_is_in_one_part(sizes: dict[str, int]) -> None:
    parts = split(sizes, 60)
    assert sorted(path for part in parts for path in part) == sorted(sizes)


@given(TREES)
def test_a_part_is_only_too_large_where_one_folder_is(sizes: dict[str, int]) -> None:
    for part in split(sizes, 60):
        folders = {path.rpartition("/")[0] for path in part}
        assert sum(sizes[path] for path in part) <= 60 or len(folders) == 1


@given(TREES, st.randoms())
def test_the_parts_are_the_same_sets_in_any_order(sizes: dict[str, int], random: object) -> None:
    again = list(sizes.items())
    random.shuffle(again)  # type: ignore[attr-defined]  # -- hypothesis gives a random.Random
    assert {frozenset(part) for part in split(sizes, 60)} == {frozenset(part) for part in split(dict(again), 60)}


def test_a_small_program_is_one_part() -> None:
    assert split({"a/x.py": 10, "b/y.py": 20}) == (("a/x.py", "b/y.py"),)

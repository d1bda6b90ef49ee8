"""Where a path leads is the same whether folders are remembered or not, and nothing is remembered for longer."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from casemate.readers.host.real import Remembering, real

NAMES = st.lists(
    st.sampled_from(["a", "b", "to_a", "up", "self", "loop", "gone", "dangling", ".", "..", ""]), max_size=6
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("real")
    (top / "a" / "b").mkdir(parents=True)
    for folder in (top, top / "a", top / "a" / "b"):
        (folder / "to_a").symlink_to(top / "a")
        (folder / "up").symlink_to("..")
        (folder / "self").symlink_to("self")
        (folder / "loop").symlink_to("loop/x")
        (folder / "dangling").symlink_to("nothing/here")
    return top


@settings(max_examples=300)
@example(paths=[["self", "..", "to_a"]])
@example(paths=[["self", "", "a"]])
@given(paths=st.lists(NAMES, min_size=1, max_size=4))
def test_it_says_what_the_standard_library_says(tree: Path, paths: list[list[str]]) -> None:
    with Remembering():
        for names in paths:
            path = "/".join([str(tree), *names])
            assert real(path) == os.path.realpath(path)
            assert real("/".join(names) or ".") == os.path.realpath("/".join(names) or ".")


def test_the_next_preparation_looks_again(tmp_path: Path) -> None:
    link = tmp_path / "link"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        with Remembering():
            assert real(f"{link}/x") == f"{os.path.realpath(tmp_path)}/{name}/x"
        assert real(f"{link}/y") == f"{os.path.realpath(tmp_path)}/{name}/y"


def test_what_ends_first_takes_nothing_from_the_others(tmp_path: Path) -> None:
    first, second = Remembering(), Remembering()
    first.__enter__()
    second.__enter__()
    (tmp_path / "link").symlink_to("one")
    assert real(f"{tmp_path}/link").endswith("/one")
    first.__exit__()
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("two")
    assert real(f"{tmp_path}/link").endswith("/one")  # the second goes on
    second.__exit__()
    assert real(f"{tmp_path}/link").endswith("/two")

"""What is kept between runs: given back as it was, or not at all."""

import errno
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.errors import InputError
from casemate.services import store as module
from casemate.services.store import Store, usual

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), b"k" * 32)


def test_what_was_put_is_what_is_got(store: Store) -> None:
    assert store.get(ONE) is None
    store.put(ONE, b"first")
    store.put(ONE, b"second")
    assert store.get(ONE) == b"second"


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"honest", b"forged"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def sealed_by_another(path: Path) -> None:
    other = Store(str(path.parent), b"o" * 32)
    other.put(path.name, b"honest")


def of_another_name(path: Path) -> None:
    Store(str(path.parent), b"k" * 32).put(TWO, b"forged")
    (path.parent / TWO).rename(path)


def a_link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm",
    [damaged, cut, emptied, sealed_by_another, of_another_name, a_link, a_fifo, a_folder],
    ids=lambda f: f.__name__,
)
def test_what_is_not_exactly_ours_is_nothing(store: Store, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    store.put(ONE, b"honest")
    harm(tmp_path / ONE)
    assert store.get(ONE) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_ours(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / ONE).write_bytes(content)
    assert store.get(ONE) is None


def write(folder: str, letter: bytes) -> None:
    store = Store(folder, b"k" * 32)
    for _ in range(200):
        store.put(ONE, letter * 100_000)


def test_two_that_write_at_once_leave_one_whole_result(store: Store, tmp_path: Path) -> None:
    context = get_context("fork")
    writers = [context.Process(target=write, args=(str(tmp_path), letter)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert store.get(ONE) in (None, b"a" * 100_000, b"b" * 100_000)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == [ONE]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    gone = Store(str(tmp_path / "gone"), b"k" * 32)
    gone.put(ONE, b"content")
    assert gone.get(ONE) is None


def test_the_oldest_go_where_there_are_too_many(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    for number in range(6):
        store.put(str(number) * 64, b"content")
        os.utime(tmp_path / (str(number) * 64), (number, number))
    store.sweep()
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["3", "4", "5"]


def test_what_a_killed_run_left_half_written_goes_and_what_is_being_written_stays(store: Store, tmp_path: Path) -> None:
    for name, age in (("left", 7200), ("fresh", 0)):
        part = tmp_path / f"{name}.0123.part"
        part.write_bytes(b"half")
        os.utime(part, (part.stat().st_mtime - age,) * 2)
    store.put(ONE, b"content")
    assert sorted(path.name for path in tmp_path.iterdir()) == [ONE, "fresh.0123.part"]


def test_an_interrupt_while_it_is_put_in_place_is_not_lost(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename

    def interrupted(old: str, new: str) -> None:
        real(old, new)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put(ONE, b"content")
    assert [path.name for path in tmp_path.iterdir()] == [ONE]


def test_what_is_too_large_to_be_read_is_not_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 100)
    store.put(ONE, b"." * 69)
    assert list(tmp_path.iterdir()) == []
    store.put(ONE, b"." * 68)
    assert store.get(ONE) == b"." * 68


def test_a_store_that_is_read_only_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "of the system")

    store.put(ONE, b"content")
    monkeypatch.setattr(os, "utime", refuse)
    assert store.get(ONE) == b"content"


class TestTheUsualPlace:
    def homes(self, tmp_path: Path) -> dict[str, str]:
        return {"HOME": str(tmp_path)}

    def test_is_made_for_the_caller_alone(self, tmp_path: Path) -> None:
        store = usual(self.homes(tmp_path))
        assert store is not None
        store.put(ONE, b"content")
        again = usual(self.homes(tmp_path))
        assert again is not None
        assert again.get(ONE) == b"content"
        for path in (tmp_path / ".cache/casemate/audit", tmp_path / ".local/state/casemate"):
            assert path.stat().st_mode & 0o077 == 0
        assert (tmp_path / ".local/state/casemate/cache.key").stat().st_mode & 0o077 == 0

    def test_is_refused_where_others_write(self, tmp_path: Path) -> None:
        folder = tmp_path / ".cache/casemate/audit"
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        with pytest.raises(InputError, match="only you"):
            usual(self.homes(tmp_path))

    def test_is_nowhere_without_a_home(self) -> None:
        assert usual({}) is None

    def test_a_key_that_others_may_read_is_replaced(self, tmp_path: Path) -> None:
        first = usual(self.homes(tmp_path))
        key = tmp_path / ".local/state/casemate/cache.key"
        key.chmod(0o644)
        second = usual(self.homes(tmp_path))
        assert first is not None
        assert second is not None
        assert first.key != second.key
        assert key.stat().st_mode & 0o077 == 0

    def test_is_not_made_in_a_home_that_does_not_exist(self, tmp_path: Path) -> None:
        assert usual({"HOME": str(tmp_path / "nonexistent")}) is None
        assert list(tmp_path.iterdir()) == []

    def test_is_not_made_by_root_in_the_home_of_another(self, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root may write everywhere")
        os.chown(tmp_path, 65534, 65534)
        assert usual(self.homes(tmp_path)) is None
        assert list(tmp_path.iterdir()) == []

    def test_leaves_nothing_half_written_on_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "of the system")

        monkeypatch.setattr(os, "rename", full)
        assert usual(self.homes(tmp_path)) is None
        assert list((tmp_path / ".local/state/casemate").iterdir()) == []

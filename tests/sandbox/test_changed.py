"""What a program changed is told as it was, whatever it did to hide it, and looking changes nothing."""

import textwrap
import threading
import time
from pathlib import Path

import pytest
from confining import PYTHON, policy

from casemate.model.capability import Capability
from casemate.model.policy import Grant, WriteMode
from casemate.model.sandbox import ChangeKind, Command, FileChange, Outcome
from casemate.sandbox import AtEnd, Look, confine
from casemate.sandbox.native import changed


def written(
    place: Path,
    code: str,
    *,
    look: Look = Look.CONTENT,
    at_end: AtEnd = AtEnd.COPY,
    deny: tuple[str, ...] = ("@persist",),
    most: int | None = None,
) -> Outcome:
    granted = policy(Grant(Capability.FS_WRITE, str(place), WriteMode.COMMIT, most), deny=deny)
    whole = f"import os\nos.chdir({str(place if place.is_dir() else place.parent)!r})\n{textwrap.dedent(code)}"
    command = Command((str(PYTHON), "-I", "-S", "-c", whole), str(PYTHON), "/")
    return confine(command, granted, environment={}, look=look, at_end=at_end)


def by_name(outcome: Outcome, place: Path) -> dict[str, FileChange]:
    return {change.path.removeprefix(f"{place}/"): change for change in outcome.changes}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "work/sub").mkdir(parents=True)
    work = tmp_path / "work"
    (work / "text").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (work / "gone").write_text("x", encoding="utf-8")
    (work / "sub/deep").write_text("a\n", encoding="utf-8")
    return work


def test_each_change_is_told_with_sizes_and_text(place: Path) -> None:
    code = """
    open('text', 'w').write('one\\n2\\nthree\\n')
    os.remove('gone')
    open('new', 'w').write('n\\n')
    os.mkdir('made')
    open('sub/deep', 'a').write('b\\n')
    """
    changes = by_name(written(place, code), place)
    assert {name: (str(c.kind), c.before, c.after, c.copied) for name, c in changes.items()} == {
        "text": ("changed", 14, 12, True),
        "gone": ("deleted", 1, None, True),
        "new": ("added", None, 2, True),
        "made": ("directory added", None, None, True),
        "sub/deep": ("changed", 2, 4, True),
    }
    assert changes["text"].difference == ("@@ -1,3 +1,3 @@", " one", "-two", "+2", " three")
    assert changes["sub/deep"].difference == ("@@ -1 +1,2 @@", " a", "+b")


def test_persistence_points_are_marked_and_shown_and_stay_inside(place: Path) -> None:
    code = """
    os.makedirs('.git/hooks')
    open('.git/hooks/pre-commit', 'w').write('#!/bin/sh\\nevil\\n')
    open('x.pth', 'w').write('import os\\n')
    """
    changes = by_name(written(place, code), place)
    for name in (".git/hooks/pre-commit", "x.pth"):
        assert changes[name].persist
        assert not changes[name].copied
        assert "fs.persist" in changes[name].reason
    assert "+evil" in changes[".git/hooks/pre-commit"].difference
    assert not (place / ".git/hooks").exists()


def test_persistence_points_are_marked_where_the_policy_lets_them_out(place: Path) -> None:
    change = by_name(written(place, "open('x.pth', 'w').write('y')", deny=()), place)["x.pth"]
    assert (change.persist, change.copied) == (True, True)


def test_what_is_thrown_away_is_told_and_does_not_reach_the_host(place: Path) -> None:
    code = "open('new', 'w').write('n')\nos.remove('gone')\nopen('x.pth', 'w').write('y')"
    outcome = written(place, code, at_end=AtEnd.DISCARD)
    changes = by_name(outcome, place)
    assert {name: change.reason.split(" ")[0] for name, change in changes.items()} == {
        "new": "discarded",
        "gone": "discarded",
        "x.pth": "something",
    }
    assert outcome.committed == outcome.refused == ()
    assert not (place / "new").exists()
    assert (place / "gone").exists()


def test_without_a_look_nothing_is_told_and_everything_is_copied(place: Path) -> None:
    outcome = written(place, "open('new', 'w').write('n')", look=Look.NOT)
    assert outcome.changes == ()
    assert (place / "new").exists()
    assert not written(place, "open('other', 'w').write('n')", look=Look.NOT, at_end=AtEnd.DISCARD).committed
    assert not (place / "other").exists()


def test_with_names_alone_no_text_is_read(place: Path) -> None:
    (change,) = written(place, "open('text', 'w').write('n')", look=Look.NAMES).changes
    assert (change.before, change.after, change.difference) == (14, 1, ())


def test_links_and_pipes_are_told_and_never_followed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret", encoding="utf-8")
    code = f"""
    os.symlink({str(tmp_path / "secret")!r}, 'link')
    os.remove('text'); os.symlink({str(tmp_path / "secret")!r}, 'text')
    os.mkfifo('pipe')
    """
    outcome = written(place, code)
    changes = by_name(outcome, place)
    assert {name: str(changes[name].kind) for name in ("link", "text", "pipe")} == dict.fromkeys(
        ("link", "text", "pipe"), "other"
    )
    assert "s3cret" not in str(outcome)


def test_a_folder_that_was_swapped_for_a_link_on_the_host_is_not_followed(place: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "deep").write_text("s3cret\n", encoding="utf-8")
    code = "open('sub/deep', 'w').write('mine\\n')\nopen('go2', 'w')\nimport time\ntime.sleep(1.5)"

    def swap() -> None:
        time.sleep(0.7)
        (place / "sub").rename(tmp_path / "sub.old")
        (place / "sub").symlink_to(elsewhere)

    thread = threading.Thread(target=swap)
    thread.start()
    outcome = written(place, code)
    thread.join()
    assert "s3cret" not in str(outcome.changes)
    assert (elsewhere / "deep").read_text(encoding="utf-8") == "s3cret\n"


def test_large_and_binary_files_have_sizes_and_no_text(place: Path) -> None:
    code = """
    open('big', 'w').write('x\\n' * 50_000)
    open('long', 'w').write('x\\n' * 2_000)
    open('bytes', 'wb').write(b'a\\0b\\n')
    open('latin', 'wb').write(b'\\xff\\n')
    """
    changes = by_name(written(place, code), place)
    assert {name: change.difference for name, change in changes.items()} == dict.fromkeys(changes, ())
    assert changes["big"].after == 100_000


def test_a_long_difference_is_cut(place: Path) -> None:
    change = by_name(written(place, "open('new', 'w').write('x\\n' * 700)"), place)["new"]
    assert len(change.difference) == changed.SHOWN + 1
    assert change.difference[-1] == "…"


def test_many_files_take_no_longer_than_they_may(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "PATIENCE", 0.0)
    outcome = written(place, "for n in range(300): open(f'f{n}', 'w').write('x\\n')")
    assert len(outcome.changes) == 300
    assert all(change.difference == () and change.copied for change in outcome.changes)


def test_a_layer_over_its_quota_is_refused_as_a_whole(place: Path) -> None:
    outcome = written(place, "open('a', 'w').write('x' * 100); open('b', 'w')", most=4096, look=Look.NAMES)
    assert all(change.copied for change in outcome.changes)
    outcome = written(place, "open('c', 'wb').truncate(1 << 20)", most=4096)
    assert {change.kind for change in outcome.changes} <= {ChangeKind.ADDED, ChangeKind.OTHER}
    assert all("over the quota" in change.reason for change in outcome.changes)
    assert not (place / "c").exists()


def test_a_mode_that_hides_a_file_hides_no_change(place: Path) -> None:
    code = "os.mkdir('d'); open('d/f', 'w').write('hidden\\n'); os.chmod('d/f', 0); os.chmod('d', 0)"
    assert by_name(written(place, code), place)["d/f"].difference == ("@@ -0,0 +1 @@", "+hidden")


def test_a_granted_file_is_told_if_it_changed(place: Path) -> None:
    (change,) = written(place / "text", "open('text', 'w').write('one\\n')").changes
    assert (change.path, change.before, change.after, change.copied) == (str(place / "text"), 14, 4, True)
    assert change.difference == ("@@ -1,3 +1 @@", " one", "-two", "-three")
    (place / "text").write_text("same", encoding="utf-8")
    assert written(place / "text", "open('text', 'w').write('same')").changes == ()


def test_what_is_replaced_and_emptied_is_told(place: Path) -> None:
    code = "import shutil; os.remove('sub/deep'); os.rmdir('sub'); os.mkdir('sub'); open('sub/other', 'w')"
    changes = by_name(written(place, code), place)
    assert str(changes["sub"].kind) == "directory emptied"
    assert str(changes["sub/other"].kind) == "added"

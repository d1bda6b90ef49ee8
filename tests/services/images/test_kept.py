"""The image of a layout is unpacked once, whole or not at all, and found again by its digest."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.layouts import Layout, archive, file, layout

from casemate.model.errors import InputError
from casemate.services import images
from casemate.services.images import Kept, kept
from casemate.services.whole import PART, lock

SRC = Path(images.__file__).parents[3]
UNPACK = """
import os, sys
sys.path.insert(0, sys.argv[1])
from casemate.services.images import kept
print("begun", flush=True)
print(kept(sys.argv[2], os.environ).folder, flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Mapping[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {"HOME": str(home)}


def place(home: Mapping[str, str]) -> Path:
    return Path(home["HOME"]) / ".cache/casemate/images"


def test_an_image_is_unpacked_once_and_named_by_its_digest(tmp_path: Path, home: Mapping[str, str]) -> None:
    made = Layout(tmp_path / "layout")
    manifest = made.manifest(archive(file("a", b"text")))
    first = kept(str(made.done(manifest)), home)
    assert first == Kept(str(place(home) / str(manifest["digest"]).replace(":", "-")), {"COLOUR": "red"})
    assert (Path(first.folder) / "a").read_bytes() == b"text"
    number = Path(first.folder).stat().st_ino
    assert kept(str(made.folder), home) == first
    assert Path(first.folder).stat().st_ino == number
    assert [path.name for path in place(home).iterdir()] == [Path(first.folder).name]


def test_another_image_is_another_folder(tmp_path: Path, home: Mapping[str, str]) -> None:
    folders = {kept(str(layout(tmp_path / name, archive(file(name)))), home).folder for name in "ab"}
    assert len(folders) == 2


def test_of_an_image_that_cannot_be_unpacked_nothing_is_left(tmp_path: Path, home: Mapping[str, str]) -> None:
    path = layout(tmp_path / "layout", archive(file("a"), file("b", b"x" * 5000)), archive(file("a/b")))
    with pytest.raises(InputError, match=r"fs\.image .*layout: layer .*: 'a/b': 'a' on its way is no folder"):
        kept(str(path), home)
    assert list(place(home).iterdir()) == []


def test_what_a_killed_process_left_is_thrown_away_by_the_next(tmp_path: Path, home: Mapping[str, str]) -> None:
    path = layout(
        tmp_path / "layout", *(archive(*(file(f"{n}-{m}", os.urandom(5000)) for m in range(300))) for n in range(9))
    )
    left, seen = 0, False
    while not left:  # until one was killed in the midst of it
        command = [sys.executable, "-c", UNPACK, SRC, path]
        with subprocess.Popen(
            command, env={**os.environ, **home, "XDG_CACHE_HOME": ""}, stdout=subprocess.PIPE
        ) as child:
            while child.poll() is None and not list(place(home).glob(f"{PART}*/made/*")):
                time.sleep(0.001)
            child.send_signal(signal.SIGKILL)
        left = len(list(place(home).glob(f"{PART}*")))
        seen = bool(list(place(home).glob("sha256-*")))
        assert left or seen
        for whole in place(home).glob("sha256-*"):
            whole.rename(tmp_path / f"taken-{whole.stat().st_ino}")
    assert not seen, "an image appears whole or not at all"
    folder = kept(str(path), home).folder
    assert len(list(Path(folder).iterdir())) == 2700
    assert [found.name for found in place(home).iterdir()] == [Path(folder).name]


def test_two_at_once_end_with_one(tmp_path: Path, home: Mapping[str, str]) -> None:
    path = layout(tmp_path / "layout", archive(*(file(f"{n}", os.urandom(5000)) for n in range(500))))
    command = [sys.executable, "-c", UNPACK, SRC, path]
    environment = {**os.environ, **home, "XDG_CACHE_HOME": ""}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {child.communicate(timeout=120)[0] for child in both}
    assert [child.returncode for child in both] == [0, 0]
    assert len(said) == 1
    assert len(list(place(home).iterdir())) == 1


def test_what_nobody_started_for_long_is_thrown_away_unless_it_is_in_use(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    used, unused = (place(home) / f"sha256-{letter * 64}" for letter in "ab")
    for folder in (used, unused):
        (folder / "x").mkdir(parents=True)
        os.utime(folder, (0, 0))
    mark = lock(used, fcntl.LOCK_SH)
    folder = kept(str(layout(tmp_path / "layout", archive(file("a")))), home).folder
    assert {path.name for path in place(home).iterdir()} == {Path(folder).name, used.name}
    os.close(mark)


def test_a_cache_in_which_others_write_is_not_used(tmp_path: Path, home: Mapping[str, str]) -> None:
    place(home).mkdir(parents=True)
    place(home).chmod(0o777)
    with pytest.raises(InputError, match="only you may be able to write there"):
        kept(str(layout(tmp_path / "layout", archive(file("a")))), home)


def test_without_a_home_there_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no place to unpack it"):
        kept(str(layout(tmp_path / "layout", archive(file("a")))), {})

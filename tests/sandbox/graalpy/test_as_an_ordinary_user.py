"""An ordinary user has the same backend, with a runtime of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import USER, pytest_as_a_user


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests beside this one are such a try already")
def test_an_ordinary_user_is_confined_likewise(place: Path, runtime: Path) -> None:
    target = place / ".local" / "share" / "casemate" / "runtimes" / runtime.name
    shutil.copytree(runtime, target, symlinks=True)
    for path in (place, *place.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    assert "passed" in pytest_as_a_user(place, [Path(__file__).with_name("test_confined.py")], seconds=180)

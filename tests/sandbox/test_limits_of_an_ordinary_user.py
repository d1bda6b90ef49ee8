"""Limits as an ordinary user: by rlimits, and by cgroups where an administrator has handed groups over."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.processes import USER, pytest_as_a_user

from casemate.sandbox.native import cgroups
from casemate.sandbox.native.cgroups import MEMORY

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="every other test here is such a try already")


@pytest.fixture
def handed_over() -> Iterator[list[Path]]:
    """Make groups that belong to the user, as an administrator or a container would."""
    made = [Path(place.directory) / f"handed-over-{os.getpid()}" for place in cgroups.places()]
    for group in made:
        group.mkdir()
        for path in (group, *group.iterdir()):
            with suppress(PermissionError):
                os.chown(path, USER, USER)
    yield made
    for group in made:
        for left in group.glob("casemate-*"):
            left.rmdir()
        group.rmdir()


def said_by_pytest(names: tuple[str, ...], groups: list[Path], chosen: str = "") -> str:
    """Run tests as the user, in these groups, all or those chosen by words; give what pytest said."""

    def enter() -> None:
        for group in groups:
            (group / "cgroup.procs").write_text("0")

    files = [HERE / f"test_{name}.py" for name in names]
    with tempfile.TemporaryDirectory() as folder:
        return pytest_as_a_user(Path(folder), ["-k", chosen, *files], begin=enter, seconds=300)


def test_without_cgroups() -> None:
    assert "no cgroup that counts memory" in said_by_pytest(("cgroups", "whole_run"), [])


def test_in_groups_that_were_handed_over(handed_over: list[Path]) -> None:
    if not any(place.version == 1 and MEMORY in place.counts for place in cgroups.places()):
        pytest.skip("version 2 hands nothing down from a group with processes in it")
    said = said_by_pytest(("groups", "whole_run"), handed_over, "counted or memory or removed or leaves or seen")
    assert "gives us no cgroup" not in said
    assert int(said.splitlines()[-1].split()[0]) > 10, said

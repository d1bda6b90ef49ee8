"""What holds for root holds for an ordinary user: the same escapes, tried once more as somebody who is not root.

An ordinary caller's program keeps the caller's identity outside, and its namespaces begin with a user namespace.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import pytest_as_a_user


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a directory with a short name: the path of a socket has at most 107 bytes (unix(7))."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here is such a try already")
def test_every_escape_is_closed_for_an_ordinary_user(place: Path) -> None:
    assert "passed" in pytest_as_a_user(place, [Path(__file__).parent], seconds=600)

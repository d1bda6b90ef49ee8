"""Programs to audit, written where a test may do with them what it likes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.rules import about_code

EXAMPLES = {rule.name: rule.example for rule in about_code()}


@pytest.fixture
def example() -> Callable[[str], str]:
    """Give the example of a rule: source in which that rule is met."""
    return EXAMPLES.__getitem__


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a folder with one file in which sql-injection (critical) is met, and one in which nothing is."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "people.py").write_text(EXAMPLES["sql-injection"], encoding="utf-8")
    (folder / "plain.py").write_text("print('hello')\n", encoding="utf-8")
    (folder / "README.md").write_text("text\n", encoding="utf-8")
    return folder


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Give a folder with one file in which no rule is met."""
    folder = tmp_path / "clean"
    folder.mkdir()
    (folder / "plain.py").write_text("print('hello')\n", encoding="utf-8")
    return folder

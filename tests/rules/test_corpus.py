"""What is dangerous and what looks alike: in tests/corpus every line marked `# flag RULE` is found, and no other."""

import re
from pathlib import Path

import pytest

from casemate.audit import audit

CORPUS = Path(__file__).parents[1] / "corpus"
FOLDERS = [CORPUS / "flows", CORPUS / "patterns"]
FILES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))
MARK = re.compile(r"# flag ([a-z-]+)$")


def marked(path: Path) -> set[tuple[int, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {(number, found[1]) for number, line in enumerate(lines, 1) if (found := MARK.search(line))}


@pytest.fixture(scope="module")
def found() -> dict[str, set[tuple[int, str]]]:
    by_file: dict[str, set[tuple[int, str]]] = {}
    for finding in audit(FOLDERS).findings:
        by_file.setdefault(Path(finding.location.path).name, set()).add((finding.location.line, finding.rule))
    return by_file


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_marked_lines_are_found_and_no_others(path: Path, found: dict[str, set[tuple[int, str]]]) -> None:
    assert found.get(path.name, set()) == marked(path)

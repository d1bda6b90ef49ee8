"""What is written stays true: links lead somewhere, the README stays short, no output promises safety."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("benchmarks/*.md")]
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PROMISE = re.compile(r"(?<!sun-misc-)\b(un)?(safe|secure|secured|safely|securely)\b", re.IGNORECASE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_readme_starts_with_the_two_commands_that_do_all_the_set_up() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^make \w+", text, re.MULTILINE)[:2] == ["make demo", "make test"]


def printed(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the string constants of a module that are no docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


@pytest.mark.parametrize("folder", ["cli", "reports", "sandbox", "policy", "model"])
def test_no_output_promises_safety(folder: str) -> None:
    said = [
        f"{module.relative_to(ROOT)}:{line}: {text}"
        for module in sorted((ROOT / "src/casemate" / folder).rglob("*.py"))
        for line, text in printed(module)
        if PROMISE.search(text)
    ]
    assert said == []


def test_no_page_names_a_place_of_one_machine() -> None:
    places = re.compile(r"/(root|work|home)/(?!casemate\b|user\b|you\b|alice\b)\w+")
    named = [
        f"{page.relative_to(ROOT)}: {match.group()}"
        for page in PAGES
        for match in places.finditer(page.read_text("utf-8"))
    ]
    assert named == []

"""The policies that the pages show are those under which the programs of this folder run."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGES = sorted((HERE.parents[1] / "docs/how-to").glob("*.md"))
TESTED = {policy.read_text(encoding="utf-8") for policy in HERE.glob("*/casemate.toml")}
SHOWN = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    if block.startswith("[policy]")
]


def test_the_pages_show_policies() -> None:
    assert len(SHOWN) >= 4


@pytest.mark.parametrize(("page", "block"), SHOWN)
def test_a_policy_that_a_page_shows_is_tested(page: str, block: str) -> None:
    assert block in TESTED, page

"""The generated reference pages say what the code says."""

import importlib.util
from pathlib import Path

from casemate.rules import about_code

SCRIPT = Path(__file__).parents[2] / "docs" / "generate.py"


def test_every_generated_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.stale() == [], "run python docs/generate.py"


def test_every_rule_says_why_it_matters_what_to_do_and_what_it_misses() -> None:
    for rule in about_code():
        for heading in ("## Why", "## Fix", "## Known misses"):
            assert f"\n{heading}\n" in rule.documentation, (rule.name, heading)


def test_every_rule_has_an_example_with_a_line_that_is_met_and_one_that_only_looks_alike() -> None:
    for rule in about_code():
        lines = [line.strip() for line in rule.example.splitlines() if line.strip()]
        assert any(line.endswith("# flag") for line in lines), rule.name
        assert any(not line.endswith("# flag") for line in lines), rule.name

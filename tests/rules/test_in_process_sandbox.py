"""Hiding builtins from text of others is relied on; around a function of the program's own it is not."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ('f"lambda cls, {text}: make(cls, ({text}))"', Severity.INFO),
        ('f"def add({text}): pass"', Severity.INFO),
        ('f"lambda x: {text}"', Severity.HIGH),
        ('f"value = {text}"', Severity.HIGH),
        ("text", Severity.HIGH),
    ],
)
def test_text_of_others_is_not_held_back(text: str, severity: Severity, tmp_path: Path) -> None:
    path = tmp_path / "makes.py"
    path.write_text(f'def make(text):\n    return eval({text}, {{"__builtins__": {{}}}})\n', encoding="utf-8")
    assert [one.severity for one in audit([path], select={"in-process-sandbox"}).findings] == [severity]

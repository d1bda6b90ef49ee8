"""Who starts a program may run what they like: what may only become code of theirs is a note."""

from pathlib import Path

import pytest

from casemate.audit import audit
from casemate.model.finding import Severity


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("exec(sys.argv[1])", Severity.LOW),
        ("exec(unknown.load(sys.argv[1]))", Severity.INFO),
        ("marshal.loads(sys.argv[1].encode())", Severity.LOW),
        ("marshal.loads(unknown.load(sys.argv[1]))", Severity.INFO),
        ("pickle.loads(unknown.load(sys.argv[1]))", Severity.MEDIUM),
        ("exec(unknown.load(request.args['code']))", Severity.CRITICAL),
    ],
)
def test_what_is_not_sure_to_run_what_the_starter_says_is_a_note(code: str, expected: Severity, tmp_path: Path) -> None:
    path = tmp_path / "start.py"
    path.write_text(
        f"import marshal, pickle, sys\nimport unknown\nfrom flask import request\n\ndef start():\n    {code}\n",
        encoding="utf-8",
    )
    found = audit([path], select={"code-injection", "unsafe-deserialization"}).findings
    assert [finding.severity for finding in found] == [expected]

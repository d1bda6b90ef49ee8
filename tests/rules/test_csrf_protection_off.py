"""Switches of a program count wherever they are passed; those of a configuration for tests do not."""

from pathlib import Path

import pytest

from casemate.audit import audit


def lines(folder: Path, code: str) -> list[int]:
    path = folder / "app.py"
    path.write_text(code, encoding="utf-8")
    return [finding.location.line for finding in audit([path], select={"csrf-protection-off"}).findings]


@pytest.mark.parametrize("switch", ["require_csrf", "check_origin"])
def test_pyramid_is_told_by_an_object_of_any_name(switch: str, tmp_path: Path) -> None:
    off = f"import pyramid.csrf\n\ndef includeme(setup):\n    setup.set_default_csrf_options({switch}=False)\n"
    assert lines(tmp_path, off) == [4]
    assert lines(tmp_path, off.replace("False", "True")) == []
    assert lines(tmp_path, off.replace("pyramid", "shop")) == []


def test_what_says_testing_speaks_of_the_nearest_switch(tmp_path: Path) -> None:
    code = "app.config.update(WTF_CSRF_ENABLED=False)\n\napp.config.update(\n"
    code += "    WTF_CSRF_ENABLED=False,\n    TESTING=True,\n)\n"
    assert lines(tmp_path, code) == [1]
    assert lines(tmp_path, code.replace("True", "False")) == [1, 4]

"""Python runs files that it finds: sitecustomize, .pth, PYTHON* variables. None may run before the policy is in force.

CVE-2026-25725 and its kin plant such files; here the plant must not act outside the confinement, and not in casemate.
"""

import os
from pathlib import Path

import pytest
from confining import EMPTY, confined, policy

from casemate.model.capability import Capability
from casemate.model.policy import Grant

PLANT = "print('planted')\ntry:\n open({0!r}, 'w').write('x')\nexcept OSError:\n pass\n"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    for name in ("sitecustomize.py", "usercustomize.py", "encodings.py", "os.py", "site.py"):
        (site / name).write_text(PLANT.format(str(tmp_path / "escaped")))
    return site


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "LD_PRELOAD"])
def test_a_variable_of_the_caller_does_not_reach_the_target(planted: Path, name: str) -> None:
    values = {name: str(planted)}
    result = confined("print('ran')", EMPTY, environment=values, flags=())
    assert "planted" not in result.out
    assert "ran" in result.out, result
    assert not (planted.parent / "escaped").exists()


def test_a_granted_plant_runs_only_under_the_policy(planted: Path) -> None:
    granted = policy(Grant(Capability.FS_READ, str(planted)), settings=(("PYTHONPATH", str(planted)),))
    (planted / "encodings.py").unlink()
    (planted / "os.py").unlink()
    (planted / "site.py").unlink()
    values = {"PYTHONPATH": str(planted)}
    result = confined("print('ran')", granted, environment=values, flags=())
    assert "planted" in result.out, result
    assert not (planted.parent / "escaped").exists()


def test_a_module_in_the_working_directory_does_not_run_in_casemate(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(planted)
    for name in ("json.py", "fcntl.py", "ctypes.py"):
        (planted / name).write_text(PLANT.format(str(planted.parent / "escaped")))
    confined("print('ran')", EMPTY, directory=str(planted))
    assert not (planted.parent / "escaped").exists()


def test_nothing_of_ours_is_left_in_the_memory_of_the_target() -> None:
    os.environ["CASEMATE_TEST_MARK"] = "mark-" + "z" * 20
    try:
        code = """
import re
for line in open('/proc/self/maps'):
    ends, mode = line.split()[:2]
    if 'r' not in mode or 'vvar' in line or 'vsyscall' in line: continue
    start, end = (int(x, 16) for x in ends.split('-'))
    with open('/proc/self/mem', 'rb') as memory:
        memory.seek(start)
        if bytes(reversed(b'zzzzzzzzzzzzzzzzzzzz-kram')) in memory.read(end - start): print('found', line)
print('looked')
"""
        result = confined(code)
    finally:
        del os.environ["CASEMATE_TEST_MARK"]
    assert result.out.endswith("looked\n"), result
    assert result.out.count("found") <= 3  # its own copies of what it looks for

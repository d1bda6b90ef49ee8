"""The architecture holds, and each contract is proven by a change that breaks it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# contract → (the module that is changed, the line that must not be there)
BREAKS = {
    "one-way": ("audit.py", "import casemate.cli"),
    "model-knows-nobody": ("model/location.py", "import casemate.readers"),
    "sandbox-knows-model": ("sandbox/native/__init__.py", "import casemate.readers"),
    "reports-know-model": ("reports/text.py", "import casemate.policy"),
    "reading-never-executes": ("readers/files.py", "import pickle"),
    "only-sandbox-and-services-start": ("cli/audit.py", "import subprocess"),
}


def contracts() -> list[dict[str, object]]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return configuration["tool"]["importlinter"]["contracts"]  # type: ignore[no-any-return] -- read from TOML


def lint(root: Path, contract: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--contract", contract],
        cwd=root,
        env={"PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_has_a_change_that_breaks_it() -> None:
    assert {contract["id"] for contract in contracts()} == set(BREAKS)


@pytest.mark.parametrize("contract", BREAKS)
def test_a_forbidden_import_breaks_its_contract(contract: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert lint(tmp_path, contract).returncode == 0

    module, line = BREAKS[contract]
    path = tmp_path / "src/casemate" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")

    broken = lint(tmp_path, contract)
    assert broken.returncode == 1, broken.stdout
    assert "BROKEN" in broken.stdout


def test_reading_loads_nothing_that_executes_or_connects() -> None:
    code = (
        "import sys; before = set(sys.modules); sys.path[:0] = sys.argv[1:]; "
        "import casemate.audit, casemate.policy.infer, casemate.reports.text, casemate.reports.sarif; "
        "print(*sorted(set(sys.modules) - before))"
    )
    paths = [str(ROOT / "src"), *[path for path in sys.path if path.endswith("site-packages")]]
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *paths], capture_output=True, text=True, check=True
    ).stdout.split()
    forbidden = {
        "pickle",
        "_pickle",
        "marshal",
        "shelve",
        "runpy",
        "subprocess",
        "multiprocessing",
        "ctypes",
        "_ctypes",
    }
    forbidden |= {"socket", "_socket", "ssl", "http", "urllib.request", "asyncio", "pty"}
    assert forbidden.isdisjoint(loaded), sorted(forbidden & set(loaded))

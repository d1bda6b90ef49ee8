"""pytest of flask's own suite: every test ends inside as it does outside."""

import subprocess
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require
from tests.programs.conftest import ENVIRONMENT

LEAST = 400


@pytest.fixture
def flask(tmp_path: Path) -> Path:
    """Unpack the source distribution of the flask that is installed."""
    sources = sorted((ENVIRONMENT / "sources").glob("flask-*.tar.gz"))
    require("the source distribution of flask (make .venv-programs/ready)", there=bool(sources))
    with tarfile.open(sources[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / sources[0].name.removesuffix(".tar.gz")


def results(report: Path) -> dict[str, str]:
    cases = ET.parse(report).iter("testcase")  # noqa: S314 -- written by the pytest just started
    return {
        f"{case.get('classname')}.{case.get('name')}": ",".join(
            child.tag for child in case if child.tag != "properties"
        )
        for case in cases
    }


def test_flasks_own_tests_end_inside_as_they_do_outside(python: Path, flask: Path) -> None:
    (flask / "reports").mkdir()
    pytest_ = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "--junitxml")
    outside = subprocess.run([python, "-B", *pytest_, "outside.xml"], cwd=flask, capture_output=True, check=False)
    command = [COMMAND, "run", "--python", python, "--read", ".", "--write", "reports"]
    inside = subprocess.run(
        [*command, *pytest_, "reports/inside.xml"], cwd=flask, capture_output=True, text=True, check=False, timeout=120
    )
    there = results(flask / "outside.xml")
    assert results(flask / "reports/inside.xml") == there, inside.stdout + inside.stderr
    assert inside.returncode == outside.returncode
    assert sum(result == "" for result in there.values()) > LEAST

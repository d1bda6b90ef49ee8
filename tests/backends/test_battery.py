"""The whole attack battery against every backend: nothing gets through where its table says that it is withheld."""

import json
import subprocess

import pytest
from tests.conftest import COMMAND

LEAST = 100  # acts that are withheld, whatever a runtime lacks


def test_nothing_gets_through_that_the_table_says_is_withheld(backend: str) -> None:
    if backend == "native":
        pytest.skip("tests/escapes/test_battery.py tries it, as root and as an ordinary user")
    command = [COMMAND, "verify", "--backend", backend, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    through = [f"{p['probe']}: {p['reason']}" for p in said["probes"] if p["verdict"] == "got through"]
    assert through == []
    assert said["counts"]["held"] >= LEAST, said["counts"]
    assert said["backend"] == backend

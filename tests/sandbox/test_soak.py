"""A short soak: the long one is `make soak`."""

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


def test_runs_that_behave_and_runs_that_do_not_and_killed_ones_leave_nothing() -> None:
    options = ["--runs", "60", "--seed", "7", "--kill-rate", "0.5", "--bad-rate", "0.2", "--threads", "40"]
    done = subprocess.run([sys.executable, SOAK, *options], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| runs | 60 |" in done.stdout
    rows = [line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith("|")]
    found = {name.strip(): value.strip() for name, value in rows}
    assert int(found["of which misbehave"]) >= 8
    assert int(found["of which were disturbed"].partition(":")[0]) >= 20
    assert {value for name, value in found.items() if name.startswith("left over")} == {"0"}

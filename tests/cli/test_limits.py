"""What a user sees when a limit is reached: one line that names it, the code 137, and the same in the record."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.processes import Started

from casemate.model.policy import GIB, MIB, Limits
from casemate.policy.limits import spelled
from casemate.sandbox.native import cgroups

Casemate = Callable[..., subprocess.CompletedProcess[str]]
COUNTED = {name for place in cgroups.places() for name in place.counts}
MEMORY = "import os\nfor _ in range(4):\n  if os.fork() == 0:\n    x = bytearray(b'x') * (40 << 20); input()\nos.wait()"


@pytest.mark.parametrize(
    ("options", "code", "ended_by", "value"),
    [
        (("--memory", "100MiB"), MEMORY, "memory limit", "100MiB"),
        (("--cpu", "1s"), "while True: pass", "cpu limit", "1s"),
        (("--wall", "1s"), "import time; time.sleep(60)", "wall limit", "1s"),
    ],
    ids=["memory", "cpu", "wall"],
)
def test_the_limit_is_named(
    casemate: Casemate, tmp_path: Path, options: tuple[str, ...], code: str, ended_by: str, value: str
) -> None:
    if ended_by == "memory limit" and "memory" not in COUNTED:
        pytest.skip("this host gives us no cgroup that counts memory")
    record = tmp_path / "record"
    with Started(["/bin/sleep", "60"], stdout=subprocess.PIPE) as open_for_long:
        done = casemate("run", "--record", record, *options, "-c", code, stdin=open_for_long.stdout)
        open_for_long.kill()
    assert done.returncode == 137
    assert f"casemate: the program was ended by the {ended_by} ({value}): " in done.stderr
    ended = json.loads(record.read_text().splitlines()[-1])
    assert (ended["event"], ended["code"], ended["by"]) == ("ended", 137, ended_by)


@pytest.mark.skipif("pids" not in COUNTED, reason="this host gives us no cgroup that counts processes")
def test_too_many_processes_are_named_where_the_program_fails(casemate: Casemate, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[policy]\nversion = 1\n[limits]\nprocesses = 4\n")
    code = "import os, signal\nfor _ in range(9):\n  if os.fork() == 0: signal.pause()"
    done = casemate("run", "--policy", policy, "-c", code)
    assert done.returncode == 1
    assert "casemate: denied: res.procs limits.processes = 4 (in a policy, " in done.stderr


def test_the_table_names_what_counts_here(casemate: Casemate) -> None:
    """The same names in the table of a plan, in its first line, and among the layers that were tried."""
    done = casemate("backends", "--format", "json")
    (backend,) = (one for one in json.loads(done.stdout)["backends"] if one["name"] == "native")
    (layer,) = (layer for layer in backend["layers"] if layer["name"] == "cgroups")
    rows = {row["capability"]: row["layers"] for row in backend["coverage"]}
    named = {name for layers in rows.values() for name in layers if name.startswith("cgroup ")}
    assert layer["available"] is bool(COUNTED)
    assert bool(named) is bool(COUNTED)
    assert all(name.removeprefix("cgroup ") in layer["detail"] for name in named)
    assert rows["res.memory"][-1] == "rlimits"
    plan = casemate("run", "--dry-run", "-c", "pass").stdout
    assert ("counts=" in plan) is bool(COUNTED)


@pytest.mark.parametrize(
    ("ended_by", "limits", "said"),
    [
        ("memory limit", Limits(memory_bytes=512 * MIB), "memory limit (512MiB)"),
        ("memory limit", Limits(memory_bytes=2 * GIB), "memory limit (2GiB)"),
        ("output limit", Limits(output_bytes=1000), "output limit (1000)"),
        ("cpu limit", Limits(cpu_seconds=600), "cpu limit (10m)"),
        ("wall limit", Limits(wall_seconds=90), "wall limit (90s)"),
        ("caller", Limits(), "caller"),
    ],
)
def test_a_limit_is_written_as_a_policy_writes_it(ended_by: str, limits: Limits, said: str) -> None:
    assert spelled(ended_by, limits) == said

"""`casemate backends`: what it says for people and for programs."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from casemate.model.capability import Capability
from casemate.model.sandbox import Enforcement
from casemate.sandbox import variants

Casemate = Callable[..., subprocess.CompletedProcess[str]]


def test_every_backend_says_for_every_capability_how_far_it_is_withheld(casemate: Casemate) -> None:
    done = casemate("backends", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == "casemate.backends/2"
    assert [backend["name"] for backend in document["backends"]] == list(variants())
    for backend in document["backends"]:
        assert {row["capability"] for row in backend["coverage"]} == set(map(str, Capability))
        assert {row["enforcement"] for row in backend["coverage"]} <= set(map(str, Enforcement))
        assert all(layer["detail"] for layer in backend["layers"])


def test_the_same_stands_in_the_text_and_no_line_is_wider_than_the_page(casemate: Casemate) -> None:
    done = casemate("backends")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert [str(name) for name in Capability if name.enforceable and str(name) not in done.stdout] == []
    shown = casemate("backends", "show", "native")
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 100
    assert [str(capability) for capability in Capability if str(capability) not in shown.stdout] == []


def test_a_name_that_there_is_not_is_an_error_in_one_line(casemate: Casemate) -> None:
    done = casemate("backends", "show", "none")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "there is no backend 'none'" in done.stderr


def test_a_start_is_measured_beside_the_bare_program_and_kept(casemate: Casemate) -> None:
    done = casemate("backends", "measure", "native")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("native  "))
    assert re.search(r"\d+ ms \(\d+\.\dx\)", line)
    assert line in casemate("backends").stdout
    if "bubblewrap yes" in done.stdout:
        again = casemate("backends", "measure", "bubblewrap").stdout
        assert re.search(r"bubblewrap yes .* \d+ ms \(\d+\.\dx\)", again)


def test_a_plan_shows_what_withholds_each_capability_in_the_same_table(casemate: Casemate, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[policy]\nversion = 1\n[limits]\nwall = "10m"\noutput = "1MiB"\n')
    table = casemate("backends", "show", "native").stdout.partition("what withholds each capability\n")[2]
    done = casemate("run", "--policy", policy, "--dry-run", "-c", "pass")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.partition("what withholds each capability\n")[2] == table
    assert "()" not in done.stdout

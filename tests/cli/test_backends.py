"""`casemate backends`: what it says for people and for programs."""

import json
import subprocess
from collections.abc import Callable

from casemate.model.capability import Capability
from casemate.model.sandbox import Enforcement
from casemate.sandbox import names

Casemate = Callable[..., subprocess.CompletedProcess[str]]


def test_every_backend_says_for_every_capability_how_far_it_is_withheld(casemate: Casemate) -> None:
    done = casemate("backends", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == "casemate.backends/1"
    assert [backend["name"] for backend in document["backends"]] == list(names())
    for backend in document["backends"]:
        assert {row["capability"] for row in backend["coverage"]} == set(map(str, Capability))
        assert {row["enforcement"] for row in backend["coverage"]} <= set(map(str, Enforcement))
        assert all(layer["detail"] for layer in backend["layers"])


def test_the_same_stands_in_the_text_and_no_line_is_wider_than_the_page(casemate: Casemate) -> None:
    done = casemate("backends")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert [str(capability) for capability in Capability if str(capability) not in done.stdout] == []


def test_a_plan_shows_what_withholds_each_capability_in_the_same_table(casemate: Casemate) -> None:
    table = casemate("backends").stdout.partition("what withholds each capability\n")[2]
    done = casemate("run", "--dry-run", "-c", "pass")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.partition("what withholds each capability\n")[2] == table
    assert "()" not in done.stdout

"""How long a start takes: what is measured, and what is said of a backend that cannot start anything."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from casemate.cli import measuring
from casemate.sandbox import choose
from casemate.sandbox.containers.bubblewrap import Bubblewrap

Casemate = Callable[..., subprocess.CompletedProcess[str]]


class Nowhere(Bubblewrap):
    """A backend whose program is not installed."""

    program = "no-such-bubblewrap"


def test_a_backend_that_does_not_start_is_named_and_the_others_are_measured(tmp_path: Path) -> None:
    absent, native = Nowhere(), choose("native")
    environment = {"HOME": str(tmp_path)}
    asked = [("absent", absent, absent.runtime()), ("native", native, native.runtime())]
    measured = measuring.measure(asked, environment)
    assert "no-such-bubblewrap is not installed" in str(measured["absent"])
    assert measuring.kept("absent", absent.runtime(), environment) is None
    assert measured["native"] == measuring.kept("native", native.runtime(), environment)


def test_what_was_measured_is_shown_where_nothing_can_be_kept(casemate: Casemate) -> None:
    done = casemate("backends", "measure", "native", env={"PATH": "/usr/bin:/bin"})
    assert re.search(r"native +yes .* \d+ ms \(\d+\.\dx\)", done.stdout), done.stderr

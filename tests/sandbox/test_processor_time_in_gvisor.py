"""gVisor notes the processor time that a bundle allows and does not keep to it; a host may give us no group either."""

import os
import tempfile
from pathlib import Path

import pytest
from confining import confined, policy
from tests.conftest import require
from tests.processes import pytest_as_a_user

from casemate.model.policy import Limits
from casemate.sandbox import choose

NAME = "oci:runsc"


def test_a_program_that_burns_is_ended_and_the_limit_is_named() -> None:
    runtime = choose(NAME).runtime()
    require(f"{NAME}: {runtime.why_not}", there=runtime.available)
    limits = Limits(cpu_seconds=1, wall_seconds=100)
    ended = confined("while True: pass", policy(limits=limits), backend=choose(NAME))
    assert (ended.code, ended.outcome.ended_by) == (137, "cpu limit")


@pytest.mark.skipif(os.geteuid() != 0, reason="the test above is such a try already")
def test_an_ordinary_user_to_whom_no_group_is_given_is_bound_too() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own can be entered by its owner alone
        assert "1 passed" in pytest_as_a_user(Path(folder), [Path(__file__)], seconds=200)

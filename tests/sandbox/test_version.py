"""Every tool says its version to whoever asks, also to a user whom nobody has written down."""

import os
import shutil
import subprocess

import pytest
from tests.conftest import require
from tests.processes import USER

from casemate.sandbox.containers.version import PLAIN, version

TOOLS = ("bwrap", "crun", "runc", "runsc", "podman")


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_says_its_version(name: str) -> None:
    program = shutil.which(name) or ""
    require(f"{name} is not installed", there=bool(program))
    assert version(program)[:1].isdigit()
    if os.geteuid() == 0:
        words = [program, "--version"]
        subprocess.run(words, env=PLAIN, user=USER, group=USER, extra_groups=[], check=True, cwd="/")


def test_what_is_no_program_says_none() -> None:
    assert version("/nonexistent") == ""

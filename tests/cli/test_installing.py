"""`casemate backends install`: what it says, and that an installation that fails leaves nothing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from casemate.services.runtimes import names

Casemate = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_backend_that_installs_nothing_is_named_with_those_that_do(casemate: Casemate) -> None:
    done = casemate("backends", "install", "native")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"casemate: the backend native installs nothing; those that do: {', '.join(names())}\n"


def test_what_nobody_brings_is_said_and_leaves_nothing(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "npm").write_text("#!/bin/sh\necho 'npm error: no registry' >&2\nexit 1\n")
    (tmp_path / "bin" / "npm").chmod(0o755)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    done = casemate("backends", "install", "wasm", env={**os.environ, **offline, "XDG_DATA_HOME": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    *said, last = done.stderr.splitlines()
    assert said[0].startswith("casemate: CPython 3.12.0 for WASI")
    assert said[1].startswith("casemate: fetching wasmtime ")
    assert "pip did not bring wasmtime" in last
    assert list((tmp_path / "casemate" / "runtimes").iterdir()) == []

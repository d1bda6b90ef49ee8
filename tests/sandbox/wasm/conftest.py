"""The wasm backend, where its runtime is installed; and its guest alone, outside of the native backend."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.sandbox.fetched import Run, copy_of, installed, runner

from casemate.sandbox.wasm.parts import COMPILED, DRIVER, LIBRARY, PYTHON
from casemate.sandbox.wasm.view import PREFIX


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Find the installed runtime."""
    return installed("wasm")


@pytest.fixture
def run(runtime: Path) -> Run:  # noqa: ARG001 -- it must be there
    """Run the command line with this backend."""
    return runner("wasm", seconds=60)


@pytest.fixture
def alone(runtime: Path) -> Run:
    """Run code in the guest with nothing of the native backend around it: folders are (host, guest, write)."""

    def alone(
        code: str,
        *folders: tuple[Path, str, bool],
        memory: int = 0,
        environment: Mapping[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> "subprocess.CompletedProcess[str]":
        shown = ((runtime / PYTHON, f"{PREFIX}/lib", False), *folders)
        job = {
            "library": str(runtime / LIBRARY),
            "module": str(runtime / COMPILED),
            "argv": [f"{PREFIX}/bin/python", "-c", code],
            "before": "G_",
            "settings": {},
            "folders": [{"host": str(host), "guest": guest, "write": write} for host, guest, write in shown],
            "memory": memory,
        }
        return subprocess.run(
            [sys.executable, "-I", "-S", DRIVER, json.dumps(job)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
            timeout=60,
            pass_fds=pass_fds,
        )

    return alone


@pytest.fixture(scope="module")
def copied(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Give an environment with a copy of the runtime that may be damaged."""
    with copy_of(runtime, tmp_path_factory.mktemp("data")) as environment:
        yield environment

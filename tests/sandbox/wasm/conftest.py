"""The wasm backend, where its runtime is installed; and its guest alone, outside of the native backend."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require

from casemate.model import own
from casemate.sandbox.installed import find
from casemate.sandbox.wasm.parts import COMPILED, DRIVER, LIBRARY, PYTHON
from casemate.sandbox.wasm.view import PREFIX

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Find the installed runtime."""
    found = find("wasm")
    require(f"wasm: {found.why_not}", there=not found.why_not)
    return Path(found.folder)


@pytest.fixture
def run(runtime: Path) -> Run:  # noqa: ARG001 -- it must be there
    """Run the command line with this backend."""

    def run(*words: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # type: ignore[call-overload,no-any-return] -- options are subprocess.run's own
            [COMMAND, "run", "--backend", "wasm", *words],
            check=False,
            **{"capture_output": True, "text": True, "timeout": 60} | options,
        )

    return run


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
    data = tmp_path_factory.mktemp("data")
    environment = {**os.environ, "XDG_DATA_HOME": str(data)}
    shutil.copytree(runtime, Path(own.data(environment), "runtimes", runtime.name), symlinks=True)
    yield environment
    shutil.rmtree(data)

"""The graalpy backend, where its runtime is installed; and its guest alone, outside of the native backend."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require

from casemate.model import own
from casemate.sandbox.graalpy import java
from casemate.sandbox.installed import find

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Find the installed runtime."""
    found = find("graalpy")
    require(f"graalpy: {found.why_not}", there=not found.why_not)
    return Path(found.folder)


@pytest.fixture
def run(runtime: Path) -> Run:  # noqa: ARG001 -- it must be there
    """Run the command line with this backend."""

    def run(*words: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # type: ignore[call-overload,no-any-return] -- options are subprocess.run's own
            [COMMAND, "run", "--backend", "graalpy", *words],
            check=False,
            **{"capture_output": True, "text": True, "timeout": 90} | options,
        )

    return run


@pytest.fixture
def alone(runtime: Path) -> Run:
    """Run code in the guest with nothing of the native backend around it; `seen` are read=, write= and cpu=."""

    def alone(
        code: str, *seen: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        words = [f"home={runtime}/{java.HOME}", *seen, "--", "B", "0", "code", java.quoted(code)]
        return subprocess.run(
            [*java.command(str(runtime), heap=1 << 28), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **java.VARIABLES, **(environment or {})},
            timeout=90,
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

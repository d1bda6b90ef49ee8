"""The graalpy backend, where its runtime is installed; and its guest alone, outside of the native backend."""

import os
import resource
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.sandbox.fetched import Run, copy_of, installed, runner

from casemate.sandbox.graalpy import java


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Find the installed runtime."""
    return installed("graalpy")


@pytest.fixture
def run(runtime: Path) -> Run:  # noqa: ARG001 -- it must be there
    """Run the command line with this backend."""
    return runner("graalpy", seconds=90)


@pytest.fixture
def alone(runtime: Path) -> Run:
    """Run code in the guest with nothing of the native backend around it; `seen` are read=, write= and cpu=."""

    def alone(
        code: str, *seen: str, environment: Mapping[str, str] | None = None, descriptors: int = 1024
    ) -> "subprocess.CompletedProcess[str]":
        words = [f"home={runtime}/{java.HOME}", *seen, "--", "B", "0", "code", java.quoted(code)]
        return subprocess.run(
            [*java.command(str(runtime), heap=1 << 28), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **java.VARIABLES, **(environment or {})},
            timeout=90,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
        )

    return alone


@pytest.fixture(scope="module")
def copied(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Give an environment with a copy of the runtime that may be damaged."""
    with copy_of(runtime, tmp_path_factory.mktemp("data")) as environment:
        yield environment

"""Runtimes that `casemate backends install` fetched: found, used by the command line, and copied to be damaged."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import COMMAND, require

from casemate.model import own
from casemate.sandbox.installed import find

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def installed(backend: str) -> Path:
    """Find an installed runtime."""
    found = find(backend)
    require(f"{backend}: {found.why_not}", there=not found.why_not)
    return Path(found.folder)


def runner(backend: str, seconds: float) -> Run:
    """Run the command line with a backend."""

    def run(*words: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # type: ignore[call-overload,no-any-return] -- options are subprocess.run's own
            [COMMAND, "run", "--backend", backend, *words],
            check=False,
            **{"capture_output": True, "text": True, "timeout": seconds} | options,
        )

    return run


@contextmanager
def copy_of(runtime: Path, data: Path) -> Iterator[Mapping[str, str]]:
    """Give an environment with a copy of a runtime that may be damaged."""
    environment = {**os.environ, "XDG_DATA_HOME": str(data)}
    shutil.copytree(runtime, Path(own.data(environment), "runtimes", runtime.name), symlinks=True)
    yield environment
    shutil.rmtree(data)

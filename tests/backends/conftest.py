"""Every backend by its name, where its runtime is here."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require

from casemate.sandbox import choose, variants

UNPACKAGED = ("oci:youki",)  # in no distribution that the tests run on: skipped wherever it is missing
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=variants(), scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    runtime = choose(name).runtime()
    if name in UNPACKAGED and not runtime.available:
        pytest.skip(f"{name}: {runtime.why_not}")
    require(f"{name}: {runtime.why_not}", there=runtime.available)
    return name


@pytest.fixture
def run(backend: str) -> Run:
    """Run the command line with this backend."""

    def run(*words: str | Path, cwd: Path | None = None, text: str = "") -> "subprocess.CompletedProcess[str]":
        command = [COMMAND, "run", "--backend", backend, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120, cwd=cwd)

    return run


@pytest.fixture
def port() -> Iterator[int]:
    """Answer everybody who connects to a port of this host with one word; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _answer(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            with server.accept()[0] as made:
                made.sendall(b"welcome")


@pytest.fixture
def free_port() -> int:
    """Find a port of this host that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
    return number

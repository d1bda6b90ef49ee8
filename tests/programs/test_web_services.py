"""Flask and FastAPI with PostgreSQL: the service answers, stores, and reaches nothing but its database."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.processes import Started, wait_for
from tests.programs.conftest import Database, Program, free_port

SERVERS = {
    "notes_flask": ("-m", "flask", "--app", "app", "run", "--port"),
    "notes_fastapi": ("-m", "uvicorn", "app:app", "--port"),
}


def call(url: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 -- our own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- likewise
        return json.load(answer)


def answers(url: str) -> bool:
    try:
        call(url)
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


@contextmanager
def served(program: Program, port: int, url: str, *command: str) -> "Iterator[subprocess.Popen[str]]":
    environment = os.environ | {"DATABASE": url}
    with Started(
        program.command(*command, str(port)),
        cwd=program.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            wait_for(
                lambda: running.poll() is not None or answers(f"http://127.0.0.1:{port}/notes"), "the first answer"
            )
            assert running.poll() is None, running.communicate()[0]
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_a_service_stores_notes_and_ends_when_it_is_told(
    name: str, program: Callable[..., Program], database: Database
) -> None:
    port = free_port()
    service = program(name, port_5432=database.port, port_8080=port)
    with served(service, port, database.url, *SERVERS[name]) as running:
        text = f"from {name}"
        number = call(f"http://127.0.0.1:{port}/notes", {"text": text})
        assert [number, text] in call(f"http://127.0.0.1:{port}/notes")  # type: ignore[operator] -- a list
        assert text in database.query("SELECT text FROM notes").splitlines()
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=30)
    assert running.returncode in (0, 1, 128 + signal.SIGINT), said
    assert not answers(f"http://127.0.0.1:{port}/notes")


def test_a_service_reaches_its_database_by_a_local_socket(program: Callable[..., Program], database: Database) -> None:
    port = free_port()
    service = program("notes_flask", port_5432=database.port, port_8080=port)
    policy = service.folder / "casemate.toml"
    granted = policy.read_text(encoding="utf-8").replace(
        f'connect = ["localhost:{database.port}"]', f'unix = ["{database.socket}"]'
    )
    policy.write_text(granted, encoding="utf-8")
    url = f"postgresql://notes@/notes?host={database.folder}&port={database.port}"
    with served(service, port, url, *SERVERS["notes_flask"]):
        call(f"http://127.0.0.1:{port}/notes", {"text": "by socket"})
    assert "by socket" in database.query("SELECT text FROM notes").splitlines()

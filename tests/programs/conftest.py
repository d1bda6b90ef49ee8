"""Real programs with what they stand on: an environment of their own, a PostgreSQL of the test's own, free ports."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-programs"


@pytest.fixture(scope="session")
def python() -> Path:
    """Give the Python of the environment that holds what users run, apart from casemate's."""
    found = ENVIRONMENT / "bin" / "python"
    require(".venv-programs (make .venv-programs/ready)", there=(ENVIRONMENT / "ready").exists())
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL server that belongs to these tests."""

    port: int
    folder: Path
    url: str
    psql: tuple[str, ...]

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def query(self, text: str) -> str:
        done = subprocess.run([*self.psql, "-c", text], capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.strip()


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """Start PostgreSQL as an ordinary user, in a folder and on a port of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    require("PostgreSQL", there=bool(found))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="database-", dir="/tmp"))  # short: a socket has 107 characters
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    port = free_port()
    try:
        yield from _served(found[-1], folder, port, user)
    finally:
        shutil.rmtree(folder)


def _served(binaries: Path, folder: Path, port: int, user: str) -> Iterator[Database]:
    def as_user(*command: str) -> None:
        identity = {"user": user, "group": user, "extra_groups": ()} if os.geteuid() == 0 else {}
        subprocess.run(  # type: ignore[call-overload] -- options are subprocess.run's own
            [binaries / command[0], *command[1:]], check=True, cwd=folder, stdout=subprocess.DEVNULL, **identity
        )

    data = str(folder / "data")
    as_user("initdb", "--pgdata", data, "--auth", "trust", "--username", "notes", "--no-sync", "--encoding", "UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    as_user("pg_ctl", "--pgdata", data, "--log", f"{folder}/log", "-o", options, "-w", "start")
    try:
        psql = (str(binaries / "psql"), "-qAtX", "-h", "127.0.0.1", "-p", str(port), "-U", "notes", "notes")
        subprocess.run([binaries / "createdb", *psql[2:]], check=True)
        made = Database(port, folder, f"postgresql://notes@localhost:{port}/notes", psql)
        made.query("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        yield made
    finally:
        as_user("pg_ctl", "--pgdata", data, "-m", "immediate", "-w", "stop")


@dataclass(frozen=True, slots=True)
class Program:
    """A program with its policy in a folder where it may do what it likes."""

    folder: Path
    python: Path

    @property
    def record(self) -> Path:
        return self.folder.parent / "record.jsonl"

    def command(self, *arguments: str | Path) -> list[str]:
        head = (COMMAND, "run", "--policy", "casemate.toml", "--python", self.python, "--record", self.record)
        return [*map(str, (*head, *arguments))]

    def run(self, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # type: ignore[call-overload,no-any-return] -- options are subprocess.run's own
            self.command(*arguments),
            cwd=self.folder,
            check=False,
            **{"capture_output": True, "text": True, "timeout": 120} | options,
        )


@pytest.fixture
def program(python: Path, tmp_path: Path) -> Callable[..., Program]:
    """Copy a program of this folder, and put ports of the test's own into its policy."""

    def copy(name: str, **ports: int) -> Program:
        folder = tmp_path / "program"
        shutil.copytree(HERE / name, folder)
        policy = folder / "casemate.toml"
        text = policy.read_text(encoding="utf-8")
        for written, port in ports.items():
            text, count = re.subn(rf":{written.removeprefix('port_')}\b", f":{port}", text)
            assert count, f"{name} names no port {written}"
        policy.write_text(text, encoding="utf-8")
        policy.chmod(0o600)
        return Program(folder, python)

    return copy

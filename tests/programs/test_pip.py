"""pip installs from an index into a folder, and nothing that Python would run by itself comes with it."""

import functools
import http.server
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import COMMAND

WHEEL = "greeter-1.0-py3-none-any.whl"
FILES = {
    "greeter/__init__.py": "def greet():\n    return 'hello'\n",
    "greeter-extra.pth": "import os\n",
    "greeter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n",
    "greeter-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "greeter-1.0.dist-info/entry_points.txt": "[console_scripts]\ngreet = greeter:greet\n",
}


class Index(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """Serve a simple index with one wheel, made by hand; give its host and port."""
    folder = tmp_path / "index" / "simple" / "greeter"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, content in FILES.items():
            wheel.writestr(name, content)
        wheel.writestr("greeter-1.0.dist-info/RECORD", "".join(f"{name},,\n" for name in FILES))
    handler = functools.partial(Index, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"localhost:{server.server_port}"
        server.shutdown()


def casemate(folder: Path, python: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [COMMAND, "run", "--python", python, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_pip_installs_into_a_folder_from_the_granted_index(python: Path, index: str, tmp_path: Path) -> None:
    target = tmp_path / "packages"
    target.mkdir()
    pip = ("-m", "pip", "install", "--target", "packages", "--index-url", f"http://{index}/simple/", "greeter")
    done = casemate(tmp_path, python, "--write", "packages", "--connect", index, *pip)
    assert done.returncode == 0, done.stderr
    assert (target / "greeter/__init__.py").read_text(encoding="utf-8") == FILES["greeter/__init__.py"]
    assert not (target / "greeter-extra.pth").exists()
    assert f"not copied out: {target}/greeter-extra.pth" in done.stderr
    code = "import greeter; print(greeter.greet())"
    used = casemate(tmp_path, python, "--read", "packages", "--env", "PYTHONPATH=packages", "-c", code)
    assert (used.returncode, used.stdout) == (0, "hello\n"), used.stderr


def test_pip_cannot_install_into_the_environment_that_it_runs_from(python: Path, index: str, tmp_path: Path) -> None:
    pip = ("-m", "pip", "install", "--index-url", f"http://{index}/simple/", "greeter")
    done = casemate(tmp_path, python, "--connect", index, *pip)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    site = python.parent.parent / "lib"
    refused = casemate(tmp_path, python, "--connect", index, "--write", str(site), *pip)
    assert refused.returncode == 125
    assert "Python imports from there" in refused.stderr


def test_pip_asks_no_other_index(python: Path, index: str, tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    pip = (
        "-m",
        "pip",
        "install",
        "--retries",
        "0",
        "--target",
        "packages",
        "--index-url",
        "https://elsewhere.example/",
    )
    done = casemate(tmp_path, python, "--write", "packages", "--connect", index, *pip, "greeter")
    assert done.returncode == 1
    assert "denied: net.dns elsewhere.example" in done.stderr

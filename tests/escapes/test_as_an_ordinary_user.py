"""What holds for root holds for an ordinary user: the same escapes, tried once more as somebody who is not root.

An ordinary caller's program keeps the caller's identity outside, and its namespaces begin with a user namespace.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import require

USER = 1_234_567  # nobody's
ROOT = Path(__file__).parents[2]


def interpreter() -> str:
    """Find a Python of our version that an ordinary user may execute; a root's own one often lies in its home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [Path(sys.executable).resolve(), *filter(None, [shutil.which(version, path="/usr/local/bin:/usr/bin")])]
    for python in map(str, found):
        with suppress(PermissionError):
            subprocess.run([python, "-c", ""], check=True, user=USER, group=USER, extra_groups=[])
            return python
    return ""


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a directory with a short name: the path of a socket has at most 107 bytes (unix(7))."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here is such a try already")
def test_every_escape_is_closed_for_an_ordinary_user(place: Path) -> None:
    python = interpreter()
    require("a Python that ordinary users may execute", there=bool(python))
    os.chown(place, USER, USER)
    paths = [str(ROOT / "src"), str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", place / "base", Path(__file__).parent],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(place),
            "PYTHONPATH": ":".join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        user=USER,
        group=USER,
        extra_groups=[],
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "passed" in done.stdout

"""Processes beside a test that do not hold it up when it fails."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.conftest import require

ROOT = Path(__file__).parents[1]
USER = 1_234_567  # nobody's
PATIENCE = 60  # seconds


class Started(subprocess.Popen):  # type: ignore[type-arg] -- bytes or text, as Popen is told
    """A process that is killed where the block of `with` fails: Popen would wait for it, for ever."""

    def __exit__(self, *failure: object) -> None:  # noqa: D105 -- a test helper
        if failure[0] is not None:
            self.kill()
        super().__exit__(*failure)  # type: ignore[arg-type] -- handed on


def interpreter() -> str:
    """Find a Python of our version that an ordinary user may execute; a root's own one often lies in its home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [Path(sys.executable).resolve(), *filter(None, [shutil.which(version, path="/usr/local/bin:/usr/bin")])]
    for python in map(str, found):
        with suppress(PermissionError):
            subprocess.run([python, "-c", ""], check=True, user=USER, group=USER, extra_groups=[])
            return python
    return ""


def command_line() -> list[str]:
    """Give what starts casemate from this checkout where it is not installed: an ordinary user's tests have no venv."""
    start = "from casemate.cli import main; sys.exit(main(sys.argv[1:]))"
    boot = f"import sys; sys.path[:0] = sys.argv.pop(1).split(':'); {start}"
    paths = [str(ROOT / "src"), *(path for path in sys.path if path.endswith("site-packages"))]
    return [sys.executable, "-I", "-S", "-c", boot, ":".join(paths)]


def pytest_as_a_user(
    folder: Path, arguments: Sequence[str | Path], *, begin: Callable[[], None] | None = None, seconds: float
) -> str:
    """Run tests as an ordinary user, to whom `folder` is given as home; give what pytest said. They must pass."""
    python = interpreter()
    require("a Python that ordinary users may execute", there=bool(python))
    os.chown(folder, USER, USER)
    paths = [str(ROOT / "src"), str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": ":".join(paths)}
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", folder / "base", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=begin,
        user=USER,
        group=USER,
        extra_groups=[],
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def processes_with(*words: str) -> list[int]:
    """Find the processes whose command lines have all these words."""
    found = list[int]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            line = (process / "cmdline").read_text(errors="replace")
            found += [int(process.name)] if all(word in line for word in words) else []
    return found


def wait_for(is_there: Callable[[], bool], what: str) -> None:
    """Wait until something is so, and fail with its name where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_there():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.01)

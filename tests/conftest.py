"""What all tests share: runtimes that must be there, and the command under test."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REQUIRE_ALL = os.environ.get("CASEMATE_REQUIRE_ALL") == "1"
COMMAND = Path(sys.executable).with_name("casemate")

# No test depends on how busy the machine is, and what a fixture of a function gives is put in order by the test itself.
UNASKED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
settings.register_profile("casemate", deadline=None, suppress_health_check=UNASKED)
settings.load_profile("casemate")


def require(name: str, *, there: bool) -> None:
    """Skip visibly where a runtime is missing; fail instead where everything is required (.ci/run)."""
    if not there:
        if REQUIRE_ALL:
            pytest.fail(f"{name} is required here and missing")
        pytest.skip(f"{name} is missing")


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """Begin as from a terminal: a shell that starts something in the background ignores these two for all below it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the command keep what it keeps in folders of this session, never in those of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture
def casemate() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed command as a user would."""

    def run(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # type: ignore[call-overload,no-any-return] -- options are subprocess.run's own
            [COMMAND, *map(str, arguments)],
            check=False,
            **{"capture_output": True, "text": True, "timeout": 120} | options,
        )

    return run

"""A machine of its own for these tests: the guest is made once, by two runs that begin at once."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require
from tests.processes import Started

from casemate.sandbox import choose

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SECONDS = 240  # a guest is made in 10 to 60


def words(*arguments: str | Path) -> list[str]:
    return [str(COMMAND), "run", "--backend", "vm", *map(str, arguments)]


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[tuple[int, str, str]]]]:
    """Give the cache with a guest in it, and how the two runs ended that began when there was none."""
    runtime = choose("vm").runtime()
    require(f"vm: {runtime.why_not}", there=runtime.available)
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        started = [
            Started(words("-c", f"print({number})"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for number in (1, 2)
        ]
        ended = [(*one.communicate(timeout=SECONDS), one.returncode) for one in started]
        yield cache, [(code, out, err) for out, err, code in ended]


@pytest.fixture
def run(machine: tuple[Path, object]) -> Run:
    """Run the command line with this backend, where there is a guest already."""
    assert machine

    def run(*arguments: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
        settings = {"capture_output": True, "text": True, "timeout": SECONDS, **options}
        return subprocess.run(words(*arguments), check=False, **settings)  # type: ignore[call-overload,no-any-return] -- options are subprocess.run's own

    return run


def of(parent: int) -> list[int]:
    """Give the processes of QEMU below a process, whatever is between."""
    parents = dict[int, int]()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().rpartition(")")
        except OSError:
            continue
        parents[int(status.parent.name)] = int(rest.split()[1])
        if "qemu" not in name:
            parents[-int(status.parent.name)] = 0
    found = list[int]()
    for pid in (pid for pid in parents if pid > 0 and -pid not in parents):
        above = pid
        while above in parents and above != parent:
            above = parents[above]
        if above == parent:
            found.append(pid)
    return found

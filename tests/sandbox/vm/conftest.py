"""A machine of its own for these tests: the guest is made once, by two runs that begin at once."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import COMMAND, require
from tests.processes import Started

from casemate.sandbox import choose

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SECONDS = 240  # a guest is made in 10 to 60
AT_REST = 0.02  # of a second of processor time, in half a second


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


def until_it_rests(pid: int) -> None:
    """Wait until the machine below a process has started and does nothing any more."""
    before = -1.0
    for _ in range(SECONDS):
        time.sleep(0.5)
        now = sum(map(_processor_time, of(pid)))
        if now and now - before <= AT_REST:
            return
        before = now
    raise AssertionError("it does not come to rest")


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

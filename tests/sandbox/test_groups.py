"""The groups of a run are its own, nobody else's, and gone afterwards, whatever happens."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import confined, policy
from tests.sandbox.outer import argv, start

from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import MIB, Grant, Limits
from casemate.sandbox.native import cgroups, group
from casemate.sandbox.native.cgroups import CPU, MEMORY, Place
from casemate.sandbox.native.entering import TASKS, born_in, enter, opened
from casemate.sandbox.native.group import Group, reap

PLACES = cgroups.places()
pytestmark = pytest.mark.skipif(not PLACES, reason="this host gives us no cgroups")
SLEEP = "print('inside', flush=True)\nimport time\ntime.sleep(60)"


def groups() -> set[str]:
    """Give every group of a run, of whatever casemate."""
    return {str(path) for place in PLACES for path in Path(place.directory).glob(f"{group.PREFIX}*")}


def of(pid: int) -> set[str]:
    return {path for path in groups() if f"/{group.PREFIX}{pid}-" in path}


def ours() -> set[str]:
    return of(os.getpid())


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Leave nothing to others, even where a test fails."""
    yield
    reap(PLACES)


def inside() -> "subprocess.Popen[bytes]":
    running = start(argv(SLEEP))
    assert running.stdout is not None
    assert running.stdout.readline() == b"inside\n"
    return running


def members(path: str) -> set[int]:
    return {int(pid) for pid in (Path(path) / "cgroup.procs").read_text().split()}


@pytest.mark.parametrize(
    "code", ["pass", "import os\nos.abort()", "import os\nif os.fork() == 0: os.setsid()\nos._exit(3)"]
)
def test_a_run_leaves_no_group(code: str) -> None:
    confined(code)
    assert ours() == set()


def test_a_run_that_is_refused_leaves_no_group(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        confined("pass", policy(Grant(Capability.FS_READ, str(tmp_path))), directory=str(tmp_path / "nowhere"))
    assert ours() == set()


def test_the_program_is_in_them_and_nothing_of_ours_is() -> None:
    with inside() as running:
        found = of(running.pid)
        assert len(found) == len(PLACES)
        (target,) = set.union(*map(members, found))
        assert (Path("/proc") / str(target) / "cmdline").read_bytes().endswith(SLEEP.encode() + b"\0")
        assert all(members(path) == {target} for path in found)
        running.kill()
    until = time.monotonic() + 10
    while any(map(members, of(running.pid))) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(members, of(running.pid))), "everything inside dies with casemate"


def test_what_a_killed_casemate_leaves_is_removed_by_the_next_run_and_what_lives_is_not() -> None:
    with inside() as killed, inside() as living:
        killed.kill()
        killed.wait(20)
        assert of(killed.pid), "the kernel removes no group by itself"
        until = time.monotonic() + 10
        while of(killed.pid) and time.monotonic() < until:
            confined("pass")  # what was in them may still be about to end
        assert of(killed.pid) == set()
        assert len(of(living.pid)) == len(PLACES)
        living.terminate()
        living.wait(20)
        assert of(living.pid) == set()


def test_whenever_casemate_is_killed_the_next_run_finds_a_clean_place() -> None:
    chance = random.Random(11)  # noqa: S311 -- only delays
    for _ in range(10):
        with start(argv(SLEEP)) as running:
            time.sleep(chance.uniform(0.05, 0.5))
            running.kill()
            running.wait(20)
        until = time.monotonic() + 10
        while of(running.pid) and time.monotonic() < until:
            confined("pass")
        assert of(running.pid) == set()


def test_a_group_that_nobody_entered_yet_is_not_removed() -> None:
    made = Group(PLACES, Limits())
    try:
        reap(PLACES)
        assert len(ours()) == len(PLACES)
    finally:
        made.remove()
    assert ours() == set()


def test_many_at_once_and_reapers_all_the_time() -> None:
    failures = list[BaseException]()
    stop = threading.Event()

    def reaping() -> None:
        while not stop.is_set():
            reap(PLACES)

    def making() -> None:
        try:
            for _ in range(100):
                made = Group(PLACES, Limits())
                assert all(map(os.path.exists, made.entrances))
                made.remove()
        except BaseException as error:  # noqa: BLE001 -- told below
            failures.append(error)

    reaper = threading.Thread(target=reaping)
    makers = [threading.Thread(target=making) for _ in range(4)]
    for thread in (reaper, *makers):
        thread.start()
    for thread in makers:
        thread.join(60)
    stop.set()
    reaper.join(60)
    assert failures == []
    assert ours() == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a group away")
def test_what_belongs_to_somebody_else_is_not_removed() -> None:
    path = Path(PLACES[0].directory) / f"{group.PREFIX}others"
    path.mkdir()
    try:
        os.chown(path, 12345, 12345)
        reap(PLACES)
        assert path.exists()
    finally:
        path.rmdir()


def test_a_name_that_is_taken_is_no_obstacle() -> None:
    first = Group(PLACES, Limits())
    number = next(group.NUMBERS)
    taken = [
        Path(place.directory) / f"{group.PREFIX}{os.getpid()}-{number + 1 + step}" for step, place in enumerate(PLACES)
    ]
    for path in taken:
        path.mkdir()
    try:
        second = Group(PLACES, Limits())
        assert not {entrance.removesuffix(TASKS) for entrance in second.entrances} & set(map(str, taken))
        second.remove()
    finally:
        first.remove()
        for path in taken:
            path.rmdir()


def test_a_place_that_is_gone_refuses_by_name_and_leaves_nothing() -> None:
    gone = Place(PLACES[0].version, f"{PLACES[0].directory}/nowhere", (CPU,))
    with pytest.raises(Refused, match=r"cgroups: .*nowhere"):
        Group((*PLACES, gone), Limits())
    assert ours() == set()


@pytest.mark.parametrize("born", [True, False], ids=["born in it", "where clone3 is forbidden"])
def test_version_2_on_this_kernel(*, born: bool) -> None:
    """Where it holds no controller that counts memory it still counts processor time, and its groups come and go."""
    texts = (Path(f"/proc/self/{name}").read_text() for name in ("cgroup", "mountinfo"))
    second = tuple(one for one in cgroups.hierarchies(*texts) if one.version == 2)
    places = cgroups.chosen(second)
    if not places:
        pytest.skip("no cgroups of version 2 of our own")
    assert CPU in places[0].counts
    made = Group(places, Limits())
    entrances = opened(made.entrances)
    try:
        before = made.cpu_seconds()
        child, late = born_in(entrances.group) if born else (os.fork(), entrances.group)
        if child == 0:
            enter(entrances, late)
            while True:
                pass
        time.sleep(0.5)
        assert members(*made.entrances) == {child}
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert late == (-1 if born else entrances.group)
        assert made.cpu_seconds() > before
    finally:
        gone = made.entrances
        made.remove()
        os.close(entrances.group)
    assert not any(map(os.path.exists, gone))


@pytest.mark.skipif(1 not in {place.version for place in PLACES if MEMORY in place.counts}, reason="needs version 1")
def test_memory_that_runs_out_in_a_group_around_is_not_ours() -> None:
    """The kernel tells everybody below the group that is full; only who has reached its own limit is ended by it."""
    (place,) = (place for place in PLACES if MEMORY in place.counts)
    around = Path(place.directory) / f"{group.PREFIX}around-{os.getpid()}"
    around.mkdir()
    held = os.open(around, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # as a run's: other casemates leave it alone
    try:
        (around / "memory.limit_in_bytes").write_text(str(32 * MIB))
        made = Group((Place(1, str(around), (MEMORY,)),), Limits(memory_bytes=512 * MIB))
        event = made.watch_memory()
        code = f"open({made.entrances[0]!r}, 'w').write('0'); x = bytearray(b'x') * (64 << 20)"
        assert subprocess.run([sys.executable, "-I", "-S", "-c", code], check=False).returncode == -signal.SIGKILL
        assert os.eventfd_read(event) > 0, "the notice came"
        assert not made.out_of_memory()
        os.close(event)
        made.remove()
    finally:
        around.rmdir()
        os.close(held)


def test_a_signal_ends_the_run_and_its_groups() -> None:
    with inside() as running:
        running.send_signal(signal.SIGTERM)
        running.wait(20)
    assert of(running.pid) == set()

"""Numbers, pictures, models and worker processes: what they write arrives, under the shortest policies."""

import json
import signal
import subprocess
from collections.abc import Callable

import pytest
from tests.conftest import COMMAND
from tests.programs.conftest import Program

FILL = """
from multiprocessing.shared_memory import SharedMemory

memory = SharedMemory(create=True, size=100 << 20)
memory.buf[:] = b"x" * len(memory.buf)
print("filled")
memory.close()
memory.unlink()
"""


def test_pandas_and_matplotlib_turn_a_table_into_a_picture(program: Callable[..., Program]) -> None:
    report = program("report")
    (report.folder / "out").mkdir()
    done = report.run("app.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{'north': 6, 'south': 2}\n", "")
    assert (report.folder / "out/total.csv").read_text(encoding="utf-8") == "shop,amount\nnorth,6\nsouth,2\n"
    assert (report.folder / "out/total.png").read_bytes().startswith(b"\x89PNG")


def test_scikit_learn_fits_with_threads_and_with_worker_processes(program: Callable[..., Program]) -> None:
    done = program("fit").run("app.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nTrue\n", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_by_every_way_to_start_a_process(program: Callable[..., Program], method: str) -> None:
    done = program("workers").run("app.py", method)
    answers = f"{method} [0, 1, 4, 9] 7 100 42 {{'a': 1}}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, answers, "")


def test_the_coverage_says_what_the_grants_of_multiprocessing_take_away(program: Callable[..., Program]) -> None:
    workers = program("workers")
    assert workers.run("app.py").returncode == 0
    started = json.loads(workers.record.read_text(encoding="utf-8").splitlines()[0])
    covered = {row["capability"]: row for row in started["coverage"]}
    assert covered["net.unix"]["layers"] == ["mount namespace"]
    assert "sockets of its own, and those granted" in covered["net.unix"]["note"]
    assert "seccomp" not in covered["proc.spawn"]["layers"]


def test_shared_memory_grows_with_the_private_places(program: Callable[..., Program]) -> None:
    workers = program("workers")
    (workers.folder / "fill.py").write_text(FILL, encoding="utf-8")
    assert workers.run("fill.py").returncode == 128 + signal.SIGBUS
    policy = workers.folder / "casemate.toml"
    policy.write_text(policy.read_text(encoding="utf-8") + '\n[fs]\ntmp = "1GiB"\n', encoding="utf-8")
    assert workers.run("fill.py").stdout == "filled\n"


@pytest.mark.parametrize(("name", "argument"), [("workers", "forkserver"), ("report", "")])
def test_what_inference_grants_is_enough(program: Callable[..., Program], name: str, argument: str) -> None:
    chosen = program(name)
    (chosen.folder / "casemate.toml").unlink()
    (chosen.folder / "out").mkdir()
    subprocess.run([COMMAND, "policy", "infer", "app.py"], cwd=chosen.folder, capture_output=True, check=True)
    done = chosen.run("app.py", argument)
    assert (done.returncode, done.stderr) == (0, "")

"""A run that waits: everything is in force before it is told its last arguments, and nothing runs where it is not."""

import os
import resource
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import COMMAND
from tests.processes import processes_with

from casemate import Code, Refused, UsageError, Warm
from casemate.sandbox.waiting import MOST, telling, told

SHOW = "import sys; print(sys.argv[1:], sys.stdin.read())"
WORDS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30), max_size=5)


def wait(data: bytes, *target: str) -> "subprocess.CompletedProcess[bytes]":
    command = [COMMAND, "run", "--wait", *(target or ("-c", SHOW))]
    return subprocess.run(command, input=data, capture_output=True, check=False, timeout=60)


@given(WORDS, st.binary(max_size=20))
def test_what_was_told_is_heard_and_nothing_behind_it_is_read(words: list[str], rest: bytes) -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, telling(words) + rest)
        os.close(writer)
        assert [os.fsdecode(word) for word in told(reader)] == words
        assert os.read(reader, 100) == rest
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", b"ended before"),
        (b"5\nab", b"ended before"),
        (b"2\nab", b"ends with a NUL"),
        (b"-1\n", b"not b'-1'"),
        (b"x\n", b"not b'x'"),
        (b"999999\n", b"up to"),
        (b"1" * 100, b"a line with a number"),
    ],
)
def test_whoever_tells_nonsense_starts_nothing(data: bytes, message: bytes) -> None:
    done = wait(data, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (125, b"")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_arguments_come_after_those_of_the_command_and_the_input_after_them() -> None:
    done = wait(telling(["b", "", "ä\n"]) + b"input", "-c", SHOW, "a")
    assert (done.returncode, done.stdout.decode()) == (0, "['a', 'b', '', 'ä\\n'] input\n"), done.stderr


def test_as_many_arguments_as_can_be_told_arrive() -> None:
    done = wait(telling([""] * MOST), "-c", "import sys; print(len(sys.argv))")
    assert (done.returncode, done.stdout) == (0, b"131073\n"), done.stderr


def test_a_run_that_waits_is_confined_as_any_other(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("token")
    done = wait(telling([str(secret)]), "-c", "import sys; print(open(sys.argv[1]).read())")
    assert done.returncode == 1
    assert b"FileNotFoundError" in done.stderr
    spawned = wait(telling(["x"]), "-c", "import os; os.execv('/bin/true', ['true'])")
    assert b"PermissionError" in spawned.stderr or b"FileNotFoundError" in spawned.stderr


def test_what_was_told_stands_in_no_record(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    done = wait(telling(["secret word"]), "--record", str(record), "-c", SHOW)
    assert b"secret word" in done.stdout
    assert '"waits":true' in record.read_text()
    assert "secret word" not in record.read_text()


def test_warm_runs_share_nothing_and_each_is_used_once() -> None:
    code = "import os, sys; print(os.path.exists('/tmp/left'), sys.argv[1:]); open('/tmp/left', 'w')"
    with Warm(Code(code), ready=2) as warm:
        results = [warm.run(str(number)) for number in range(4)]
    assert [result.stdout for result in results] == [f"False ['{number}']\n".encode() for number in range(4)]
    assert {result.code for result in results} == {0}


def test_input_output_and_code_of_a_warm_run() -> None:
    with Warm(Code("import sys; sys.stdout.write(sys.stdin.read() * 2); sys.exit(3)")) as warm:
        result = warm.run(stdin=b"x" * 1_000_000)
    assert (result.code, len(result.stdout or b"")) == (3, 2_000_000)


def test_what_cannot_be_told_is_an_error_and_the_run_still_waits() -> None:
    with Warm(Code(SHOW)) as warm:
        for words in (["a\0b"], ["x" * MOST]):
            with pytest.raises(UsageError, match="arguments can be told"):
                warm.run(*words)
        assert warm.run("a").stdout == b"['a'] \n"
        assert warm.run("b").stdout == b"['b'] \n"


def test_a_run_that_cannot_start_says_so_when_it_is_wanted() -> None:
    with Warm("/nowhere.py") as warm, pytest.raises(Refused) as refused:
        warm.run()
    assert refused.value.code == 127
    with pytest.raises(UsageError, match="at least one"):
        Warm(Code(SHOW), ready=0)


def test_who_is_let_go_leaves_nothing(tmp_path: Path) -> None:
    with Warm(Code(SHOW, (str(tmp_path),)), ready=3) as warm:
        warm.run("x")
        assert processes_with(str(tmp_path))
    assert processes_with(str(tmp_path)) == []


def test_where_one_of_several_cannot_be_made_ready_the_others_are_let_go(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len([*Path("/proc/self/fd").iterdir()]) + 20, hard))
    try:
        with pytest.raises(Refused, match="could not be started"):
            Warm(Code(SHOW, (str(tmp_path),)), ready=50)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert processes_with(str(tmp_path)) == []

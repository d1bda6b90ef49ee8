"""The backend from a Python process, as root and as an ordinary user (test_as_an_ordinary_user.py starts it again)."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from casemate.model.capability import Capability
from casemate.model.errors import PolicyError, Refused, Unenforceable
from casemate.model.policy import Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command, Enforcement, Json, Outcome
from casemate.sandbox import Streams, choose, confine
from casemate.sandbox.wasm import Wasm
from casemate.sandbox.wasm.view import view

POLICY = Policy(deny=(), limits=Limits(wall_seconds=60))


@contextmanager
def captured(path: Path) -> Iterator[Streams]:
    with path.open("w+b") as out, Path(os.devnull).open("rb") as nothing:
        yield Streams(nothing.fileno(), out.fileno(), out.fileno())


def start(code: str, policy: Policy, out: Path, **values: str) -> tuple[Outcome, str]:
    command = Command(("python3", "-c", code), sys.executable, "/home/casemate", python=True)
    with captured(out) as streams:
        outcome = confine(command, policy, environment=values, backend="wasm", streams=streams)
    return outcome, out.read_text()


@pytest.fixture
def out(runtime: Path, tmp_path: Path) -> Path:  # noqa: ARG001 -- it must be there
    return tmp_path / "said"


def test_the_strictest_policy_can_be_enforced_and_runs(out: Path) -> None:
    outcome, said = start("import os; print(os.getcwd(), sorted(os.environ))", POLICY, out)
    assert (outcome.code, said) == (0, "/home/casemate ['HOME', 'LANG', 'PATH', 'TERM']\n")


def test_what_is_granted_is_there_and_nothing_else(out: Path, tmp_path: Path) -> None:
    for name in ("shown", "out", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    policy = POLICY.plus(
        Grant(Capability.FS_READ, f"{tmp_path}/shown"),
        Grant(Capability.FS_WRITE, f"{tmp_path}/out", WriteMode.COMMIT),
        Grant(Capability.ENV_READ, "GIVEN"),
    )
    code = f"""
import os
print(open("{tmp_path}/shown/file").read(), os.environ["GIVEN"], os.environ.get("KEPT"))
for path, how in (("{tmp_path}/hidden/file", "r"), ("{tmp_path}/shown/file", "w"), ("/etc/passwd", "r")):
    try:
        open(path, how)
        print("got", path)
    except OSError:
        pass
open("{tmp_path}/out/new", "w").write("written")
"""
    outcome, said = start(code, policy, out, GIVEN="value", KEPT="secret")
    assert said == "shown value None\n"
    assert (outcome.code, outcome.committed) == (0, (f"{tmp_path}/out/new",))
    assert (tmp_path / "out" / "new").read_text() == "written"


def test_what_is_denied_in_a_folder_is_not_shown(out: Path, tmp_path: Path) -> None:
    (tmp_path / "denied").write_text("token")
    policy = replace(POLICY.plus(Grant(Capability.FS_READ, str(tmp_path))), deny=(f"{tmp_path}/denied",))
    code = f"print(open('{tmp_path}/denied').read())"
    assert "PermissionError" in start(code, policy, out)[1]
    with pytest.raises(PolicyError, match="take one of them out"):
        start(code, policy.plus(Grant(Capability.FS_READ, f"{tmp_path}/denied")), out)


def test_the_record_tells_of_the_guest(out: Path) -> None:
    events = list[Mapping[str, Json]]()
    command = Command(("python3", "-c", "print('ran')"), sys.executable, "/home/casemate", python=True)
    with captured(out) as streams:
        confine(command, POLICY, environment={}, backend="wasm", streams=streams, record=events.append)
    told = {event["event"]: event for event in events}
    assert (told["started"]["backend"], told["started"]["command"]) == ("wasm", ["python3", "-c", "print('ran')"])
    assert told["started"]["environment"] == ["HOME", "LANG", "PATH", "TERM"]
    risks = str(told["residual"]["risks"])
    assert "The runtime makes code in memory" in risks
    assert "The program may make code" not in risks


def test_a_layer_that_was_asked_for_twice_is_a_gap(runtime: Path) -> None:  # noqa: ARG001
    found = {gap.capability for gap in choose("wasm").gaps(replace(POLICY, layers=2))}
    assert {Capability.NATIVE_WX, Capability.RES_MEMORY, Capability.PROC_FORK} <= found
    assert list(choose("wasm").gaps(POLICY)) == []


def test_it_claims_less_where_files_can_be_written_beside_others(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    alone = POLICY.plus(Grant(Capability.FS_WRITE, f"{tmp_path}/one", WriteMode.COMMIT))
    beside = alone.plus(Grant(Capability.FS_READ, str(tmp_path)))
    layers = [
        {row.capability: row.layers for row in Wasm().coverage(policy)}[Capability.FS_WRITE]
        for policy in (alone, beside)
    ]
    assert ["wasm" in held for held in layers] == [True, False]
    assert (view(alone, "/").mixed, view(beside, "/").mixed) == (False, True)


def test_it_claims_less_where_something_is_denied_in_a_folder_that_it_shows(tmp_path: Path) -> None:
    granted = POLICY.plus(Grant(Capability.FS_READ, str(tmp_path)))
    inside, beside = (replace(granted, deny=(str(path),)) for path in (tmp_path / "denied", tmp_path.parent / "other"))
    layers = [{row.capability: row.layers for row in Wasm().coverage(policy)} for policy in (inside, beside)]
    assert ["wasm" in held[Capability.FS_READ] for held in layers] == [False, True]
    assert all("wasm" in held[Capability.FS_PERSIST] for held in layers)


def test_every_class_is_withheld_by_the_guest_or_native(runtime: Path) -> None:  # noqa: ARG001
    for row in Wasm().coverage(POLICY):
        for part in row.classes:
            assert part.enforcement in (Enforcement.ENFORCED, Enforcement.SINGLE), part


@pytest.mark.parametrize("capability", [Capability.NATIVE_WX, Capability.NET_CONNECT, Capability.PROC_SPAWN])
def test_what_cannot_be_granted_is_refused(out: Path, capability: Capability) -> None:
    with pytest.raises(Refused, match=str(capability)) as refused:
        start("print('ran')", POLICY.plus(Grant(capability, "/bin/true")), out)
    assert not isinstance(refused.value, Unenforceable)
    assert out.read_text() == ""

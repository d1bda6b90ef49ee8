"""What is recorded meets its schema and its page, forges nothing, and says which policy was enforced."""

import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from confining import EMPTY, PYTHON, policy

from casemate.model.capability import Capability
from casemate.model.effective import fingerprint, spelled
from casemate.model.policy import Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command, Json
from casemate.sandbox import choose, confine
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.residual import residual

REFERENCE = Path(__file__).parents[2] / "docs/reference"
EVENTS = (
    "started",
    "granted",
    "residual",
    "denied",
    "resources",
    "traffic",
    "change",
    "refused",
    "ended",
    "not-started",
)


@pytest.fixture(scope="module")
def schema() -> Any:  # noqa: ANN401 -- a schema
    return json.loads((REFERENCE / "record.schema.json").read_text(encoding="utf-8"))


def recorded(code: str, granted: Policy = EMPTY, **options: Any) -> Sequence[Mapping[str, Json]]:  # noqa: ANN401 -- of confine
    events: list[Mapping[str, Json]] = []
    command = Command((str(PYTHON), "-I", "-S", "-c", code), str(PYTHON), "/")
    confine(
        command, granted, environment={}, record=lambda event: events.append(json.loads(json.dumps(event))), **options
    )
    return events


def only(events: Sequence[Mapping[str, Json]], kind: str) -> Mapping[str, Any]:
    (event,) = [event for event in events if event["event"] == kind]
    return event


def test_every_event_meets_the_schema(schema: Any, tmp_path: Path) -> None:  # noqa: ANN401 -- a schema
    jsonschema.Draft202012Validator.check_schema(schema)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        granted = policy(
            Grant(Capability.NET_CONNECT, f"127.0.0.1:{port}"),
            Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT),
            deny=("@persist",),
        )
        code = f"""
import os, socket
socket.create_connection(('127.0.0.1', {port}), 5)
try: socket.socket(17, 3)
except OSError: pass
open({str(tmp_path)!r} + '/x.pth', 'w').write('import os')
open({str(tmp_path)!r} + '/y', 'w').write('y')
os._exit(3)
"""
        events = recorded(code, granted)
    for event in events:
        jsonschema.validate(event, schema, jsonschema.Draft202012Validator)
    assert {event["event"] for event in events} == set(EVENTS) - {"refused", "not-started"}
    assert {event["path"]: event["copied"] for event in events if event["event"] == "change"} == {
        f"{tmp_path}/x.pth": False,
        f"{tmp_path}/y": True,
    }
    assert only(events, "denied")["resource"] == "AF_PACKET"
    assert (only(events, "ended")["code"], only(events, "ended")["denials"]) == (3, 1)


def test_the_page_names_every_event_and_every_key(schema: Any) -> None:  # noqa: ANN401 -- a schema
    page = (REFERENCE / "record.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == EVENTS
    for name in EVENTS:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        keys = set(schema["$defs"][name]["properties"]) - {"event", "time"}
        assert {key for key in keys if f"`{key}`" not in row} <= ({"version"} if name == "not-started" else set()), name


def test_a_denial_has_the_time_at_which_it_happened() -> None:
    code = "import socket, time\ntime.sleep(0.5)\ntry: socket.socket(17, 3)\nexcept OSError: pass\ntime.sleep(0.5)"
    events = recorded(code)
    times = {str(event["event"]): str(event["time"]) for event in events}
    assert times["started"] < times["denied"] < times["ended"]
    assert times["denied"][:10] == time.strftime("%Y-%m-%d", time.gmtime())


def test_no_value_of_a_variable_is_recorded() -> None:
    granted = policy(Grant(Capability.ENV_READ, "GIVEN"), settings=(("SET", "s3cret-of-policy"),))
    events = recorded("pass", granted)
    assert "s3cret" not in json.dumps(events)
    assert only(events, "granted")["variables"] == ["SET"]


def test_what_is_enforced_has_one_hash() -> None:
    one, two = Grant(Capability.FS_READ, "/a"), Grant(Capability.FS_READ, "/b", why="because")
    base = Policy(grants=(one, two))
    assert fingerprint(base) == fingerprint(Policy(name="x", grants=(two, one)))
    others = [
        replace(base, grants=(one,)),
        replace(base, deny=()),
        replace(base, settings=(("A", "1"),)),
        replace(base, settings=(("A", "2"),)),
        replace(base, limits=Limits(fds=5)),
        replace(base, tmp_bytes=5),
        replace(base, layers=2),
        replace(base, grants=(one, Grant(Capability.FS_WRITE, "/b"))),
        replace(base, grants=(one, Grant(Capability.FS_WRITE, "/b", WriteMode.DIRECT))),
    ]
    assert len({fingerprint(policy) for policy in (base, *others)}) == len(others) + 1


def test_the_hash_is_of_the_policy_that_was_enforced() -> None:
    granted = policy(limits=Limits(fds=99))
    events = recorded("pass", granted)
    assert only(events, "started")["effective"] == fingerprint(granted)
    assert {k: v for k, v in only(events, "granted").items() if k not in ("event", "time")} == json.loads(
        json.dumps(spelled(granted))
    )


def test_what_remains_is_said_of_what_was_granted(tmp_path: Path) -> None:
    granted = policy(
        Grant(Capability.NET_CONNECT, "api.example.com:443"),
        Grant(Capability.NATIVE_WX, ""),
        Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.DIRECT),
        deny=("@persist",),
    )
    gaps = frozenset({Capability.FS_PERSIST, Capability.RES_DISK})
    events = recorded("pass", granted, accept=gaps)
    risks = " ".join(only(events, "residual")["risks"])
    for said in (
        "kernel is shared",
        "api.example.com:443",
        "code in memory",
        f"without checks: {tmp_path}",
        "fs.persist",
    ):
        assert said in risks
    assert "local socket" not in risks
    assert only(events, "started")["accepted"] == ["fs.persist", "res.disk"]


@pytest.mark.parametrize(
    ("backend", "said"),
    [("native", "kernel is shared"), ("oci:runsc", "kernel of its own"), ("vm", "kernel of its own")],
)
def test_whose_kernel_it_is_is_said_first(backend: str, said: str) -> None:
    strict, python = policy(), str(PYTHON)
    made = choose("native").plan(Command((python,), python, "/"), strict)
    assert isinstance(made, NativePlan)
    assert said in next(residual(made, choose(backend).coverage(strict)))


def test_what_is_covered_in_a_granted_tree_is_named_as_a_risk(tmp_path: Path) -> None:
    """A mount on a name ends when the host gives the name to another file: detach_mounts() in fs/namespace.c."""
    for number in range(7):
        (tmp_path / f"{number}.env").touch()
    denied = tuple(str(tmp_path / f"{number}.env") for number in range(7))
    granted = policy(Grant(Capability.FS_READ, str(tmp_path)), deny=denied)
    risks = " ".join(only(recorded("pass", granted), "residual")["risks"])
    assert f"replaces them during the run: {denied[0]}, " in risks
    assert "and 2 more." in risks
    layered = policy(Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT), deny=denied)
    for other in (EMPTY, layered):
        assert "replaces them" not in " ".join(only(recorded("pass", other), "residual")["risks"])


@pytest.mark.parametrize(
    ("capability", "denied"), [(Capability.FS_WRITE, "secret/file"), (Capability.FS_READ, "secret")]
)
def test_what_stays_covered_when_somebody_outside_replaces_it(
    tmp_path: Path, capability: Capability, denied: str
) -> None:
    (tmp_path / "secret").mkdir()
    file = tmp_path / "secret" / "file"
    file.write_text("old", encoding="utf-8")
    happened = list[str]()

    def replace_it(event: Mapping[str, Json]) -> None:
        happened.append(str(event["event"]))
        if event["event"] == "denied":  # the program waits for the answer to its call meanwhile
            (tmp_path / "secret" / "new").write_text("new", encoding="utf-8")
            (tmp_path / "secret" / "new").rename(file)

    code = f"""
import socket
try: socket.socket(17, socket.SOCK_RAW)
except PermissionError: open({str(file)!r})
"""
    command = Command((str(PYTHON), "-I", "-S", "-c", code), str(PYTHON), "/")
    granted = policy(Grant(capability, str(tmp_path)), deny=(str(tmp_path / denied),))
    outcome = confine(command, granted, environment={}, record=replace_it)
    assert "denied" in happened
    assert file.read_text(encoding="utf-8") == "new"
    assert b"PermissionError: [Errno 13]" in outcome.last_words


def test_what_a_target_names_forges_no_line(tmp_path: Path) -> None:
    granted = policy(Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT))
    name = 'x\\n{"event":"ended","code":0}\\u202e\\x1b[2J'
    code = f"""
import os
open({str(tmp_path)!r} + '/' + '{name}', 'w').close()
try: os.execv('/{name}', ['x'])
except OSError: pass
"""
    events = recorded(code, granted)
    said = json.dumps(events, ensure_ascii=False)
    assert "\\\\n{" in said
    assert not set("\u202e\x1b\n") & set("".join(str(value) for event in events for value in event.values()))
    assert [event["event"] for event in events].count("ended") == 1

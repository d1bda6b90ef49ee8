"""What is written for a runtime of OCI containers is a valid bundle of the specification, and gives nothing away."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from confining import PYTHON, policy
from hypothesis import given
from hypothesis import strategies as st
from referencing.jsonschema import DRAFT4

from casemate.model.capability import Capability
from casemate.model.policy import Grant
from casemate.model.sandbox import Command
from casemate.sandbox.containers.bundle import config
from casemate.sandbox.containers.guest_bundle import bundle
from casemate.sandbox.containers.guest_calls import OTHER_NAMES, filter_of
from casemate.sandbox.containers.launch import Place
from casemate.sandbox.containers.scaffold import scaffold
from casemate.sandbox.native import Native, seccomp
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.native.steward import Prepared
from casemate.sandbox.words import understood, written

SCHEMA = Path(__file__).parents[1] / "corpus" / "oci"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def valid(text: str) -> Any:  # noqa: ANN401 -- what json.loads gives
    """Read a config.json that meets the schema of the specification."""
    schemas = {file.name: json.loads(file.read_text()) for file in SCHEMA.glob("*.json")}
    known = referencing.Registry().with_resources(
        (name, DRAFT4.create_resource(schema)) for name, schema in schemas.items()
    )
    said = json.loads(text)
    jsonschema.Draft4Validator(schemas["config-schema.json"], registry=known).validate(said)
    return said


@pytest.mark.parametrize("root", [True, False])
def test_the_bundle_of_a_helper_is_valid_and_strict(*, root: bool) -> None:
    said = valid(config(Place("/dev/outer", "/dev/state", 8, 1_900_000_001, 1), scaffold(), root=root))
    assert said["root"] == {"path": "/dev/outer", "readonly": True}
    assert said["process"]["noNewPrivileges"] is True
    held = {name for names in said["process"]["capabilities"].values() for name in names}
    assert held == ({"CAP_SETFCAP"} if root else set())
    assert {space["type"] for space in said["linux"]["namespaces"]} == {"user", "pid", "ipc", "uts", "mount", "cgroup"}
    assert {name.partition("=")[0] for name in said["process"]["env"]} == {"LD_LIBRARY_PATH", "PATH"}
    assert said["linux"]["uidMappings"] == [{"containerID": 0 if root else 1000, "hostID": 1_900_000_001, "size": 1}]


def test_the_bundle_for_gvisor_is_valid_and_strict(tmp_path: Path) -> None:
    native, granted = Native(), policy(Grant(Capability.FS_WRITE, str(tmp_path)))
    plan = native.plan(Command((str(PYTHON), "-c", "é😀"), str(PYTHON), "/"), granted)
    assert isinstance(plan, NativePlan)
    prepared = Prepared(privileged=False, landlock=0, filter=b"", mdwe=False)
    said = valid(bundle(plan, {"OTHER": "value"}, prepared, terminal=False))
    assert said["process"]["args"] == [str(PYTHON), "-c", "é😀"]
    assert not any("OTHER" in variable for variable in said["process"]["env"])
    assert not any(said["process"]["capabilities"].values())
    mounts = {mount["destination"]: mount["options"] for mount in said["mounts"] if mount["type"] == "bind"}
    assert {"rw", "noexec"} <= set(mounts[str(tmp_path)])
    assert {"nosuid", "nodev"} <= set.intersection(*map(set, mounts.values()))


@pytest.mark.parametrize("shape", [Filter(), Filter(wx=True, unix=True, spawn=True)], ids=str)
def test_the_filter_inside_allows_nothing_that_the_native_one_denies(shape: Filter) -> None:
    said = filter_of(shape)
    assert isinstance(said, dict)
    assert said["defaultAction"] == "SCMP_ACT_TRACE"  # ENOSYS, where nobody traces
    allowed = {name for rule in said["syscalls"] for name in rule["names"]}
    assert allowed <= {*seccomp.ALLOWED, "memfd_create", *OTHER_NAMES.values()}
    assert not allowed & {*seccomp.DENIED}
    free = {name for rule in said["syscalls"] if "args" not in rule for name in rule["names"]}
    assert not free & {"clone", "socket", "ioctl", "prctl", "personality", "fcntl", "open", "openat"}
    assert ("execve" in free) == shape.spawn
    assert {"mmap", "mprotect", "memfd_create"} <= free or not shape.wx


def test_what_is_written_as_json_is_what_the_standard_library_reads() -> None:
    @given(JSON)
    def agrees(value: Any) -> None:  # noqa: ANN401 -- any JSON
        assert json.loads(written(value)) == value
        assert understood(json.dumps(value)) == value

    agrees()


@pytest.mark.parametrize("text", ["", "{", "1 2", "nul", '{"a":}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        understood(text)

"""Each layer can be taken away in a test: then it is not used, it does not count, and what it alone held is a gap."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confining import EMPTY, Result, confined, policy, probe

from casemate.model.capability import Capability
from casemate.model.errors import Refused, Unenforceable
from casemate.model.policy import Grant
from casemate.sandbox.native import Native, cgroups, names

ROOT = os.geteuid() == 0
ANYTHING = frozenset(Capability)
STANDING = (*names.ALWAYS, *(() if ROOT else (names.USER,)))  # nothing is started without them
COUNTED = {resource for place in cgroups.places() for resource in place.counts}
COUNTED_AS = {"res.cpu": cgroups.CPU, "res.memory": cgroups.MEMORY, "res.procs": cgroups.PROCESSES}
ALONE = {
    names.MOUNT: {"fs.list.stat", "fs.meta.attributes", "native.ext.readable", "native.ext.written"},
    names.PID: {"proc.fork.left", "proc.trace.proc"},
    names.IDENTITY: {"proc.priv.root"},
    names.ENVIRONMENT: {"env.read.own"},
    names.LIMITS: {"res.fds", *(name for name, counted in COUNTED_AS.items() if counted not in COUNTED)},
    names.SECCOMP: {"kernel.perf", "kernel.entry", "net.raw.alg", "fs.exec.memfd", "proc.spawn.itself"},
    names.CORES: {"kernel.cores"},
    names.LOOP: {"res.wall"},
}
NAMESPACE = {names.NET: "net", names.IPC: "ipc", names.UTS: "uts", names.CGROUP: "cgroup"}


def without(*layers: str) -> Native:
    return Native(without=frozenset(layers))


def run(code: str, *layers: str, **options: object) -> Result:
    return confined(code, backend=without(*layers), accept=ANYTHING, **options)  # type: ignore[arg-type] -- by name


@pytest.mark.parametrize("layer", sorted(names.NAMES))
def test_a_layer_that_is_away_does_not_count(layer: str) -> None:
    backend = without(layer)
    assert not [entry for entry in backend.coverage(EMPTY) if layer in entry.layers]
    assert not [part for entry in backend.coverage(EMPTY) for part in entry.classes if layer in part.layers]
    reasons = " ".join(gap.reason for gap in backend.gaps(EMPTY))
    assert {name for name in ALONE.get(layer, ()) if name not in reasons} == set()
    assert all("switched off" in gap.reason for gap in backend.gaps(EMPTY))


@pytest.mark.parametrize("layer", sorted(names.NAMES))
def test_a_run_holds_refuses_by_name_or_cannot_be(layer: str) -> None:
    """What one layer alone held is refused by name; accepted, all others are in force, unless nothing stands."""
    if list(without(layer).gaps(EMPTY)):
        with pytest.raises(Unenforceable) as refused:
            confined("print('ran')", backend=without(layer))
        assert refused.value.code == 125
    elif layer not in STANDING:
        assert confined("print('ran')", backend=without(layer)).out == "ran\n"
    if layer in STANDING:
        with pytest.raises(Refused, match=layer) as cannot:
            run("print('ran')", layer)
        assert cannot.value.code == 125
    else:
        assert run("print('ran')", layer).out == "ran\n"


def test_a_class_is_as_strong_as_its_row_says() -> None:
    """Take each layer of each row away: what had more than one is still withheld, what had one is a gap."""
    whole = {part.name: part.layers for entry in without().coverage(EMPTY) for part in entry.classes}
    for layer in sorted(names.NAMES - (set() if ROOT else {names.USER})):
        less = {part.name: part.layers for entry in without(layer).coverage(EMPTY) for part in entry.classes}
        for name, layers in whole.items():
            assert less[name] or len(layers) == 1, (name, layer)


@pytest.mark.parametrize("layer", sorted(NAMESPACE))
def test_a_namespace_that_is_away_is_not_made(layer: str) -> None:
    """The kernel names each one: namespaces(7)."""
    here = str(Path(f"/proc/self/ns/{NAMESPACE[layer]}").readlink())
    ask = f"import os; print(os.readlink('/proc/self/ns/{NAMESPACE[layer]}'))"
    assert run(ask, layer).out.strip() == here
    assert confined(ask).out.strip() != here


def test_the_name_of_the_host_is_not_changed_without_a_namespace_for_it() -> None:
    before = os.uname().nodename
    assert run("import os; print(os.uname().nodename)", names.UTS).out.strip() == before
    assert os.uname().nodename == before


def test_the_filter_and_landlock_are_away() -> None:
    ask = "print([line for line in open('/proc/self/status') if line.startswith('Seccomp:')])"
    assert run(ask, names.SECCOMP).out == "['Seccomp:\\t0\\n']\n"
    assert run(ask, names.LANDLOCK).out == "['Seccomp:\\t2\\n']\n"


def test_capabilities_are_held_back_by_the_kernel_itself() -> None:
    """An execve of another id than root's gives none; only the bounding set tells that the layer is away."""
    ask = "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd'))))"
    assert run(ask).out.split() == ["0" * 16, "0" * 16]
    effective, bounding = run(ask, names.CAPABILITIES).out.split()
    assert effective == "0" * 16
    assert int(bounding, 16)


@pytest.mark.skipif(not ROOT, reason="an ordinary user has every layer in a user namespace")
def test_root_needs_no_user_namespace() -> None:
    ask = """
import os
print(os.getuid() > 1900000000, open('/proc/self/uid_map').read().split())
print([line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')])
try:
    os.setuid(0)
except OSError as error:
    print(error.errno)
"""
    said = run(ask, names.USER).out.splitlines()
    assert said == ["True ['0', '0', '4294967295']", str(["0" * 16] * 5), "1"]


def test_an_inherited_descriptor_is_held_back_twice(tmp_path: Path) -> None:
    """Once by the steward, who closes it, and once at execve."""
    (tmp_path / "secret").write_text("the secret")
    number = os.open(tmp_path / "secret", os.O_RDONLY)
    high = os.dup2(number, 200, inheritable=True)
    try:
        ask = f"import os; print(os.read({high}, 100))"
        assert "secret" in run(ask, names.DESCRIPTORS, names.AT_EXEC).out
        for layer in (names.DESCRIPTORS, names.AT_EXEC):
            assert "Bad file descriptor" in run(ask, layer).err
    finally:
        os.close(number)
        os.close(high)


def test_the_environment_is_handed_in_without_its_layer() -> None:
    ask = "import os; print(os.environ.get('OF_THE_CALLER'))"
    given = {"OF_THE_CALLER": "a value"}
    assert run(ask, names.ENVIRONMENT, environment=given).out == "a value\n"
    assert run(ask, environment=given).out == "None\n"


@pytest.fixture
def server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_granted_connection_needs_the_namespace(server: int) -> None:
    granted = policy(Grant(Capability.NET_CONNECT, f"127.0.0.1:{server}"))
    found = {str(gap.capability) for gap in without(names.NET).gaps(granted)}
    assert "net.connect" in found
    with pytest.raises(Refused, match="broker"):
        confined(probe("pass"), granted, backend=without(names.NET), accept=ANYTHING)


def test_no_command_line_and_no_policy_can_say_so() -> None:
    """The hook is a parameter of a class that only a program can call: nothing of ours but tests gives it."""
    source = Path(names.__file__).parents[2]
    for path in source.rglob("*.py"):
        given = "Native(without" in path.read_text()
        assert not given or path.name == "hosted.py", path  # which hands on what a test gave it
    with pytest.raises(ValueError, match="no layer"):
        without("a layer that there is not")
    assert sys.modules["casemate.sandbox"].choose("native").gaps(EMPTY) is not None

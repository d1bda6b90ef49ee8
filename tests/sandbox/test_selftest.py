"""Before a program starts one forbidden act of each class is tried inside; a success, and no answer, is a refusal."""

import errno
import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from confining import EMPTY, PYTHON, Result, confined, policy
from tests.processes import Started

from casemate.model.capability import Capability
from casemate.model.classes import CLASSES
from casemate.model.errors import Refused
from casemate.model.policy import Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command, Plan
from casemate.sandbox import RunInput, Streams
from casemate.sandbox.native import Native, acts, calls, canaries, names, selftest
from casemate.sandbox.native.contract import NativePlan

ANYTHING = frozenset(Capability)
ROOT = os.geteuid() == 0
UNTRIED = {  # classes that have no act, and why
    "fs.write.truncate": "a success would change a file",
    "net.listen.tcp": "the same socket as for a connection",
    "proc.fork.left": "what outlives a run is seen when it is over",
    "env.read.own": "the environment is laid out by casemate itself",
    "kernel.entry": "the answer would be a kill",
    "kernel.calls": "the same list as for io_uring, bpf and the others",
    "net.raw.families": "the same rule as for netlink and vsock",
    "native.wx.twice": "the same rule as for fs.exec.memfd and ipc.shm.sysv",
    "native.wx.forced": "the same rule as for proc.trace.ptrace",
    "fs.meta.leases": "a success would make others wait",
}
OPEN = {  # layers that are away though the plan says that they are there, and the class that is found open
    "fs.dev.control": (names.SECCOMP, names.IOCTL),
    "fs.exec.memfd": (names.SECCOMP,),
    "native.wx.memory": (names.SECCOMP, names.MDWE),
    "kernel.io_uring": (names.SECCOMP,),
    "kernel.keyctl": (names.SECCOMP,),
    "kernel.perf": (names.SECCOMP,),
    "net.raw.alg": (names.SECCOMP,),
    "net.raw.netlink": (names.SECCOMP,),
    "net.connect.tcp": (names.SECCOMP, names.NET, names.LANDLOCK_NET),
    "net.unix.abstract": (names.SECCOMP, names.NET, names.SCOPES),
    "ipc.shm.sysv": (names.SECCOMP, names.IPC),
    "ipc.mq.posix": (names.SECCOMP, names.IPC),
    "proc.spawn.itself": (names.SECCOMP, names.LANDLOCK),
    **({"proc.priv.root": (names.IDENTITY,), "proc.priv.namespaces": (names.SECCOMP, names.USER)} if ROOT else {}),
}
HELD_BY_CHANCE = {"kernel.io_uring"}  # a ring needs locked memory, and the limits give none: no answer
COMMAND = Command((str(PYTHON), "-I", "-S", "-c", "open(1, 'w').write('ran')"), str(PYTHON), "/")


def has_alg() -> bool:
    """Tell whether this kernel has AF_ALG at all (CONFIG_CRYPTO_USER_API)."""
    try:
        socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()
    except OSError:
        return False
    return True


def started(plan: Plan, backend: Native) -> str:
    """Start a plan past the check for gaps; give what the program said, or why it was refused."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        backend.start(plan, RunInput({}, Streams(null, writer, null)))
    except Refused as refused:
        code = refused.code
        os.close(writer)
        assert (code, os.read(reader, 100)) == (125, b"")
        return str(refused)
    else:
        os.close(writer)
        return os.read(reader, 100).decode()
    finally:
        os.close(reader)
        os.close(null)


def claiming(granted: Policy, *classes: str, base: Native | None = None) -> NativePlan:
    """Make a plan that says that these classes are withheld, and says nothing of the others."""
    plan = (base or Native()).plan(COMMAND, granted)
    assert isinstance(plan, NativePlan)
    rows = tuple(replace(row, classes=tuple(p for p in row.classes if p.name in classes)) for row in plan.coverage)
    return replace(plan, coverage=rows)


def test_every_class_is_tried_or_there_is_a_reason() -> None:
    assert set(CLASSES) == set(acts.KNOWN) | set(UNTRIED)
    assert not acts.KNOWN & set(UNTRIED)


def test_with_all_layers_everything_is_held() -> None:
    plan = Native().plan(COMMAND, EMPTY)
    assert isinstance(plan, NativePlan)
    host = {part.name for row in plan.coverage for part in row.classes if part.layers}
    assert set(selftest.of(plan).tried) == host & set(acts.KNOWN)
    assert started(plan, Native()) == "ran"


HERE = [name for name in OPEN if name != "net.raw.alg" or has_alg()]


@pytest.mark.parametrize("name", HERE)
def test_an_open_class_is_found(name: str) -> None:
    """The gap check is gone round: a plan of the whole host, started without some of its layers."""
    plan = claiming(EMPTY, name)
    assert started(plan, Native()) == "ran"
    said = started(plan, Native(without=frozenset(OPEN[name])))
    assert said.startswith(f"self-test: {name} "), said
    assert said.endswith("was possible") or name in HELD_BY_CHANCE


@pytest.mark.parametrize("name", HERE)
def test_any_one_layer_that_is_left_is_enough(name: str) -> None:
    plan = claiming(EMPTY, name)
    for layer in OPEN[name] if len(OPEN[name]) > 1 else ():
        less = frozenset(OPEN[name]) - {layer}
        backend = Native(without=less)
        honest = claiming(EMPTY, name, base=backend)
        assert started(honest, backend) == "ran", (name, layer)
    assert plan.coverage


def test_the_whole_plan_without_the_filter_is_refused() -> None:
    assert "was possible" in started(Native().plan(COMMAND, EMPTY), Native(without=frozenset({names.SECCOMP})))


def test_an_inherited_descriptor_is_found(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    number = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(number, True)  # noqa: FBT003 -- the signature of the library
    both = frozenset({names.DESCRIPTORS, names.AT_EXEC})
    try:
        plan = claiming(EMPTY, "net.fdpass.inherited")
        assert started(plan, Native(without=both)) == "self-test: net.fdpass.inherited was possible"
        assert started(plan, Native(without=frozenset({names.DESCRIPTORS}))) == "ran"
    finally:
        os.close(number)


@pytest.mark.parametrize("layer", sorted(names.NAMES - {*names.ALWAYS}))
def test_what_was_accepted_by_name_is_not_tried(layer: str) -> None:
    """With any one layer away and what that opens accepted, all that is still said to be withheld is tried."""
    if layer == names.USER and not ROOT:
        pytest.skip("an ordinary user has every layer in a user namespace")
    assert run(without=layer).out == "ran\n"


def run(*, without: str = "", granted: Policy = EMPTY, **options: object) -> Result:
    backend = Native(without=frozenset({without} if without else ()))
    return confined("print('ran')", granted, backend=backend, accept=ANYTHING, **options)  # type: ignore[arg-type] -- by name


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let an act end with an errno."""

    def fail(code: int) -> None:
        def act(_: acts.Ground) -> bool:
            return acts.possible(-code)

        monkeypatch.setattr(acts, "ACTS", ((("fs.read.content",), lambda _: act),))

    return fail


@pytest.mark.parametrize("code", sorted(acts.UNABLE))
def test_what_cannot_be_tried_is_refused(broken: Callable[[int], None], code: int) -> None:
    broken(code)
    with pytest.raises(Refused, match=r"self-test: fs\.read\.content could not be tried"):
        confined("print('ran')")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EFAULT, errno.ENOEXEC, errno.EINPROGRESS])
def test_an_answer_that_is_no_lock_is_a_success(broken: Callable[[int], None], code: int) -> None:
    broken(code)
    with pytest.raises(Refused, match=r"self-test: fs\.read\.content was possible"):
        confined("print('ran')")


def test_an_error_of_our_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def act(_: acts.Ground) -> bool:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(acts, "ACTS", ((("fs.read.content",), lambda _: act),))
    with pytest.raises(Refused, match="a mistake"):
        confined("print('ran')")


@pytest.fixture
def granted(tmp_path: Path) -> Policy:
    everything = (
        Grant(Capability.NET_CONNECT, "example.org:443"),
        Grant(Capability.NET_LISTEN, "127.0.0.1:45871"),
        Grant(Capability.NET_UNIX, str(tmp_path)),
        Grant(Capability.FS_WRITE, str(tmp_path), WriteMode.COMMIT),
        Grant(Capability.PROC_SPAWN, "/usr/bin/true"),
        Grant(Capability.NATIVE_WX, "@any"),
        Grant(Capability.FS_READ, "/etc"),
    )
    return policy(*everything)


def test_what_is_granted_is_not_tried(granted: Policy) -> None:
    plan = Native().plan(COMMAND, granted)
    assert isinstance(plan, NativePlan)
    tried = set(selftest.of(plan).tried)
    assert not tried & {"net.connect.tcp", "net.dns.query", "fs.persist.names", "proc.spawn.itself", "native.wx.memory"}
    assert {"net.udp.send", "net.unix.abstract", "net.raw.alg", "kernel.io_uring", "fs.read.content"} <= tried
    assert run(granted=granted).out == "ran\n"


def test_there_is_always_a_secret() -> None:
    """Whatever is granted: /proc of the host never is."""
    kinds = [Grant(Capability.FS_READ, path) for path in ("/etc", "/usr", str(Path(acts.__file__).parents[3]))]
    plan = Native().plan(COMMAND, policy(*kinds))
    assert isinstance(plan, NativePlan)
    assert selftest.of(plan).ground.canaries.secret == "/proc/version"  # noqa: S105 -- a path
    assert run(granted=policy(*kinds)).out == "ran\n"


@pytest.mark.parametrize("fds", [4, 5, 8])
def test_a_small_limit_of_descriptors_is_no_hindrance(fds: int) -> None:
    said = confined("print('ran')", policy(limits=Limits(wall_seconds=60, fds=fds)))
    plain = subprocess.run(
        [str(PYTHON), "-I", "-S", "-c", "print('ran')"],
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (fds, fds)),
    )
    assert said.code == plain.returncode
    assert "self-test" not in said.err


@pytest.mark.parametrize("path", ["/tmp", "/etc", "/usr"])  # noqa: S108 -- granted
def test_a_grant_of_a_great_tree_is_no_hindrance(path: str) -> None:
    """Not even where the private directory is covered by it."""
    assert run(granted=policy(Grant(Capability.FS_READ, path))).out == "ran\n"


def test_every_call_has_a_number_on_both_architectures() -> None:
    plan = Native().plan(COMMAND, EMPTY)
    assert isinstance(plan, NativePlan)
    used = {number for _, (number, _, _) in selftest.of(plan).shots}
    both = calls.numbers(0).keys() & calls.numbers(1).keys()
    assert {name for name, number in calls.here().items() if number in used} <= both
    assert {"openat", "fstat", "newfstatat", "connect", "read", "mmap", "mprotect", "munmap", "fcntl"} <= both


def test_what_cannot_be_prepared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(*_: object) -> canaries.Canaries:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(selftest, "prepare", prepare)
    with pytest.raises(Refused, match="self-test: it cannot be prepared"):
        confined("print('ran')")


def test_the_record_says_which_classes_were_tried() -> None:
    events = list[object]()
    reader = os.open(os.devnull, os.O_RDWR)
    plan = Native().plan(COMMAND, EMPTY)
    Native().start(plan, RunInput({}, Streams(reader, reader, reader), events.append))
    os.close(reader)
    first = json.loads(json.dumps(events[0]))
    assert isinstance(plan, NativePlan)
    assert first["self_test"] == list(selftest.of(plan).tried)
    assert "kernel.io_uring" in first["self_test"]


LOOK = """
import os
print(sorted(os.listdir("/proc/self/fd")))
print(sorted(os.listdir("/tmp")), sorted(os.listdir("/dev/shm")))
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("TracerPid")])
print(any("casemate" in line for line in open("/proc/self/maps")), os.path.exists("/proc/self/root/etc/shadow"))
"""


def test_the_target_finds_nothing_of_it() -> None:
    """Descriptors, files, a tracer, mappings: what a failed or forgotten act would leave in its process."""
    said = confined(LOOK).out.splitlines()
    assert said == ["['0', '1', '2', '3']", "[] []", "['0']", "False False"]


def test_nothing_is_left_where_casemate_is_killed() -> None:
    """Kill -9 at any moment: no file, no socket, no segment of ours is on the host, since none was made there."""
    script = f"""
import sys
sys.path[:0] = {[str(Path(acts.__file__).parents[3]), str(Path(__file__).parent)]!r}
from confining import confined
from casemate.sandbox.native import Native
from casemate.model.capability import Capability
while True:
    confined("pass", backend=Native(without=frozenset({{"seccomp"}})), accept=frozenset(Capability))
"""
    before = left()
    for delay in (0.3, 0.35, 0.4, 0.45, 0.5):
        with Started([sys.executable, "-c", script]) as casemate:
            time.sleep(delay)
            casemate.kill()
    deadline = time.monotonic() + 10
    while left() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left() - before == set()


def left() -> set[str]:
    """Name what a self-test could leave: System V objects, abstract sockets, names with ours in them."""
    found = {f"{kind} {line.split()[1]}" for kind in ("shm", "msg", "sem") for line in rows(f"/proc/sysvipc/{kind}")}
    found |= {line.split()[-1] for line in rows("/proc/net/unix") if re.search(r" @[0-9a-f]{5}$", line)}
    for folder in ("/tmp", "/dev/shm", "/dev/mqueue"):  # noqa: S108 -- looked at only
        if Path(folder).is_dir():
            found |= {str(path) for path in Path(folder).iterdir() if "casemate-self-test" in path.name}
    return found


def rows(table: str) -> list[str]:
    return Path(table).read_text().splitlines()[1:] if Path(table).exists() else []

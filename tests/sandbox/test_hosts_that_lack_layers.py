"""Hosts that lack layers, for real: calls are denied by a filter, as an old kernel or a container denies them.

A run goes on with "single layer" in its table while one layer still withholds each class; else it ends with 125 and
the class is named.
"""

import errno
import os

import pytest
from lacking import Denied, on_a_host_without

from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import names

ROOT = os.geteuid() == 0
CALLERS = [0, 65534] if ROOT else [0]  # 0: who runs the tests
AS = pytest.mark.parametrize("user", CALLERS, ids=["caller", "ordinary user"][: len(CALLERS)])


def unshare(flag: int) -> Denied:
    return "unshare", errno.EPERM, flag, 0


LANDLOCK: Denied = ("landlock_create_ruleset", errno.ENOSYS, 0, 0)
MDWE: Denied = ("prctl", errno.EINVAL, 0, k.PR_SET_MDWE)
FILTERS: tuple[Denied, ...] = (("prctl", errno.EINVAL, 0, k.PR_SET_SECCOMP), ("seccomp", errno.ENOSYS, 0, 0))
KEYS: Denied = ("keyctl", errno.EPERM, 0, 0)
LACKS = {
    names.LANDLOCK: ((LANDLOCK,), "fs.read.content", ["mount namespace"]),
    names.NET: ((unshare(k.CLONE_NEWNET),), "net.udp.send", ["seccomp"]),
    names.IPC: ((unshare(k.CLONE_NEWIPC),), "ipc.shm.sysv", ["seccomp"]),
    names.MDWE: ((MDWE,), "native.wx.memory", ["seccomp"]),
    names.KEYRING: ((KEYS,), "kernel.keyctl", ["seccomp"]),
    names.UTS: ((unshare(k.CLONE_NEWUTS),), "fs.list.stat", ["mount namespace"]),
    names.CGROUP: ((unshare(k.CLONE_NEWCGROUP),), "fs.list.stat", ["mount namespace"]),
}
REFUSED = {
    "mount_setattr": ((("mount_setattr", errno.ENOSYS, 0, 0),), "fs.list.stat"),
    "mount": ((("mount", errno.EPERM, 0, 0),), "fs.list.stat"),
    "pid": ((unshare(k.CLONE_NEWPID),), "proc.fork.left"),
    "seccomp": (FILTERS, "kernel.entry"),
    "net and seccomp": ((unshare(k.CLONE_NEWNET), *FILTERS), "net.udp.send"),
    "mdwe and seccomp": ((MDWE, *FILTERS), "native.wx.memory"),
    "landlock and seccomp": ((LANDLOCK, *FILTERS), "proc.spawn.other"),
}


@AS
@pytest.mark.parametrize("layer", LACKS)
def test_one_layer_less_is_said_and_the_run_goes_on(layer: str, user: int) -> None:
    denied, name, held = LACKS[layer]
    said = on_a_host_without(*denied, user=user)
    assert not said["layers"].get(layer, True)
    assert said["classes"][name] == ["single layer", held]
    assert (said["code"], said["out"]) == (0, "ran\n"), said


@AS
@pytest.mark.parametrize("what", REFUSED)
def test_a_class_that_nothing_withholds_is_named(what: str, user: int) -> None:
    denied, name = REFUSED[what]
    said = on_a_host_without(*denied, user=user)
    assert (said["code"], said["out"]) == (125, ""), said
    assert name in said["err"]
    assert said["classes"][name] == ["not enforced", []]


@AS
def test_fewer_than_the_policy_asks_is_refused(user: int) -> None:
    said = on_a_host_without(LANDLOCK, layers=2, user=user)
    assert said["code"] == 125
    assert "fs.read.content" in said["err"]
    assert "withheld by mount namespace" in said["err"]
    assert "2 asked for" in said["err"]


@AS
def test_without_user_namespaces(user: int) -> None:
    """Root makes the others without it, and gives up its id by itself; an ordinary user has none of them."""
    said = on_a_host_without(unshare(k.CLONE_NEWUSER), code="import os; print(os.getuid() > 0)", user=user)
    if ROOT and not user:
        assert said["classes"]["proc.priv.namespaces"] == ["single layer", ["seccomp"]]
        assert (said["code"], said["out"]) == (0, "True\n"), said
    else:
        assert said["code"] == 125
        assert "user namespaces" in said["err"]
        assert "fs.list.stat" in said["err"]


def test_a_filter_around_us_that_denies_nothing_changes_nothing() -> None:
    said = on_a_host_without()
    assert (said["code"], said["out"]) == (0, "ran\n")
    assert all(said["layers"][name] for name in (names.NET, names.LANDLOCK, names.SECCOMP, names.MDWE))


def test_what_was_lacking_is_not_used() -> None:
    ask = "import os; print(os.readlink('/proc/self/ns/net'))"
    here = os.readlink("/proc/self/ns/net")  # noqa: PTH115 -- as inside
    assert on_a_host_without(unshare(k.CLONE_NEWNET), code=ask)["out"] == f"{here}\n"
    assert on_a_host_without(code=ask)["out"] != f"{here}\n"


def test_landlock_that_cannot_be_put_on_is_no_landlock() -> None:
    """It is there, and only the last call of it is denied: what a careless filter of a container does."""
    said = on_a_host_without(("landlock_restrict_self", errno.EPERM, 0, 0))
    assert not said["layers"][names.LANDLOCK]
    assert said["classes"]["fs.read.content"] == ["single layer", ["mount namespace"]]
    assert (said["code"], said["out"]) == (0, "ran\n"), said

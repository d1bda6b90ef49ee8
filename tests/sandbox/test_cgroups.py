"""Where a run can be counted is read from what the kernel says of this host, however that was set up."""

import os
from pathlib import Path

import pytest
from confining import EMPTY

from casemate.model.capability import Capability
from casemate.model.sandbox import Coverage, Enforcement
from casemate.sandbox.native import cgroups, gaps, names
from casemate.sandbox.native.cgroups import Hierarchy, Place, chosen, hierarchies

V1 = """\
5:memory:/docker/abc
4:cpu,cpuacct:/docker/abc
3:pids:/docker/abc
2:devices:/docker/abc
1:name=systemd:/docker/abc
"""
V2_USER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte.scope\n"
V2_MOUNT = "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
HYBRID = "8:pids:/\n4:memory:/job/1\n2:cpuacct:/\n0::/\n"


def v1_mount(names: str, root: str = "/", where: str = "") -> str:
    return f"33 31 0:30 {root} /sys/fs/cgroup/{where or names} ro,relatime master:3 - cgroup cgroup rw,{names}\n"


def test_version_2_in_the_session_of_a_user() -> None:
    (found,) = hierarchies(V2_USER, V2_MOUNT)
    own = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/vte.scope"
    assert found == Hierarchy(2, (), "/sys/fs/cgroup", own)


def test_version_1_in_a_container_that_sees_only_its_own_part() -> None:
    mounts = v1_mount("memory", "/docker/abc") + v1_mount("cpu,cpuacct", "/docker/abc") + v1_mount("pids", "/docker/a")
    found = tuple(hierarchies(V1, mounts))
    assert found == (
        Hierarchy(1, ("memory",), "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory"),
        Hierarchy(1, ("cpu", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
    ), "/docker/a is another container: a path is compared by its parts"


def test_both_at_once() -> None:
    mounts = v1_mount("memory") + v1_mount("pids") + V2_MOUNT.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    found = tuple(hierarchies(HYBRID, mounts))
    assert [(one.version, one.own) for one in found] == [
        (1, "/sys/fs/cgroup/memory/job/1"),
        (1, "/sys/fs/cgroup/pids"),
        (2, "/sys/fs/cgroup/unified"),
    ]


@pytest.mark.parametrize(
    ("groups", "mounts"),
    [
        ("", ""),
        (V2_USER, "36 35 98:0 / / rw,noatime - ext4 /dev/root rw\n"),
        ("0::/../../other.scope\n", V2_MOUNT),
        ("5:memory:/elsewhere\n", v1_mount("memory", "/docker/abc")),
        ("1:name=systemd:/\n", "33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=named\n"),
    ],
    ids=["no cgroups", "not mounted", "outside the namespace", "another part", "a hierarchy without us"],
)
def test_what_cannot_be_seen_is_not_found(groups: str, mounts: str) -> None:
    assert tuple(hierarchies(groups, mounts)) == ()


def test_a_name_with_blanks_and_colons() -> None:
    (found,) = hierarchies("0::/my app:1\n", V2_MOUNT.replace("/sys/fs/cgroup", r"/mnt/c\040g\134"))
    assert found.own == "/mnt/c g\\/my app:1"


def group(path: Path, **files: str) -> str:
    """Write down what the kernel says of a group; nothing here acts like a kernel."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in {"cgroup_procs": "", "cgroup_subtree_control": "", "cgroup_type": "domain", **files}.items():
        (path / name.replace("_", ".", 1)).write_text(f"{content}\n")
    return str(path)


def second(mount: Path, own: str) -> tuple[Place, ...]:
    return chosen((Hierarchy(2, (), str(mount), own),))


def test_a_run_becomes_the_neighbour_of_our_group(tmp_path: Path) -> None:
    group(tmp_path, cgroup_subtree_control="cpu memory pids")
    app = group(tmp_path / "user" / "app.slice", cgroup_subtree_control="memory pids", memory_max="1000000000")
    own = group(tmp_path / "user" / "app.slice" / "vte.scope", memory_max="max", cpu_max="max 100000", pids_max="4915")
    assert second(tmp_path, own) == (Place(2, app, ("cpu", "memory", "pids")),)


@pytest.mark.parametrize(
    ("name", "value"),
    [("memory_max", "500000000"), ("memory_high", "1"), ("cpu_max", "50000 100000"), ("pids_max", "100")],
)
def test_a_run_never_leaves_a_group_that_limits_it(tmp_path: Path, name: str, value: str) -> None:
    group(tmp_path / "app.slice", cgroup_subtree_control="memory pids")
    own = group(tmp_path / "app.slice" / "vte.scope", **{name: value})
    assert second(tmp_path, own) == (Place(2, own, ("cpu",)),)
    own = group(tmp_path / "app.slice" / "vte.scope" / "below")
    assert second(tmp_path, own) == (Place(2, own, ("cpu",)),)


def test_a_group_for_threads_is_no_place(tmp_path: Path) -> None:
    own = group(tmp_path / "own", cgroup_type="threaded")
    assert second(tmp_path, own) == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_we_may_not_write_is_no_place(tmp_path: Path) -> None:
    own = Path(group(tmp_path / "own", cgroup_subtree_control="memory pids"))
    (own / "cgroup.procs").chmod(0o444)
    assert second(tmp_path, str(own)) == ()
    own.chmod(0o555)
    assert chosen((Hierarchy(1, ("memory",), str(tmp_path), str(own)),)) == ()


def test_each_resource_is_counted_once_and_by_version_2_where_it_can(tmp_path: Path) -> None:
    two = group(tmp_path / "two", cgroup_subtree_control="pids")
    memory, both = group(tmp_path / "memory"), group(tmp_path / "both")
    seen = (
        Hierarchy(1, ("memory",), memory, memory),
        Hierarchy(1, ("pids", "cpu", "cpuacct"), both, both),
        Hierarchy(2, (), two, two),
    )
    assert chosen(seen) == (Place(2, two, ("cpu", "pids")), Place(1, memory, ("memory",)))
    only_hugetlb = Hierarchy(2, (), both, group(tmp_path / "both" / "own"))
    assert chosen((*seen[:2], only_hugetlb))[-1] == Place(1, both, ("cpu", "pids"))


def row(capability: Capability, missing: dict[str, str]) -> Coverage:
    return next(row for row in gaps.coverage(EMPTY, missing) if row.capability is capability)


def test_the_table_says_what_counts() -> None:
    second = {name: "v1 is used" for name in names.CGROUPS if "v2" in name}
    assert row(Capability.RES_MEMORY, second).layers == ("cgroup v1 memory", "rlimits")
    for capability in (Capability.RES_MEMORY, Capability.RES_CPU, Capability.RES_PROCS):
        assert row(capability, second).enforcement is Enforcement.ENFORCED
    nothing = dict.fromkeys(names.CGROUPS, "not here")
    for capability in (Capability.RES_MEMORY, Capability.RES_CPU):
        assert row(capability, nothing).enforcement is Enforcement.PARTLY
        assert "each process" in row(capability, nothing).note
    assert row(Capability.RES_PROCS, nothing).enforcement is Enforcement.SINGLE
    assert list(gaps.gaps(EMPTY, nothing)) == [], "a host without cgroups is no reason to refuse"


def test_every_name_is_in_use_or_missing_with_a_reason() -> None:
    used = {cgroups.NAMES[name][2 - place.version] for place in cgroups.places() for name in place.counts}
    missing = cgroups.lacking()
    assert used | set(missing) == set(names.CGROUPS)
    assert not used & set(missing)
    assert all(missing.values())
    assert {name for place in cgroups.used({}) for name in place.counts} == {
        name for place in cgroups.places() for name in place.counts
    }
    assert cgroups.used(dict.fromkeys(names.CGROUPS, "switched off")) == ()

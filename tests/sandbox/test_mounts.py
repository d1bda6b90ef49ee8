"""The table of mounts is read as the kernel writes it, whatever somebody has named a directory."""

import pytest

from casemate.sandbox.native.cgroups import Hierarchy, hierarchies
from casemate.sandbox.native.mounts import Mount, mounts

LINE = "36 35 98:0 {root} {place} rw,noatime shared:1 master:2 - {kind} source rw,{options}\n"


def line(place: str, kind: str = "proc", root: str = "/", options: str = "x") -> str:
    return LINE.format(place=place, kind=kind, root=root, options=options)


def test_a_mount_is_read_with_its_root_and_options() -> None:
    (found,) = mounts(line(r"/a\040b", "cgroup", r"/c\134d", "memory,cpu") + line("/other", "ext4"), ("cgroup",))
    assert found == Mount("/c\\d", "/a b", "cgroup", ("rw", "memory", "cpu"))


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_name_that_python_takes_for_a_line_end_is_no_line_end(separator: str) -> None:
    """Else a directory's name could hide a mount of the kernel's, or stand for one that is not there."""
    named = f"/mnt/x{separator}/y"
    assert [mount.place for mount in mounts(line(named) + line("/proc"), ("proc",))] == [named, "/proc"]
    groups = f"0::/a{separator}b\n"
    assert tuple(hierarchies(groups, line("/sys/fs/cgroup", "cgroup2"))) == (
        Hierarchy(2, (), "/sys/fs/cgroup", f"/sys/fs/cgroup/a{separator}b"),
    )

"""How the target gets into the groups of its run, without anybody waiting for it.

A process that is moved by cgroup.procs waits until no process of the host is about to fork, execute or exit: some ten
milliseconds (a grace period of RCU; kernel/cgroup/cgroup.c, cgroup_attach_lock), and meanwhile nobody else on the host
forks. So in version 1 the target moves its only thread by `tasks`, for which the kernel takes no such lock (Linux
5.16); and in version 2 it is born in its group: clone3(2), CLONE_INTO_CGROUP (Linux 5.7).
"""

import os
from errno import ENOSYS

from casemate.model.dataclass import dataclass
from casemate.sandbox.native import kernel as k

TASKS = "/tasks"  # how an entrance of version 1 ends; one of version 2 is the group itself


@dataclass(frozen=True, slots=True)
class Entrances:
    """Descriptors that the steward opens, as the caller and in the caller's namespaces: the kernel asks who did.

    That is so since Linux 5.17 (CVE-2021-4197).
    """

    tasks: tuple[int, ...] = ()
    group: int = -1

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Give all of them."""
        return self.tasks if self.group < 0 else (*self.tasks, self.group)


def opened(paths: tuple[str, ...]) -> Entrances:
    """Open the entrances of a run's groups. Raises OSError."""
    tasks = tuple(os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in paths if path.endswith(TASKS))
    groups = (os.open(path, k.O_PATH | os.O_CLOEXEC) for path in paths if not path.endswith(TASKS))
    return Entrances(tasks, next(groups, -1))  # there is one hierarchy of version 2


def born_in(group: int) -> tuple[int, int]:
    """Fork into a group of version 2; give what fork(2) gives, and the group where it has still to be entered."""
    if group < 0:
        return os.fork(), -1
    try:
        return k.fork_into(group), -1
    except OSError as error:
        if error.errno != ENOSYS:  # what the filter of a container says
            raise
    return os.fork(), group


def enter(entrances: Entrances, late: int) -> None:
    """Enter the groups, as the target: 0 stands for whoever writes it. Raises OSError."""
    for descriptor in entrances.tasks:
        os.write(descriptor, b"0")
    if late >= 0:
        descriptor = os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=late)
        os.write(descriptor, b"0")
        os.close(descriptor)
    for descriptor in entrances.descriptors:
        os.close(descriptor)

"""The groups of one run: made before anything of the target exists, entered by its process, removed at the end.

Only the target and what it starts are in them: not pid 1, so that the kernel ends the program and not what tells of it.
Inside nothing of them can be seen: no cgroup file system, and a cgroup namespace that begins at them.

When casemate is killed the groups stay, empty. Each is locked (flock(2)) by a descriptor of its owner: what is not
locked has no owner, and the next run removes it. So no process numbers are compared, which mean another process in
another pid namespace.
"""

import fcntl
import os
import time
from _collections_abc import Iterator
from errno import EBUSY

from casemate.model.dataclass import dataclass
from casemate.model.errors import Refused
from casemate.model.policy import Limits
from casemate.model.small import suppress
from casemate.sandbox.native.cgroups import CPU, MEMORY, PROCESSES, Place
from casemate.sandbox.native.entering import TASKS

PREFIX = "casemate-"
TRIES = 64
LINGERING = 0.1  # seconds: a process that has ended leaves its group a moment later
NANOSECONDS, MICROSECONDS = 1_000_000_000, 1_000_000
NEAR = 4 << 20  # bytes: the largest piece of memory that the kernel asks for at once (MAX_PAGE_ORDER)
NUMBERS = iter(range(1, 1 << 62))


@dataclass(frozen=True, slots=True)
class Made:
    """A group that was made in a place; its descriptor holds the lock."""

    place: Place
    directory: str
    descriptor: int


class Group:
    """What counts one run, and limits its memory and its processes. Raises Refused; then nothing of it is left."""

    def __init__(self, places: tuple[Place, ...], limits: Limits, *, network: bool = False) -> None:
        """Make a group in every place. `network` tells that the program may have sockets of the network."""
        self._network = network
        self._made: list[Made] = []
        self._counted: dict[str, Made] = {}  # by what is counted there
        try:
            for place in places:
                self._make(place, limits)
        except OSError as error:
            self.remove()
            raise Refused(f"cgroups: {error}") from None

    @property
    def entrances(self) -> tuple[str, ...]:
        """Name the ways in, as entering.py takes them."""
        return tuple(made.directory + (TASKS if made.place.version == 1 else "") for made in self._made)

    def cpu_seconds(self) -> float:
        """Give the processor time of everything that ever was in the group; 0 where it is not counted."""
        if CPU not in self._counted:
            return 0.0
        made = self._counted[CPU]
        if made.place.version == 1:
            return int(_read(made.descriptor, "cpuacct.usage")) / NANOSECONDS
        return _entry(made.descriptor, "cpu.stat", "usage_usec") / MICROSECONDS

    def out_of_memory(self) -> bool:
        """Tell whether the kernel has ended a process because the limit of this group was reached, and no other one."""
        if MEMORY not in self._counted:
            return False
        made = self._counted[MEMORY]
        group = made.descriptor
        if made.place.version == 1:
            most, limit = (int(_read(group, f"memory.{name}_in_bytes")) for name in ("max_usage", "limit"))
            return most > limit - NEAR and _entry(group, "memory.oom_control", "oom_kill") > 0
        return _entry(group, "memory.events", "oom") > 0 and _entry(group, "memory.events", "oom_kill") > 0

    def refused_processes(self) -> int:
        """Count the forks and threads that the kernel has refused."""
        made = self._counted.get(PROCESSES)
        return _entry(made.descriptor, "pids.events", "max") if made else 0

    def watch_memory(self) -> int:
        """Give a descriptor that becomes readable when memory runs out, or -1: version 2 ends the whole run by itself.

        memcg-v1: an eventfd(2), the descriptor of memory.oom_control, and both written to cgroup.event_control.
        """
        made = self._counted.get(MEMORY)
        if made is None or made.place.version != 1:
            return -1
        group = made.descriptor
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            control = os.open("memory.oom_control", os.O_RDONLY | os.O_CLOEXEC, dir_fd=group)
            try:
                _write(group, "cgroup.event_control", f"{event} {control}")
            finally:
                os.close(control)
        except OSError:  # a kernel with PREEMPT_RT has none: then one process ends, and the run with the next one
            os.close(event)
            return -1
        return event

    def remove(self) -> None:
        """Remove the groups. Whatever was in them is dead."""
        until = time.monotonic() + LINGERING
        while self._made:
            made = self._made.pop()
            while not _removed(made.directory) and time.monotonic() < until:
                time.sleep(0.001)
            os.close(made.descriptor)
        self._counted.clear()

    def _make(self, place: Place, limits: Limits) -> None:
        """Make a group, lock it and set its limits."""
        for _ in range(TRIES):
            directory = f"{place.directory}/{PREFIX}{os.getpid()}-{next(NUMBERS)}"
            descriptor = _new(directory)
            if descriptor >= 0:
                break
        else:
            raise FileExistsError(f"no new group can be made in {place.directory}")
        self._made.append(Made(place, directory, descriptor))
        self._counted |= dict.fromkeys(place.counts, self._made[-1])
        if MEMORY in place.counts and limits.memory_bytes:
            (self._limit_memory if place.version == 1 else _limit_memory_of_2)(descriptor, str(limits.memory_bytes))
        if PROCESSES in place.counts and limits.processes:
            _write(descriptor, "pids.max", str(limits.processes))

    def _limit_memory(self, group: int, size: str) -> None:
        """Version 1: memory, and memory and swap together; without that counter nothing is swapped out.

        What lies in sockets of the network counts apart, and only once that has a limit: beyond it nothing is sent.
        """
        _write(group, "memory.limit_in_bytes", size)
        if not _wrote(group, "memory.memsw.limit_in_bytes", size):
            _write(group, "memory.swappiness", "0")
        if self._network:
            _wrote(group, "memory.kmem.tcp.limit_in_bytes", size)


def reap(places: tuple[Place, ...]) -> None:
    """Remove what runs of ours left whose casemate was killed."""
    for place in places:
        for directory in _left(place.directory):
            with suppress(OSError):  # somebody else was faster, or something in it is still about to end
                descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    if os.fstat(descriptor).st_uid == os.geteuid():
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.rmdir(directory)  # noqa: PTH106 -- start-up path
                finally:
                    os.close(descriptor)


def _left(directory: str) -> Iterator[str]:
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208 -- start-up path
            if name.startswith(PREFIX):
                yield f"{directory}/{name}"


def _new(directory: str) -> int:
    """Make a group and give a descriptor of it, locked; -1 where there is one of that name, or a reaper was faster."""
    try:
        os.mkdir(directory, 0o755)  # noqa: PTH102 -- start-up path
    except FileExistsError:
        return -1
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
    if _is_ours(directory, descriptor):
        return descriptor
    os.close(descriptor)
    return -1


def _is_ours(directory: str, descriptor: int) -> bool:
    """Lock a new group; tell whether it is still there once it is locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(directory))  # noqa: PTH116 -- start-up path
    except (BlockingIOError, FileNotFoundError):
        return False


def _removed(directory: str) -> bool:
    try:
        os.rmdir(directory)  # noqa: PTH106 -- as above
    except OSError as error:
        return error.errno != EBUSY
    return True


def _limit_memory_of_2(group: int, size: str) -> None:
    """Version 2: no swap (a kernel without it has no such file), and all of a run ends when memory runs out."""
    _write(group, "memory.max", size)
    _wrote(group, "memory.swap.max", "0")
    _write(group, "memory.oom.group", "1")


def _wrote(group: int, name: str, value: str) -> bool:
    """Write a file that not every kernel has; tell whether this one has it."""
    try:
        _write(group, name, value)
    except FileNotFoundError:
        return False
    return True


def _write(group: int, name: str, value: str) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=group)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _read(group: int, name: str) -> bytes:
    """Read a file of the group; b"" where this kernel has none."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=group)
    except FileNotFoundError:
        return b""
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def _entry(group: int, name: str, key: str) -> int:
    """Give one number of a file with a name and a number on each line; 0 where it is not there."""
    for line in _read(group, name).splitlines():
        word, _, number = line.decode().partition(" ")
        if word == key:
            return int(number)
    return 0

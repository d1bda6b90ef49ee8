"""Memory, queues and semaphores that processes share by a number or a name."""

from __future__ import annotations

import ctypes
import os

from .toolkit import Canary, must, number, probe, raw, read, syscall


@probe("ipc.shm.sysv", "shmat(2), sysvipc(7): a number, no path that rules on files could know")
def segment_by_number(canary: Canary) -> object:
    """Attach a System V segment of the caller's."""
    return ctypes.string_at(raw(number("shmat"), canary.shm, None, 0o10000), 64)


@probe("ipc.shm.sysv", "shmget(2): the key, a number that can be guessed")
def segment_by_key(canary: Canary) -> object:
    """Find a System V segment by its key and attach it."""
    found = syscall("shmget", canary.shm_key, 0, 0)
    return ctypes.string_at(raw(number("shmat"), found, None, 0o10000), 64)


@probe("ipc.shm.sysv", "sysvipc(7), /proc/sysvipc")
def list_of_segments(canary: Canary) -> None:
    """Find a System V segment of the caller's in the list of them."""
    must(str(canary.shm) in read("/proc/sysvipc/shm").split())


@probe("ipc.shm.posix", "shm_overview(7)")
def memory_by_name(canary: Canary) -> object:
    """Open shared memory of the caller's by its name."""
    return read(f"/dev/shm/{canary.shm_name}")


@probe("ipc.shm.posix", "shm_open(3), as multiprocessing.shared_memory calls it: no audit event of PEP 578")
def memory_by_multiprocessing(canary: Canary) -> object:
    """Open shared memory by the module below multiprocessing."""
    import importlib

    number = importlib.import_module("_posixshmem").shm_open(f"/{canary.shm_name}", os.O_RDONLY, 0)
    return os.pread(number, 64, 0)


@probe("kernel.calls", "shmget(2): memory that outlives its maker and that no limit of a process counts")
def segment_that_is_left(canary: Canary) -> None:
    """Make a System V segment, which stays until somebody removes it."""
    made = syscall("shmget", 0, 4096, 0o1600)
    syscall("shmctl", made, 0, None)


@probe("ipc.mq.sysv", "msgrcv(2)")
def message_of_system_v(canary: Canary) -> object:
    """Take a message out of a System V queue of the caller's."""
    buffer = ctypes.create_string_buffer(200)
    syscall("msgrcv", canary.queue, buffer, 100, 0, 0o4000)
    return buffer.raw[8:]


@probe("ipc.mq.posix", "mq_overview(7)")
def message_of_posix(canary: Canary) -> object:
    """Take a message out of a POSIX queue of the caller's."""
    queue = syscall("mq_open", os.fsencode(canary.queue_name.lstrip("/")), os.O_RDONLY | os.O_NONBLOCK, 0, None)
    buffer = ctypes.create_string_buffer(8192)
    syscall("mq_timedreceive", queue, buffer, 8192, None, None)
    return buffer.value


@probe("ipc.shm.sysv", "semctl(2): whoever waits for it waits for us")
def semaphore_of_system_v(canary: Canary) -> None:
    """Set a System V semaphore of the caller's."""
    syscall("semctl", canary.semaphore, 0, 16, 7)


@probe("kernel.calls", "msgget(2): messages in the memory of the kernel, with which CVE-2021-22555 was exploited")
def queue_that_is_left(canary: Canary) -> None:
    """Make a System V queue."""
    made = syscall("msgget", 0, 0o1600)
    raw({"x86_64": 71, "aarch64": 187}[os.uname().machine], made, 0, None)

"""The guest as its init finds it: what is mounted, loaded and set before any run, and what each run sets anew."""
# ruff: noqa: PTH102, PTH106, PTH108, PTH110, PTH112, PTH208 -- pathlib is not in the guest

import fcntl
import os
import struct
import time

from casemate.model.policy import Limits
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.loopback import loopback_up
from casemate.sandbox.vm.guest.world import SHARED, WRITTEN

MODULES = "/casemate/modules"
LIBRARY = "/casemate/lib"
ORDER = f"{MODULES}/order"
PORTS = "/sys/class/virtio-ports"
GROUPS, GROUP, BEFORE = "/cgroup", "/cgroup/run", "/cgroup/before"
FINIT_MODULE = (313, 273)  # finit_module(2): x86-64, aarch64
COMPRESSED = 4  # MODULE_INIT_COMPRESSED_FILE, Linux 5.17
MS_BIND, MS_MOVE = 4096, 8192
RNDADDENTROPY, RNDRESEEDCRNG = 0x40085203, 0x5207  # random(4)
RESERVE = 16 << 20  # bytes that stay free meanwhile
OURS = 96 << 20  # bytes that no program gets: the kernel and its init take 70
MOST_CLEANED = 256 << 20  # bytes: the kernel hands out first what was used before


def mount_own() -> None:
    """Mount what speaks for the guest's kernel, and step into a root that can be exchanged: pivot_root(2), notes.

    It must lie over the first one, or the kernel takes us for chrooted and gives no user namespace.
    """
    m.mount("/", "/root", None, MS_BIND)
    os.chdir("/root")
    m.mount(".", "/", None, MS_MOVE)
    os.chroot(".")
    os.chdir("/")
    m.mount("proc", "/proc", "proc", 0)
    m.mount("sysfs", "/sys", "sysfs", 0)
    m.mount("devtmpfs", "/dev", "devtmpfs", 0)
    m.mount("cgroup2", GROUPS, "cgroup2", 0)
    loopback_up()


def load_modules() -> None:
    """Load the kernel's modules in the order in which they need each other."""
    for name in k.text(ORDER).split():
        descriptor = os.open(f"{MODULES}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        flags = 0 if name.endswith(".ko") else COMPRESSED
        k.call(f"load {name}", FINIT_MODULE[k.COLUMN], descriptor, b"", flags)
        os.close(descriptor)


def port() -> int:
    """Wait for the port to the driver, and open it."""
    while not (found := [name for name in os.listdir(PORTS) if os.path.exists(f"/dev/{name}")]):
        time.sleep(0.001)
    return os.open(f"/dev/{found[0]}", os.O_RDWR | os.O_CLOEXEC)


def make_small() -> None:
    """Let go of what is only remembered, and leave zeros where memory is free: what is zero is not kept on the host."""
    for folder in (MODULES, LIBRARY):  # all of it is loaded
        _remove(folder)
    _write("/proc/sys/vm/drop_caches", "3")
    size = min(_memory("MemFree") - RESERVE, MOST_CLEANED)
    child = os.fork()
    if child == 0:
        try:
            memory = bytearray(max(size, 0))  # the kernel clears each page before it gives it
            memory[:: os.sysconf("SC_PAGE_SIZE")] = bytes(len(range(0, len(memory), os.sysconf("SC_PAGE_SIZE"))))
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _memory(name: str) -> int:
    """Give what proc_meminfo(5) says, in bytes."""
    said = dict(line.split(":") for line in k.text("/proc/meminfo").splitlines())
    return int(said[name].split()[0]) * 1024


def _remove(folder: str) -> None:
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if os.path.isdir(path):
            _remove(path)
        else:
            os.unlink(path)
    os.rmdir(folder)


def wake(clock: float, seed: bytes) -> None:
    """Set what a copy of a kept guest must not share with the others: the time, and what random numbers come of."""
    time.clock_settime(time.CLOCK_REALTIME, clock)
    pool = os.open("/dev/urandom", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(pool, RNDADDENTROPY, struct.pack("ii", len(seed) * 8, len(seed)) + seed)
    fcntl.ioctl(pool, RNDRESEEDCRNG)
    os.close(pool)


def share(*, writes: bool) -> None:
    """Mount the tree that the host shares; and once more for what is written.

    There nothing is kept back: the program learns at once that a layer is full, and reads what others have written.
    """
    for tag, place, cache in (("shared", SHARED, "loose"), ("written", WRITTEN, "mmap"))[: 1 + writes]:
        options = f"trans=virtio,version=9p2000.L,msize=512000,access=any,cache={cache}"
        m.mount(tag, place, "9p", m.MS_NOSUID | m.MS_NODEV, options)


def make_group(group: str, limits: Limits) -> str:
    """Make a group that counts a run in the guest; give its directory."""
    _write(f"{GROUPS}/cgroup.subtree_control", "+memory +pids +cpu")
    os.mkdir(group)
    most = _memory("MemTotal") - OURS  # beyond that the kernel would look for a victim anywhere
    _write(f"{group}/memory.max", str(min(limits.memory_bytes or most, most)))
    _write(f"{group}/memory.oom.group", "1")
    if limits.processes:
        _write(f"{group}/pids.max", str(limits.processes))
    return group


def out_of_memory() -> bool:
    """Tell whether the kernel of the guest has ended the run because its memory was used up."""
    return "oom_kill 0" not in k.text(f"{GROUP}/memory.events").splitlines()


def cpu_seconds() -> float:
    """Give the processor time of the run so far, as the guest counts it."""
    return int(k.text(f"{GROUP}/cpu.stat").split()[1]) / 1_000_000


def end_group(group: str) -> None:
    """End everything in a group: cgroup.kill, Linux 5.14."""
    _write(f"{group}/cgroup.kill", "1")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)

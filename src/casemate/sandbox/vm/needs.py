"""The policy of QEMU and its driver: the network and the variables that the program is granted, and what they need.

So whoever leaves the guest finds the files of the program, none of which can be executed there, and of the host QEMU,
one Python and their libraries.
"""
# ruff: noqa: PTH110 -- a path stays the string that a policy holds

import os
import sys
import sysconfig
from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.dataclass import replace
from casemate.model.errors import Refused
from casemate.model.policy import MIB, PRIVATE, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.sandbox import Command
from casemate.sandbox.vm.image import OURS, Kept
from casemate.sandbox.vm.vector import CODE, Machine

LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64")
LOADER = ("/etc/ld.so.cache", "/lib64/ld-linux-x86-64.so.2")
DATA = ("/usr/share/qemu", "/usr/share/seabios")
LOADED = ("LD_", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "QEMU_")  # variables that change QEMU or the driver itself
LEAST_MEMORY, MOST_MEMORY = 256 * MIB, 2048 * MIB  # of a guest; what it does not use is not taken from the host
BESIDE = CODE * MIB + 1024 * MIB  # address space of QEMU beside the guest's memory: libraries, stacks, translated code
THREADS = 160  # of QEMU and the driver: 9p alone may have 64 (util/thread-pool.c)
FILES = 4096  # that QEMU may hold open for the guest
STARTING = 30  # seconds of processor time for the start of a guest
# The folders of these packages are entered by their names: Python would list the one above, which is not granted.
START = """import sys
above = sys.argv.pop(1)
for name in ("casemate", "casemate.model", "casemate.sandbox"):
    package = sys.modules[name] = type(sys)(name)
    package.__path__ = [f"{above}/{name.replace('.', '/')}"]
from casemate.sandbox.vm.driver import main
main()"""
PIECE = 100_000  # characters of one argument: execve(2) takes 128 KiB
DRIVEN = ("casemate/model", "casemate/sandbox")


def guest_memory() -> int:
    """Give the memory of a guest in bytes: a power of two, at most half of the host's; the run is limited within it.

    One size serves all limits: what a guest does not use is not taken from the host.
    """
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    size = LEAST_MEMORY
    while size * 2 <= min(half, MOST_MEMORY):
        size *= 2
    return size


def interpreter() -> str:
    """Give the Python that runs casemate, by the file itself."""
    return os.path.realpath("/proc/self/exe")


def command(word: str, task: str) -> Command:
    """Give the command that starts the driver."""
    pieces = [task[at : at + PIECE] for at in range(0, len(task), PIECE)]
    argv = (interpreter(), "-I", "-S", "-B", "-c", START, str(OURS), word, *pieces)
    return Command(argv, interpreter(), "/")


def to_run(policy: Policy, kept: Kept) -> Policy:
    """Give the policy of QEMU and driver for a run under a policy of the program."""
    for name in _variables(policy):
        if name.startswith(LOADED):
            raise Refused(f"env.read {name}: the vm backend cannot grant it: it would change QEMU itself")
    return replace(
        policy,
        backends=(),
        grants=tuple(dict.fromkeys((*_for_the_guest(policy), *runtime(kept.machine, kept.folder)))),
        deny=(),
        missing=Missing.SKIP_READ,
        layers=1,
        tmp_bytes=16 * MIB,
        limits=_limits(policy.limits, kept.machine.memory),
    )


def _variables(policy: Policy) -> Iterator[str]:
    yield from (grant.resource for grant in policy.of(C.ENV_READ))
    yield from (name for name, _ in policy.settings)
    yield from (secret.name for secret in policy.secrets)


def _for_the_guest(policy: Policy) -> Iterator[Grant]:
    """Yield what the program is granted beside files: those are shared with its guest by view.py."""
    for grant in policy.grants:
        kept = grant.capability in (C.NET_CONNECT, C.NET_LISTEN, C.ENV_READ)
        if kept and grant.resource != PRIVATE:
            yield grant


def _limits(limits: Limits, memory: int) -> Limits:
    """Make room for QEMU itself; the guest keeps to the limits of the program."""
    return replace(
        limits,
        memory_bytes=memory + BESIDE if limits.memory_bytes else 0,
        processes=THREADS,
        fds=FILES,
        cpu_seconds=limits.cpu_seconds + STARTING if limits.cpu_seconds else 0,
        disk_bytes=max(limits.disk_bytes, memory) if limits.disk_bytes else 0,
    )


def to_make(machine: Machine, folder: str) -> Policy:
    """Give the policy of QEMU and driver for making a guest in a folder: nothing of any program is in it."""
    grants = (*runtime(machine, folder), Grant(C.FS_WRITE, folder, WriteMode.DIRECT))
    limits = replace(
        Limits(),
        memory_bytes=machine.memory + BESIDE,
        processes=THREADS,
        fds=FILES,
        disk_bytes=machine.memory + 64 * MIB,
    )
    return Policy(grants=grants, deny=(), missing=Missing.SKIP_READ, limits=limits, tmp_bytes=16 * MIB)


def runtime(machine: Machine, folder: str) -> Iterator[Grant]:
    """Yield what QEMU, its driver and the Python of that need, whatever the program is granted."""
    standard = sysconfig.get_path("stdlib")
    read = (machine.kernel, folder, *DATA, *LOADER, standard, *(f"{OURS}/{path}" for path in DRIVEN))
    yield from (Grant(C.FS_READ, path) for path in read if os.path.exists(path))
    mapped = [path for path in (*LIBRARIES, *LOADER[1:], standard, *_linked()) if os.path.exists(path)]
    yield from (Grant(C.NATIVE_EXT, path) for path in mapped)
    yield Grant(C.FS_EXEC, interpreter())
    yield Grant(C.PROC_SPAWN, machine.qemu)
    if machine.accelerator == "tcg":
        yield Grant(C.NATIVE_WX, "")


def _linked() -> Iterator[str]:
    """Yield the library of Python itself where it is one, under the name by which it is looked for."""
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    if folder and name and ".so" in name and not str(folder).startswith(("/usr/lib", "/lib")):
        yield f"{folder}/{name}"
    if sys.base_prefix.startswith("/usr/local"):
        yield "/usr/local/lib"

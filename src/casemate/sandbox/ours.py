"""Which files casemate's own interpreter needs, for a program of ours that runs inside the native backend."""
# ruff: noqa: PTH100, PTH113, PTH120, PTH123, PTH208 -- a path stays the string that was written

import os
import sys
from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.policy import Grant

# What a library of ours may need beside those that this process has mapped; they lie where the C library lies.
BESIDE = ("libgcc_s.so.1", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1")
LOADER_CACHE = "/etc/ld.so.cache"


def interpreter() -> str:
    """Give the executable of the interpreter that runs casemate: the real one, of no virtual environment."""
    return os.path.realpath(sys.executable)


def grants() -> Iterator[Grant]:
    """Yield what it needs to start with -I -S: itself, its standard library, and the shared libraries of both."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    yield Grant(Capability.FS_EXEC, interpreter())
    for path in dict.fromkeys((interpreter(), library, *_mapped())):
        yield Grant(Capability.FS_READ, path)
        yield Grant(Capability.NATIVE_EXT, path)
    if os.path.isfile(LOADER_CACHE):
        yield Grant(Capability.FS_READ, LOADER_CACHE)


def _mapped() -> Iterator[str]:
    """Yield the shared libraries that this process has mapped, by all their names, and some beside the C library."""
    with open("/proc/self/maps", "rb") as file:
        lines = [line.split(None, 5) for line in file]
    for path in sorted({os.fsdecode(line[5].rstrip(b"\n")) for line in lines if len(line) == 6 and b"x" in line[1]}):
        if not os.path.isfile(path):
            continue  # [vdso], or a file that was replaced since
        folder, _, name = path.rpartition("/")
        stem = name.partition(".so")[0]
        names = (f"{folder}/{other}" for other in os.listdir(folder) if other.startswith(f"{stem}.so"))
        yield from (other for other in names if os.path.realpath(other) == path)
        if stem == "libc":
            yield from (beside for one in BESIDE if os.path.isfile(beside := f"{folder}/{one}"))
        yield path

"""The shared libraries that a program may load: the directories in which the dynamic loader looks.

C extensions ask for libraries by name only when they are loaded, so the directories are given and not single files.
They hold no secret: whoever may run a program on this host may read them. Source: ld.so(8).
"""
# ruff: noqa: PTH110, PTH112, PTH113, PTH120, PTH208 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os

from casemate.readers.host import elf

CACHE = "/etc/ld.so.cache"
TABLES = (  # of the system, which libraries look things up in; they tell nothing of the host but what is installed
    "/usr/share/zoneinfo",
    "/usr/lib/locale",  # what LANG names: without it setlocale(LC_ALL, "") fails, and LANG is passed on
    "/etc/mime.types",
    "/etc/services",
    "/etc/protocols",
)
PLAIN = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")  # where there is no directory of the machine's own
LOCAL = "/usr/local/lib"


def system_libraries(machine: str) -> tuple[str, ...]:
    """List the directories and files of the system's libraries for a machine such as `x86_64`."""
    multiarch = [f"{root}/{machine}-linux-gnu" for root in ("/lib", "/usr/lib", LOCAL)] if machine else []
    directories = [path for path in multiarch if os.path.isdir(path)] or [path for path in PLAIN if os.path.isdir(path)]
    names = sorted(os.listdir(LOCAL)) if os.path.isdir(LOCAL) else []
    loose = [path for name in names if ".so" in name and os.path.isfile(path := f"{LOCAL}/{name}")]
    return (*directories, *loose)


def loader_files(binary: elf.Elf) -> tuple[str, ...]:
    """List the dynamic loader and its cache, as far as they are there."""
    return tuple(path for path in (binary.loader, CACHE) if path and os.path.exists(path))


def tables() -> tuple[str, ...]:
    """List the tables of the system that are there."""
    return tuple(path for path in TABLES if os.path.exists(path))


def beside(executable: str, binary: elf.Elf) -> tuple[str, ...]:
    """List the libraries that the file itself points to, by $ORIGIN or by an absolute run path, one by one."""
    origin = os.path.dirname(os.path.realpath(executable))
    folders = [part.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", origin) for part in binary.search]
    named = [part.replace("$ORIGIN", origin) for part in binary.needed if "/" in part]
    found = [f"{folder.rstrip('/')}/{name}" for folder in folders for name in binary.needed if folder.startswith("/")]
    return tuple(dict.fromkeys(os.path.normpath(path) for path in [*named, *found] if os.path.isfile(path)))

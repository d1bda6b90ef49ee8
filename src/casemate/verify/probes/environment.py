"""What the caller's variables hold: passwords and keys of clouds."""

from __future__ import annotations

import ctypes
import os

from .toolkit import Canary, must, probe, read


@probe("env.read.own", "CWE-526; environ(7)")
def variable(canary: Canary) -> object:
    """Read a variable of the caller's."""
    return os.environ[canary.variable]


@probe("env.read.own", "proc_pid_environ(5): what a process began with stays there")
def variables_at_the_start(canary: Canary) -> object:
    """Read the variables that this process began with."""
    return read("/proc/self/environ")


@probe("env.read.others", "proc_pid_environ(5); multikernel/sandlock#246: what the launcher began with")
def variables_of_the_parent(canary: Canary) -> object:
    """Read the variables of the process that started this one, and of all above it."""
    said, pid = "", os.getpid()
    while pid > 0:
        said += read(f"/proc/{pid}/environ")
        pid = int(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
        if "canary-" in said:
            break
    return said


@probe("env.read.own", "getenv(3): no audit event of PEP 578")
def variable_by_libc(canary: Canary) -> object:
    """Ask the C library for a variable."""
    get = ctypes.CDLL(None).getenv
    get.restype = ctypes.c_char_p
    value = get(canary.variable.encode())
    must(value is not None, "it is not set")
    return value


@probe("env.read.own", "proc_pid_mem(5): what was erased from a list may be left in memory")
def left_in_memory(canary: Canary) -> object:
    """Look for a token in all the memory of this process."""
    begin = b"canary" + b"-"
    with open("/proc/self/mem", "rb", 0) as memory:
        for line in open("/proc/self/maps"):
            span, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            first, last = (int(text, 16) for text in span.split("-"))
            for at in range(first, last, 1 << 20):
                try:
                    memory.seek(at)
                    data = memory.read(min((1 << 20) + 39, last - at))  # a token may lie across two pieces
                except (OSError, OverflowError, ValueError):
                    break
                found = data.find(begin)
                while found >= 0:
                    if data[found + 7 : found + 39].isalnum() and len(data[found + 7 : found + 39]) == 32:
                        return data[found : found + 39]
                    found = data.find(begin, found + 1)
    return "nothing is left"


@probe("env.write", "putenv(3): every process may change its own variables", partly=True)
def own_variable(canary: Canary) -> None:
    """Change a variable of one's own."""
    os.environ["CASEMATE_CANARY_MADE"] = "x"

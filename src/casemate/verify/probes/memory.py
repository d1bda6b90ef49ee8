"""Code that is in no file: memory that is written and then executed.

What is executed gives 42, so that success is the execution and not the permission alone.
"""

from __future__ import annotations

import ctypes
import os

from .toolkit import Canary, must, number, probe, raw, syscall

CODE = {"x86_64": bytes.fromhex("b82a000000c3"), "aarch64": bytes.fromhex("40058052c0035fd6")}
PAGE, READ, WRITE, EXECUTE = 4096, 1, 2, 4
SHARED, PRIVATE, ANONYMOUS = 1, 2, 0x20


def code() -> bytes:
    """Give code for this machine that gives 42."""
    return CODE[os.uname().machine]


def mapped(protection: int, flags: int, file: int = -1) -> int:
    """Map a page; an error is an OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    at = libc.mmap(None, ctypes.c_size_t(PAGE), protection, flags, file, ctypes.c_long(0))
    if at in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    return int(at)


def execute(at: int) -> None:
    """Execute what lies there."""
    must(ctypes.CFUNCTYPE(ctypes.c_int)(at)() == 42)


def in_a_file(number: int) -> None:
    """Write code into an open file, map it executable, execute it: two views of the same bytes."""
    os.write(number, code().ljust(PAGE, b"\0"))
    execute(mapped(READ | EXECUTE, SHARED, number))


@probe("native.wx.memory", "mmap(2), PROT_WRITE and PROT_EXEC at once")
def writable_and_executable(canary: Canary) -> None:
    """Map memory that is writable and executable at once."""
    at = mapped(READ | WRITE | EXECUTE, PRIVATE | ANONYMOUS)
    ctypes.memmove(at, code(), len(code()))
    execute(at)


@probe("native.wx.memory", "mprotect(2); PR_SET_MDWE(2const), Linux 6.3")
def becomes_executable(canary: Canary) -> None:
    """Write first, then make the memory executable."""
    at = mapped(READ | WRITE, PRIVATE | ANONYMOUS)
    ctypes.memmove(at, code(), len(code()))
    syscall("mprotect", at, PAGE, READ | EXECUTE)
    execute(at)


@probe("native.wx.memory", "pkey_mprotect(2): filters of mprotect forget it")
def becomes_executable_by_a_key(canary: Canary) -> None:
    """Make memory executable by the call with a protection key."""
    at = mapped(READ | WRITE, PRIVATE | ANONYMOUS)
    ctypes.memmove(at, code(), len(code()))
    syscall("pkey_mprotect", at, PAGE, READ | EXECUTE, -1)
    execute(at)


@probe("native.wx.memory", "mprotect(2): code of a library is made writable")
def code_becomes_writable(canary: Canary) -> None:
    """Make a page of the C library writable."""
    at = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value or 0
    syscall("mprotect", at & ~(PAGE - 1), PAGE, READ | WRITE | EXECUTE)


@probe("native.wx.twice", "memfd_create(2), MFD_EXEC: two mappings of one file")
def nameless_file_in_memory(canary: Canary) -> None:
    """Execute from a nameless file in memory."""
    in_a_file(syscall("memfd_create", b"x", 0))


@probe("native.ext.written", "PR_SET_MDWE(2const): it does not know two mappings of one file")
def file_in_its_own_tmp(canary: Canary) -> None:
    """Execute from a file that the program wrote into its temporary folder."""
    import tempfile

    in_a_file(os.open(f"{tempfile.mkdtemp()}/code", os.O_CREAT | os.O_RDWR))


@probe("native.ext.written", "shm_open(3): /dev/shm is a file system like another")
def file_in_shared_memory(canary: Canary) -> None:
    """Execute from a file in /dev/shm."""
    path = f"/dev/shm/{canary.name}"
    number = os.open(path, os.O_CREAT | os.O_RDWR)
    os.unlink(path)
    in_a_file(number)


@probe("native.ext.written", "mount(8), noexec; mmap(2), EPERM: no writable mount may hold code", granted=("write",))
def file_in_a_writable_folder(canary: Canary) -> None:
    """Execute from a file in a folder that may be written to."""
    in_a_file(os.open(f"{canary.folder}/out/code", os.O_CREAT | os.O_RDWR))


@probe("native.wx.twice", "shmat(2), SHM_EXEC")
def segment_of_system_v(canary: Canary) -> None:
    """Attach a segment of System V so that it can be executed."""
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    segment = syscall("shmget", 0, PAGE, 0o1700)
    try:
        at = raw(number("shmat"), segment, None, 0)
        ctypes.memmove(at, code(), len(code()))
        execute(raw(number("shmat"), segment, None, 0o110000))
    finally:
        syscall("shmctl", segment, 0, None)


@probe("native.wx.memory", "proc_pid_mem(5): it writes through every protection of a page")
def through_its_own_memory_file(canary: Canary) -> None:
    """Overwrite code of the C library by /proc/self/mem, and execute it."""
    at = ctypes.cast(ctypes.CDLL(None).getpgid, ctypes.c_void_p).value or 0
    memory = os.open("/proc/self/mem", os.O_RDWR)
    os.pwrite(memory, code(), at)
    execute(at)


@probe("native.wx.forced", "ptrace(2), PTRACE_POKETEXT: it writes through every protection of a page")
def by_tracing_a_child(canary: Canary) -> None:
    """Overwrite code of a child by tracing it."""
    import signal

    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).ptrace(0, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    at = ctypes.cast(ctypes.CDLL(None).getpgid, ctypes.c_void_p).value or 0
    try:
        syscall("ptrace", 4, pid, ctypes.c_void_p(at & ~7), ctypes.c_void_p(0x42))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@probe("native.wx.memory", "personality(2), READ_IMPLIES_EXEC")
def readable_is_executable(canary: Canary) -> None:
    """Write into readable memory after asking that all of it be executable."""
    syscall("personality", 0x0400000)
    at = mapped(READ | WRITE, PRIVATE | ANONYMOUS)
    ctypes.memmove(at, code(), len(code()))
    execute(at)


@probe(
    "native.wx.memory",
    "mmap(2), MAP_PRIVATE of a granted library: its pages are copied when they are written",
    granted=("code",),
)
def copy_of_a_granted_page(canary: Canary) -> None:
    """Map a granted file of code privately, make the copy writable, and executable again."""
    at = mapped(READ | EXECUTE, PRIVATE, os.open(canary.granted, os.O_RDONLY))
    syscall("mprotect", at, PAGE, READ | WRITE)
    ctypes.memmove(at, code(), len(code()))
    syscall("mprotect", at, PAGE, READ | EXECUTE)
    execute(at)

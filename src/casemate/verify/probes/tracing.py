"""Reading and writing other processes: memory, variables, arguments, what the kernel says of them."""

from __future__ import annotations

import ctypes
import os

from .toolkit import Canary, child, must, probe, read, syscall


@probe("proc.trace.ptrace", "ptrace(2), PTRACE_SEIZE")
def trace(canary: Canary) -> None:
    """Attach to a process of the caller's."""
    syscall("ptrace", 0x4206, canary.victim, 0, 0)


@probe("proc.trace.memory", "proc_pid_mem(5)")
def memory_by_a_file(canary: Canary) -> object:
    """Read the memory of a process of the caller's in /proc."""
    number = os.open(f"/proc/{canary.process}/mem", os.O_RDONLY)
    return os.pread(number, 64, canary.address)


@probe("proc.trace.memory", "proc_pid_mem(5)")
def overwrite_memory_by_a_file(canary: Canary) -> None:
    """Write into the memory of a process of the caller's in /proc."""
    number = os.open(f"/proc/{canary.process}/mem", os.O_WRONLY)
    os.pwrite(number, canary.mark.encode()[:60], canary.scratch)


@probe("proc.trace.memory", "process_vm_readv(2)")
def memory_by_a_call(canary: Canary) -> object:
    """Read the memory of a process of the caller's by a call."""
    buffer = ctypes.create_string_buffer(64)
    own = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
    other = (ctypes.c_size_t * 2)(canary.address, 64)
    syscall("process_vm_readv", canary.process, own, 1, other, 1, 0)
    return buffer.value


@probe("proc.trace.memory", "process_vm_writev(2), on which PEP 768 (sys.remote_exec) rests")
def overwrite_memory_by_a_call(canary: Canary) -> None:
    """Write into the memory of a process of the caller's by a call."""
    buffer = ctypes.create_string_buffer(canary.mark.encode()[:60])
    own = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), len(buffer.value))
    other = (ctypes.c_size_t * 2)(canary.scratch, len(buffer.value))
    syscall("process_vm_writev", canary.process, own, 1, other, 1, 0)


@probe("proc.trace.memory", "PEP 768 (sys.remote_exec, Python 3.14)")
def code_in_another_python(canary: Canary) -> None:
    """Let another Python of the same user execute a file."""
    import sys
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as script:
        script.write("pass")
    sys.remote_exec(canary.process, script.name)  # type: ignore[attr-defined]  # -- Python 3.14


@probe("proc.trace.proc", "proc_pid_cmdline(5); CWE-214: passwords among the arguments")
def arguments_of_another_process(canary: Canary) -> object:
    """Read the arguments of a process of the caller's."""
    return read(f"/proc/{canary.process}/cmdline")


@probe("env.read.others", "proc_pid_environ(5)")
def variables_of_another_process(canary: Canary) -> object:
    """Read the variables of a process of the caller's."""
    return read(f"/proc/{canary.process}/environ")


@probe("proc.trace.proc", "proc_pid_maps(5): where to write")
def map_of_another_process(canary: Canary) -> None:
    """Read where the memory of a process of the caller's lies."""
    must(read(f"/proc/{canary.process}/maps"))


@probe("proc.trace.proc", "CWE-497: who runs what on this host")
def list_processes(canary: Canary) -> None:
    """Find a process of the caller's in the list of all of them."""
    must(str(canary.process) in os.listdir("/proc"))


@probe("proc.trace.ptrace", "kcmp(2): what two processes share")
def compare_processes(canary: Canary) -> None:
    """Compare the open files of two processes."""
    syscall("kcmp", os.getpid(), canary.process, 2, 0, 0)


@probe("proc.trace.ptrace", "get_robust_list(2): an address in another process")
def locks_of_another_process(canary: Canary) -> None:
    """Ask where another process keeps its locks."""
    head, length = ctypes.c_size_t(), ctypes.c_size_t()
    syscall("get_robust_list", canary.process, ctypes.byref(head), ctypes.byref(length))


@probe("proc.trace.memory", "move_pages(2): which pages another process has; CVE-2017-14140")
def pages_of_another_process(canary: Canary) -> None:
    """Ask where the pages of another process lie."""
    page, status = (ctypes.c_size_t * 1)(canary.address & ~4095), (ctypes.c_int * 1)()
    syscall("move_pages", canary.process, 1, page, None, status, 0)


@probe("proc.trace.memory", "process_mrelease(2), Linux 5.15")
def release_memory_of_another_process(canary: Canary) -> None:
    """Take the memory of a dying process away."""
    from .toolkit import reach

    reach("process_mrelease", syscall("pidfd_open", canary.victim, 0), 0)


@probe("kernel.calls", "ptrace(2), PTRACE_TRACEME; seccomp(2): a tracer could bypass it before Linux 4.8")
def trace_a_child(canary: Canary) -> None:
    """Let a child be traced, by which its system calls could be changed."""
    must(child(lambda: syscall("ptrace", 0, 0, 0, 0)) == 0, "the child was not traced")

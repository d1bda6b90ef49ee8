"""Doors of the kernel that no program here needs, and with which most exploits of the last years began.

Nothing is exploited: each probe reaches the entry, with arguments that do nothing.
"""

from __future__ import annotations

import ctypes
import os

from .toolkit import Canary, is_root, must, number, probe, raw, reach, syscall


@probe("kernel.io_uring", "CVE-2022-29582, CVE-2023-2598, CVE-2024-0582; operations of a ring pass seccomp")
def io_uring(canary: Canary) -> None:
    """Make a ring of io_uring."""
    syscall("io_uring_setup", 4, ctypes.create_string_buffer(120))


@probe("kernel.calls", "io_setup(2); CVE-2016-10044")
def asynchronous_io(canary: Canary) -> None:
    """Make a context of kernel AIO."""
    context = ctypes.c_ulong()
    syscall("io_setup", 1, ctypes.byref(context))


@probe("kernel.bpf", "CVE-2020-8835, CVE-2021-3490, CVE-2022-23222")
def bpf(canary: Canary) -> None:
    """Make a map of BPF."""
    syscall("bpf", 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128)


@probe("kernel.calls", "socket(7), SO_ATTACH_FILTER: code for the machine in the kernel")
def filter_on_a_pair(canary: Canary) -> None:
    """Attach a program to one half of a pair of sockets."""
    import socket
    import struct

    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFF))
    socket.socketpair()[0].setsockopt(1, 26, struct.pack("HxxxxxxQ", 1, ctypes.addressof(code)))


@probe("kernel.keyctl", "keyctl(2), session-keyring(7): what a parent holds, its children hold; CVE-2016-0728")
def keyring(canary: Canary) -> object:
    """Read a key of the caller's out of the keyring of the session."""
    number = syscall("keyctl", 10, -3, b"user", canary.key.encode(), 0)
    buffer = ctypes.create_string_buffer(100)
    syscall("keyctl", 11, number, buffer, 99)
    return buffer.value


@probe("kernel.calls", "add_key(2): the caller's keys; CVE-2015-1333, CVE-2017-15274")
def key(canary: Canary) -> None:
    """Add a key."""
    syscall("add_key", b"user", b"casemate-canary", b"x", 1, -1)


@probe("kernel.calls", "request_key(2): the kernel starts a program of the host")
def request_for_a_key(canary: Canary) -> None:
    """Request a key, for which the kernel may start a program of the host."""
    reach("request_key", b"user", b"casemate-canary-none", None, 0)


@probe("kernel.userfaultfd", "userfaultfd(2): the pause that exploits of races need")
def faults_of_the_kernel(canary: Canary) -> None:
    """Take page faults into one's own hands, those of the kernel as well."""
    syscall("userfaultfd", 0)


@probe("kernel.calls", "userfaultfd(2), UFFD_USER_MODE_ONLY, Linux 5.11")
def faults_of_ones_own(canary: Canary) -> None:
    """Take page faults of one's own into one's own hands."""
    syscall("userfaultfd", 1)


@probe("kernel.perf", "CVE-2013-2094; perf_event_open(2)")
def performance_counters(canary: Canary) -> None:
    """Open a performance counter of one's own process."""
    import struct

    software, clock, own_code_only = 1, 0, 0x60  # exclude_kernel and exclude_hv: what perf_event_paranoid 2 allows
    attributes = struct.pack("IIQQQQQ", software, 128, clock, 0, 0, 0, own_code_only).ljust(128, b"\0")
    syscall("perf_event_open", attributes, 0, -1, -1, 0)


@probe("kernel.calls", "CVE-2022-0847 (Dirty Pipe) and its successors in splice(2)")
def splice(canary: Canary) -> None:
    """Move pages of a file into a pipe without copying."""
    reader, writer = os.pipe()
    file = os.open("/proc/self/exe", os.O_RDONLY)
    must(syscall("splice", file, ctypes.byref(ctypes.c_longlong(0)), writer, None, 16, 0) == 16)
    os.close(reader)


@probe("kernel.calls", "CVE-2008-0600 (vmsplice)")
def vmsplice(canary: Canary) -> None:
    """Give pages of one's own to a pipe."""
    _, writer = os.pipe()
    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    syscall("vmsplice", writer, vector, 1, 0)


@probe("kernel.calls", "modify_ldt(2); CVE-2014-9090, CVE-2017-17053")
def segment_descriptors(canary: Canary) -> None:
    """Read and write segment descriptors."""
    entry = (ctypes.c_uint32 * 4)(0, 0, 0, 0x28)
    syscall("modify_ldt", 1, entry, 16)


@probe("kernel.calls", "ioperm(2), iopl(2): the ports of the machine")
def ports_of_the_machine(canary: Canary) -> None:
    """Open the ports of the machine."""
    reach("iopl", 7)


@probe("kernel.calls", "personality(2), ADDR_NO_RANDOMIZE")
def no_random_addresses(canary: Canary) -> None:
    """Ask for addresses that can be guessed."""
    must(syscall("personality", 0x0040000) >= 0)


@probe("kernel.calls", "prctl(2), PR_SET_MM: what /proc says of a process")
def description_of_oneself(canary: Canary) -> None:
    """Reach the call that changes where the kernel believes the arguments of a process to be."""
    size = ctypes.c_uint()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(35, 15, ctypes.byref(size), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


@probe("kernel.calls", "seccomp(2), SECCOMP_FILTER_FLAG_NEW_LISTENER: the calls of children are answered by oneself")
def supervisor(canary: Canary) -> None:
    """Install a filter whose listener is oneself."""
    import struct

    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(code)))
    syscall("seccomp", 1, 8, program)


@probe("kernel.calls", "fanotify(7): every file that anybody opens")
def every_file_that_is_opened(canary: Canary) -> None:
    """Be told of every file that is opened."""
    syscall("fanotify_init", 0 if is_root() else 0x200, 0)  # FAN_REPORT_FID: for everybody since Linux 5.13


@probe("kernel.calls", "syslog(2): addresses and names in the log of the kernel")
def log_of_the_kernel(canary: Canary) -> None:
    """Ask for the log of the kernel."""
    syscall("syslog", 10, None, 0)


@probe("kernel.calls", "init_module(2)")
def module(canary: Canary) -> None:
    """Reach the loading of a module, with none."""
    reach("init_module", None, 0, b"")


@probe("kernel.calls", "kexec_file_load(2): another kernel")
def another_kernel(canary: Canary) -> None:
    """Reach the loading of another kernel, with no file."""
    reach("kexec_file_load", -1, -1, 0, None, 0)


@probe("kernel.calls", "quotactl_fd(2), Linux 5.14")
def quotas(canary: Canary) -> None:
    """Reach the quotas of a file system."""
    reach("quotactl_fd", -1, 0x80000400, 0, None)  # no file: one of a system without quotas would answer ENOSYS


@probe("kernel.calls", "memfd_secret(2), Linux 5.14: memory that nobody outside can look at")
def secret_memory(canary: Canary) -> None:
    """Make memory that even the kernel does not map."""
    syscall("memfd_secret", 0)


@probe("kernel.calls", "mbind(2), set_mempolicy(2); CVE-2017-7616")
def policy_of_memory(canary: Canary) -> None:
    """Choose on which node memory lies."""
    reach("mbind", 0, 0, 0, None, 0, 0)


@probe("kernel.calls", "remap_file_pages(2), deprecated: other pages below the same address")
def pages_remapped(canary: Canary) -> None:
    """Rearrange the pages of a mapping."""
    reach("remap_file_pages", 0, 4096, 0, 0, 0)


@probe("kernel.calls", "file_getattr(2), Linux 6.17: newer than most filters")
def call_of_tomorrow(canary: Canary) -> None:
    """Make a call that did not exist when most filters were written."""
    reach("file_getattr", -100, b"/", ctypes.create_string_buffer(24), 24, 0)  # not every file system answers


@probe("kernel.entry", "seccomp(2): x32; CVE-2014-0038")
def entry_of_x32(canary: Canary) -> None:
    """Enter the kernel as a program with 32-bit pointers."""
    must(raw(number("getpid") | 0x40000000) == os.getpid())


@probe("kernel.entry", "seccomp(2): int 0x80 on x86-64; CVE-2010-3301", granted=("code",))
def entry_of_i386(canary: Canary) -> None:
    """Enter the kernel by the entry of 32-bit programs, from a library of one's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    file = os.open(canary.granted, os.O_RDONLY)
    at = libc.mmap(None, ctypes.c_size_t(4096), 5, 2, file, ctypes.c_long(0))
    if at in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    must(os.uname().machine == "x86_64", "another machine")
    must(ctypes.CFUNCTYPE(ctypes.c_int)(at + 64)() == os.getpid())


@probe("kernel.cores", "core(5); CVE-2025-4598, CVE-2025-5054: the program that the host starts for a crash")
def crash_for_the_host(canary: Canary) -> None:
    """Set the limit of core dumps to 0, at which a pipe in core_pattern is served all the same."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    must(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))


@probe("kernel.calls", "proc_pid_oom_score_adj(5): the last to be killed")
def last_to_die(canary: Canary) -> None:
    """Make oneself a process that others die for when memory runs out."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")

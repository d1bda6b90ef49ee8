"""What a refused system call means: number and arguments → capability and object.

The numbers come from the kernel; what they mean is the target's doing, so it is a report of what was tried and never a
ground to allow anything. The one string that is read from the target's memory, the path of an execve, is for people.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.sandbox import Denial
from casemate.sandbox.native import calls

LONGEST = 4096  # PATH_MAX
FAMILIES = {
    1: "AF_UNIX",
    2: "AF_INET",
    10: "AF_INET6",
    16: "AF_NETLINK",
    17: "AF_PACKET",
    29: "AF_CAN",
    31: "AF_BLUETOOTH",
    38: "AF_ALG",
    40: "AF_VSOCK",
    44: "AF_XDP",
}
KINDS = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
NAME_CACHE = 0x80801  # SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC: how glibc looks for nscd (nscd/nscd_helper.c)
RESOLVER = 0x80802  # SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC: how glibc asks for names (resolv/res_send.c)
SET_ID = 0o6000


def _table(**names: str) -> Mapping[str, C]:
    return {name: C(key.replace("_", ".")) for key, words in names.items() for name in words.split()}


MEANING = _table(
    proc_spawn="execve execveat",
    proc_trace="ptrace process_vm_readv process_vm_writev kcmp process_mrelease",
    proc_priv="""clone unshare setns mount umount umount2 chroot pivot_root mount_setattr move_mount open_tree fsopen
        fsconfig fsmount fspick listmount statmount setfsuid setfsgid sethostname setdomainname prlimit64 swapon
        swapoff reboot acct init_module finit_module delete_module kexec_load kexec_file_load ioperm iopl quotactl
        quotactl_fd settimeofday clock_settime clock_adjtime adjtimex vhangup syslog""",
    net_fdpass="pidfd_getfd",
    net_unix="socketpair",
    ipc_shm="shmget shmat shmctl shmdt semget semop semctl semtimedop",
    ipc_mq="msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr",
    native_wx="mmap mprotect pkey_mprotect memfd_create memfd_secret remap_file_pages",
    fs_dev="mknod mknodat ioctl renameat2",
    fs_meta="open openat creat chmod fchmod fchmodat fchmodat2",
    fs_read="open_by_handle_at name_to_handle_at",
)
DETAIL = {C.FS_META: "set-user-ID or set-group-ID", C.NATIVE_WX: "memory that can be written and executed"}


def denial(number: int, arguments: Sequence[int], pid: int, waits: Callable[[], bool]) -> Denial | None:
    """Give what was tried; None for what a C library does by habit, whatever the program wants.

    `waits` tells whether the caller still waits for our answer.
    """
    name = _names().get(number, str(number))
    if name == "socket":
        return _socket(arguments[0], arguments[1])
    capability = MEANING.get(name, C.KERNEL)
    if name == "execve":
        return Denial(capability, _text(pid, arguments[0], waits), name)
    if name.startswith("mknod") and arguments[1 + (name == "mknodat")] & SET_ID:
        capability = C.FS_META
    return Denial(capability, name, DETAIL.get(capability, ""))


def _socket(family: int, kind: int) -> Denial | None:
    """Say what a socket was for. Looking for nscd, and for the host's own addresses, are habits of glibc."""
    if family == NETLINK or (family == UNIX and kind == NAME_CACHE):
        return None
    said = f"socket({FAMILIES.get(family, family)}, {KINDS.get(kind & 0xF, kind & 0xF)})"
    if family == UNIX:
        return Denial(C.NET_UNIX, "", said)
    if family in (INET, INET6) and kind & 0xF in (1, 2):
        if kind == RESOLVER:
            return Denial(C.NET_DNS, "", said)
        return Denial(C.NET_CONNECT if kind & 0xF == 1 else C.NET_UDP, "", said)
    return Denial(C.NET_RAW, FAMILIES.get(family, str(family)), said)


@functools.cache
def _names() -> Mapping[int, str]:
    return {number: name for name, number in calls.here().items()}


def _text(pid: int, address: int, waits: Callable[[], bool]) -> str:
    """Read a path out of the memory of a thread that waits for our answer; "" where that is not to be had.

    A thread can be killed meanwhile, and its number be another's: then what was read is the memory of another, and
    the target chose the address. So it is asked for last whether it still waits (seccomp_unotify(2)).
    """
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        text, end, _ = os.pread(memory, LONGEST, address).partition(b"\0")
    except (OSError, OverflowError):
        return ""
    finally:
        os.close(memory)
    return os.fsdecode(text) if end and waits() else ""

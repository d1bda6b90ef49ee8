"""What the probes share. It runs in the target, beside them: casemate itself never imports it.

It is written for every Python that a target may have (3.8 and newer), and does without what a small Python lacks.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Act = TypeVar("Act", bound=Callable[["Canary"], object])

NUMBERS = {  # name: (x86_64, aarch64 or -1), as in the kernel's tables
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "capset": (126, 91),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "file_getattr": (468, 468),
    "finit_module": (313, 273),
    "fsopen": (430, 430),
    "get_robust_list": (274, 100),
    "getpid": (39, 172),
    "init_module": (175, 105),
    "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "keyctl": (250, 219),
    "landlock_create_ruleset": (444, 444),
    "linkat": (265, 37),
    "listmount": (458, 458),
    "mbind": (237, 235),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mprotect": (10, 226),
    "mq_open": (240, 180),
    "mq_timedreceive": (243, 183),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "pkey_alloc": (330, 289),
    "pkey_mprotect": (329, 288),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "remap_file_pages": (216, 234),
    "renameat2": (316, 276),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "seccomp": (317, 277),
    "semctl": (66, 191),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "splice": (275, 76),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tee": (276, 77),
    "tgkill": (234, 131),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
NEVER = (errno.EPERM, errno.ENOSYS, errno.EACCES)  # what a call answers that nobody may make


class Canary:
    """What a probe may act on: things of casemate's own, made for this run. Their secrets are told to no probe."""

    folder: str  # of this probe alone: secret, file, directory/, link -> secret, shared/, out/
    secret: str  # a file with a token
    mark: str  # what a probe leaves behind where it got, so that the other side knows who came
    name: str  # a name for a process
    granted: str  # a readable, executable file of machine code; only where `granted` says "code"
    database: str  # of sqlite, a token in it
    module: str  # a Python module with a token
    library: str  # a shared library
    readable_library: str  # likewise, in a folder that `granted` opens with "read"
    program: str  # an executable of the host, without effects
    other_program: str
    victim: int  # a process of this probe alone, to be signalled or changed
    process: int  # a process with a token in its memory, its variables, its arguments and its open files
    address: int  # of the token in that memory
    scratch: int  # of bytes in that memory that may be overwritten
    opened: int  # the number under which that process has the secret file open
    variable: str  # a variable of the caller's
    inherited: int  # a descriptor of the caller's that was left open: a file with a token
    inherited_directory: int  # likewise: the root of the host
    inherited_socket: int  # likewise: a connection
    port: int  # where somebody listens on 127.0.0.1, and answers with a token; likewise the next ones
    port6: int
    udp: int
    udp6: int
    unix: str
    datagram: str
    abstract: str
    asked: str  # a socket that hands out a descriptor of the secret file (SCM_RIGHTS)
    free_abstract: str
    free_port: int  # where somebody outside keeps knocking, with a token
    free_udp: int
    shm: int  # System V: identifiers and a key
    shm_key: int
    queue: int
    semaphore: int
    shm_name: str  # POSIX
    queue_name: str
    handle: str  # of the secret file, for open_by_handle_at(2): type and bytes
    key: str  # the name of a key in the keyring of the session
    terminal: int  # a descriptor of the caller's terminal
    terminal_path: str
    most_memory: int  # what the policy gives, made small
    most_processes: int
    most_fds: int
    most_output: int
    most_disk: int
    most_tmp: int
    most_cpu: int
    most_wall: int

    def __init__(self, **things: object) -> None:
        """Take what casemate made for this probe."""
        self.__dict__.update(things)


def probe(
    kind: str,
    reference: str,
    *,
    granted: tuple[str, ...] = (),
    alone: bool = False,
    partly: bool = False,
    waits: bool = False,
) -> Callable[[Act], Act]:
    """Say of which class an act is, and where it was published."""

    def same(act: Act) -> Act:
        return act

    return same


class Missed(Exception):  # noqa: N818 -- it says what became of the act
    """The act was done and had no effect."""


def must(truth: object, why: str = "it had no effect") -> None:
    """Fail unless the act had its effect; an assertion would be left out under -O."""
    if not truth:
        raise Missed(why)


def number(name: str) -> int:
    """Give the number of a system call on this machine."""
    column = {"x86_64": 0, "aarch64": 1}.get(os.uname().machine, 2)
    found = (*NUMBERS[name], -1)[column]
    if found < 0:
        raise OSError(errno.ENOSYS, f"{name} is not a call of this machine")
    return found


def raw(nr: int, *arguments: object) -> int:
    """Make a system call by number. Integers are passed with 64 bits; an error is an OSError."""
    import ctypes

    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    passed = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = call(ctypes.c_long(nr), *passed)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)


def syscall(name: str, *arguments: object) -> int:
    """Make a system call by name."""
    return raw(number(name), *arguments)


def beginning(descriptor: int) -> bytes:
    """Read what lies at the beginning of an open file, wherever reading would go on."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, 200, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 200)


def reach(name: str, *arguments: object) -> None:
    """Succeed where the kernel looks at the arguments of a call, though they are chosen so that nothing can happen.

    Who may not make it at all hears EPERM, ENOSYS or EACCES; all other errors come from the code behind the door.
    """
    try:
        syscall(name, *arguments)
    except OSError as error:
        if error.errno in NEVER:
            raise


def is_root() -> bool:
    """Tell whether this is root; a Python without users is not."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def unshare(flags: int) -> None:
    """Enter new namespaces. Who is not root becomes root of a user namespace first, as exploits do."""
    if is_root() or not hasattr(os, "geteuid"):
        syscall("unshare", flags)
        return
    user, group = os.geteuid(), os.getegid()
    syscall("unshare", flags | 0x10000000)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def or_as_root_of_a_namespace(act: Callable[[], object], flags: int = 0) -> None:
    """Do something; who may not does it once more as root of namespaces of his own."""
    try:
        act()
    except PermissionError:
        if is_root():
            raise
        unshare(flags)
        act()


def child(act: Callable[[], object]) -> int:
    """Do something in a child, or here where a Python has none; give how it ended: 0 where the act was done."""
    if not hasattr(os, "fork"):
        act()
        return 0
    pid = os.fork()
    if pid == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(9)
    return os.waitpid(pid, 0)[1]


def read(path: str) -> str:
    """Read the beginning of a file."""
    with open(path, "rb") as file:
        return file.read(1 << 16).decode("latin-1")


def text_of(pointer: int, length: int) -> str:
    """Read memory of this process."""
    import ctypes

    return ctypes.string_at(pointer, length).decode("latin-1")

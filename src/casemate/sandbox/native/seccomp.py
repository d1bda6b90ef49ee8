"""The list of system calls that a Python program may make: libseccomp compiles it, the target installs it last.

Unknown calls fail with ENOSYS, so that C libraries fall back to older ones; dangerous ones with EPERM; another
architecture's entry (x32, int 0x80) kills. What depends on arguments is in arguments.py.
"""

import ctypes
import functools
import os

from casemate.sandbox.native import kernel as k

INSTALL = "apt-get install libseccomp2"
ACT_ALLOW, ACT_KILL_PROCESS, ACT_ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38
ATTR_BADARCH, ATTR_NNP, ATTR_OPTIMIZE = 2, 3, 8

ALLOWED = """
accept accept4 access alarm arch_prctl bind brk capget capset chdir chmod chown clock_getres clock_gettime
clock_nanosleep clone close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve exit exit_group faccessat faccessat2 fadvise64
fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork
fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat
get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1
inotify_rm_watch ioctl ioprio_get ioprio_set kill lchown lgetxattr link linkat listen listxattr llistxattr
lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier mincore mkdir mkdirat mknod mknodat mlock
mlock2 mlockall mmap mprotect mremap mseal msync munlock munlockall munmap nanosleep newfstatat open openat pause
personality pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64
preadv preadv2 prlimit64 process_madvise pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recvfrom recvmmsg recvmsg removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield select sendfile
sendmmsg sendmsg sendto set_robust_list set_tid_address setgid setgroups setitimer setpgid setpriority setregid
setresgid setresuid setreuid setrlimit setsid setsockopt setuid setxattr shutdown sigaltstack socket socketpair stat
statfs statx symlink symlinkat sync_file_range sysinfo tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink
unlinkat utime utimensat utimes vfork wait4 waitid write writev
""".split()  # noqa: SIM905 -- a list that is read and compared by people

DENIED = """
acct add_key adjtimex bpf chroot clock_adjtime clock_settime create_module delete_module execveat fanotify_init
fanotify_mark finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy init_module io_destroy
io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp
kexec_file_load kexec_load keyctl landlock_add_rule landlock_create_ruleset landlock_restrict_self listmount
lookup_dcookie lsm_set_self_attr mbind memfd_secret migrate_pages modify_ldt mount mount_setattr move_mount
move_pages mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd
name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_mrelease
process_vm_readv process_vm_writev ptrace query_module quotactl quotactl_fd reboot remap_file_pages request_key
seccomp semctl semget semop semtimedop set_mempolicy setdomainname setfsgid setfsuid sethostname setns settimeofday
shmat shmctl shmdt shmget statmount swapoff swapon sync syncfs sysfs syslog umount umount2 unshare uselib
userfaultfd ustat vhangup
""".split()  # noqa: SIM905 -- a list that is read and compared by people


@functools.cache
def _library() -> ctypes.CDLL:
    """Load libseccomp. Raises OSError where it is missing."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library


def available() -> str:
    """Say why the layer is missing; "" when it is there."""
    try:
        _library()
    except OSError as error:
        return f"libseccomp is missing ({error}); install it: {INSTALL}"
    return ""


@functools.cache
def compiled(*, wx: bool) -> bytes:
    """Compile the list; with `wx` memfd_create is allowed too. Raises OSError."""
    library = _library()
    context = library.seccomp_init(ACT_ERRNO | ENOSYS)
    if not context:
        raise OSError(ENOSYS, "seccomp_init failed")
    try:
        for attribute, value in ((ATTR_BADARCH, ACT_KILL_PROCESS), (ATTR_NNP, 0), (ATTR_OPTIMIZE, 2)):
            _done(library.seccomp_attr_set(context, attribute, value), "seccomp_attr_set")
        memfd = "memfd_create"
        for name in (*ALLOWED, memfd) if wx else ALLOWED:
            _add(library, context, ACT_ALLOW, name)
        for name in DENIED if wx else (*DENIED, memfd):
            _add(library, context, ACT_ERRNO | EPERM, name)
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def _add(library: ctypes.CDLL, context: int, action: int, name: str) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:  # below: not a call of this architecture, or newer than the library; then it is unknown: ENOSYS
        _done(library.seccomp_rule_add_array(context, action, number, 0, None), f"seccomp_rule_add {name}")


def _done(result: int, name: str) -> None:
    if result < 0:
        raise OSError(-result, f"{name}: {os.strerror(-result)}")


def _exported(library: ctypes.CDLL, context: int) -> bytes:
    descriptor = os.memfd_create("filter", os.MFD_CLOEXEC)
    try:
        _done(library.seccomp_export_bpf(context, descriptor), "seccomp_export_bpf")
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(code: bytes) -> None:
    """Add a filter to this process, for good: prctl(2), PR_SET_SECCOMP, SECCOMP_MODE_FILTER. Needs no_new_privs."""
    program = Program(len(code) // 8, code)
    k.prctl(k.PR_SET_SECCOMP, 2, ctypes.addressof(program))

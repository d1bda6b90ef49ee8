"""The list of system calls that a Python program may make, as a filter that the target installs last.

Unknown calls fail with ENOSYS, so that C libraries fall back to older ones; dangerous ones with EPERM; another
architecture's entry (x32, int 0x80) kills. What depends on arguments is in arguments.py.
"""

import _struct as struct
from _collections_abc import Mapping, Sequence

from casemate.sandbox.native import calls
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.arguments import ARCH, EQUAL, LOAD, RETURN, Instruction, unless

ACT_ALLOW, ACT_KILL_PROCESS, ACT_ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, EFAULT, ENOSYS = 1, 14, 38

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
mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap nanosleep newfstatat open openat pause
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


X32 = 0x40000000  # x86-64: the bit of calls with 32-bit pointers
NO_CALL = 0xFFFFFFFF  # what a tracer makes of a number to cancel the call
AT_LEAST = 0x35


def available() -> str:
    """Say why the layer is missing; "" when it is there: seccomp(2), SECCOMP_SET_MODE_FILTER without a filter."""
    if k.COLUMN < 0:
        return f"system calls of {k.MACHINE} have no table here"
    try:
        k.prctl(k.PR_SET_SECCOMP, 2, 0)
    except OSError as error:
        return "" if error.errno == EFAULT else "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)"
    raise AssertionError("a filter that is nowhere was installed")


def compiled(*, wx: bool, column: int = k.COLUMN) -> bytes:
    """Compile the list for an architecture; with `wx` memfd_create is allowed too."""
    numbers = calls.here() if column == k.COLUMN else calls.numbers(column)
    memfd = "memfd_create"
    answers = {
        **{numbers[name]: ACT_ALLOW for name in (*ALLOWED, *((memfd,) if wx else ())) if name in numbers},
        **{numbers[name]: ACT_ERRNO | EPERM for name in (*DENIED, *(() if wx else (memfd,))) if name in numbers},
    }
    head: list[Instruction] = [(LOAD, 0, 0, 4), *unless([ARCH[column]], ACT_KILL_PROCESS), (LOAD, 0, 0, 0)]
    if column == 0:
        head += [(AT_LEAST, 0, 2, X32), (EQUAL, 1, 0, NO_CALL), (RETURN, 0, 0, ACT_KILL_PROCESS)]
    return b"".join(struct.pack("=HBBI", *line) for line in (*head, *_search(_ranges(answers))))


def _ranges(answers: Mapping[int, int]) -> Sequence[tuple[int, int]]:
    """Give where each range of numbers with the same answer begins, and that answer; the unknown ones get ENOSYS."""
    unknown = ACT_ERRNO | ENOSYS
    found = [(0, answers.get(0, unknown))]
    for number in range(1, max(answers) + 2):
        answer = answers.get(number, unknown)
        if answer != found[-1][1]:
            found.append((number, answer))
    return found


def _search(ranges: Sequence[tuple[int, int]]) -> Sequence[Instruction]:
    """Find the range of a number by halving; jumps of classic BPF reach 255 instructions."""
    if len(ranges) == 1:
        return [(RETURN, 0, 0, ranges[0][1])]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    return [(AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]


def install(code: bytes) -> None:
    """Add a filter to this process, for good: prctl(2), PR_SET_SECCOMP, SECCOMP_MODE_FILTER. Needs no_new_privs."""
    program = k.words(8, len(code) // 8, k.address_of(code))  # struct sock_fprog; both of ours are little-endian
    k.call("seccomp", k.number("prctl"), k.PR_SET_SECCOMP, 2, program)

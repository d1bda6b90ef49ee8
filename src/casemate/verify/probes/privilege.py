"""Gaining what an ordinary program does not have: identities, Linux capabilities, namespaces, mounts, switches."""

from __future__ import annotations

import os
import signal

from .toolkit import Canary, is_root, must, or_as_root_of_a_namespace, probe, reach, read, syscall, unshare

USER, MOUNT, NET, PID, IPC, UTS, CGROUP, TIME = (
    0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000, 0x80,
)  # fmt: skip


@probe("proc.priv.ids", "setresuid(2): no audit event of PEP 578")
def become_root(canary: Canary) -> None:
    """Become user 0."""
    os.setresuid(0, 0, 0)


@probe("proc.priv.ids", "setgroups(2), user_namespaces(7)")
def join_a_group(canary: Canary) -> None:
    """Join the group of root."""
    os.setgroups([0])


@probe("proc.priv.capabilities", "capset(2), capabilities(7)")
def hold_a_capability(canary: Canary) -> None:
    """Put CAP_SYS_ADMIN in force."""
    header, bits = (0x20080522).to_bytes(4, "little") + bytes(4), (1 << 21).to_bytes(4, "little")
    or_as_root_of_a_namespace(lambda: syscall("capset", header, bits + bits + bytes(4) + bytes(12)))


@probe("proc.priv.capabilities", "capabilities(7), ambient set: what survives execve")
def ambient_capability(canary: Canary) -> None:
    """Raise an ambient capability."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header, bit = (0x20080522).to_bytes(4, "little") + bytes(4), (1 << 21).to_bytes(4, "little")
    or_as_root_of_a_namespace(lambda: syscall("capset", header, bit * 3 + bytes(12)))
    if libc.prctl(47, 2, 21, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


@probe("proc.priv.namespaces", "CVE-2022-0185, CVE-2022-34918, CVE-2023-0386, CVE-2024-1086 began so")
def user_namespace(canary: Canary) -> None:
    """Make a user namespace and hold every capability in it."""
    syscall("unshare", USER)


@probe("proc.priv.namespaces", "clone(2), CLONE_NEWUSER: filters of unshare forget it")
def user_namespace_by_clone(canary: Canary) -> None:
    """Start a child in a user namespace of its own."""
    pid = syscall("clone", USER | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@probe("proc.priv.namespaces", "clone3(2): its flags lie behind a pointer, where no filter of seccomp(2) sees them")
def user_namespace_by_clone3(canary: Canary) -> None:
    """Start a child in a user namespace by the call whose flags no filter can read."""
    import struct

    arguments = struct.pack("11Q", USER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
    pid = syscall("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@probe("proc.priv.namespaces", "mount_namespaces(7)")
def mount_namespace(canary: Canary) -> None:
    """Make a mount namespace."""
    unshare(MOUNT)


@probe("proc.priv.namespaces", "network_namespaces(7): whoever has one reaches nf_tables, CVE-2023-32233")
def net_namespace(canary: Canary) -> None:
    """Make a net namespace."""
    unshare(NET)


@probe("proc.priv.namespaces", "pid_namespaces(7)")
def pid_namespace(canary: Canary) -> None:
    """Make a pid namespace."""
    unshare(PID)


@probe("proc.priv.namespaces", "CVE-2022-0492: a cgroup namespace and a mount")
def cgroup_namespace(canary: Canary) -> None:
    """Make a cgroup namespace."""
    unshare(CGROUP)


@probe("proc.priv.namespaces", "ipc_namespaces(7), uts_namespaces(7), time_namespaces(7)")
def other_namespaces(canary: Canary) -> None:
    """Make namespaces of the other kinds."""
    unshare(IPC | UTS | TIME)


@probe("proc.priv.setns", "setns(2): nsenter into what a process of the caller's has")
def join_namespaces(canary: Canary) -> None:
    """Join the namespaces of a process of the caller's by /proc."""
    kind = "net" if is_root() else "user"
    syscall("setns", os.open(f"/proc/{canary.process}/ns/{kind}", os.O_RDONLY), 0)


@probe("proc.priv.setns", "setns(2) with a pidfd, Linux 5.8")
def join_namespaces_by_a_descriptor(canary: Canary) -> None:
    """Join the namespaces of a process of the caller's by a descriptor of it."""
    syscall("setns", syscall("pidfd_open", canary.process, 0), UTS)


def in_a_namespace() -> None:
    """Make a mount namespace whose mounts stay in it: nothing of the host changes, wherever this is done."""
    unshare(MOUNT)
    syscall("mount", b"none", b"/", None, 0x44000, None)


@probe("proc.priv.mount", "mount(2)")
def mount(canary: Canary) -> None:
    """Mount a file system."""
    in_a_namespace()
    syscall("mount", b"none", os.fsencode(f"{canary.folder}/directory"), b"tmpfs", 0, None)


@probe("proc.priv.mount", "mount(2) without a namespace of its own: what an over-privileged container has")
def mount_here(canary: Canary) -> None:
    """Mount a file system where one is, on a path of one's own, and take it away."""
    import tempfile

    place = os.fsencode(tempfile.mkdtemp())
    or_as_root_of_a_namespace(lambda: syscall("mount", b"none", place, b"tmpfs", 0, None), MOUNT)
    syscall("umount2", place, 2)


@probe("proc.priv.mount", "mount(2), MS_BIND and MS_REMOUNT: a read-only mount made writable")
def make_a_mount_writable(canary: Canary) -> None:
    """Make a read-only mount of one's own writable again."""
    in_a_namespace()
    place = os.fsencode(f"{canary.folder}/directory")
    syscall("mount", place, place, None, 0x1000, None)
    syscall("mount", b"none", place, None, 0x1000 | 0x20 | 1, None)
    syscall("mount", b"none", place, None, 0x1000 | 0x20, None)


@probe("proc.priv.mount", "umount2(2): what lies below a mount that hides")
def unmount(canary: Canary) -> None:
    """Take a mount away that hides something."""
    in_a_namespace()
    syscall("umount2", b"/proc", 2)


@probe("proc.priv.mount", "CVE-2022-0185 (legacy_parse_param)")
def new_mount_interface(canary: Canary) -> None:
    """Open a file system by fsopen(2)."""
    in_a_namespace()
    syscall("fsopen", b"tmpfs", 0)


@probe("proc.priv.mount", "open_tree(2): a copy of a mount, without its covers")
def copy_of_a_mount(canary: Canary) -> None:
    """Take a copy of the tree of mounts."""
    in_a_namespace()
    syscall("open_tree", -100, b"/", 0x8001)


@probe("proc.priv.mount", "CVE-2023-0386, CVE-2021-3493 (overlayfs)")
def overlay(canary: Canary) -> None:
    """Mount an overlay, by which set-id files were made."""
    in_a_namespace()
    place = f"{canary.folder}/directory"
    syscall("mount", b"none", os.fsencode(place), b"tmpfs", 0, None)
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"{place}/{name}")
    options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    syscall("mount", b"none", os.fsencode(f"{place}/merged"), b"overlay", 0, options.encode())


@probe("proc.priv.mount", "pivot_root(2)")
def another_root(canary: Canary) -> None:
    """Exchange the root directory."""
    in_a_namespace()
    place = os.fsencode(f"{canary.folder}/directory")
    syscall("mount", place, place, None, 0x1000, None)
    syscall("pivot_root", place, place)


@probe("proc.priv.mount", "chroot(2), notes: the classic way out of one")
def out_of_a_root(canary: Canary) -> object:
    """Leave a chroot by a second one, and read a file of the host."""
    import tempfile

    place = tempfile.mkdtemp()
    or_as_root_of_a_namespace(lambda: os.chroot(place))
    for _ in range(40):
        os.chdir("..")
    os.chroot(".")
    return read(canary.secret)


@probe("proc.priv.mount", "cgroups(7); CVE-2022-0492 (the release agent of version 1)")
def hierarchy_of_cgroups(canary: Canary) -> None:
    """Mount the cgroups of the host, where whoever may write lifts his own limits."""
    in_a_namespace()
    syscall("mount", b"none", os.fsencode(f"{canary.folder}/directory"), b"cgroup2", 0, None)


@probe("proc.priv.root", "cgroups(7): out of one's limits")
def own_cgroup(canary: Canary) -> None:
    """Make a cgroup of one's own below that of the host."""
    place = "/sys/fs/cgroup/casemate-canary"
    os.mkdir(place)
    os.rmdir(place)


@probe("proc.priv.root", "core(5); CVE-2025-31133 (runc): a program that the host starts for a crash")
def program_for_crashes(canary: Canary) -> None:
    """Open the setting that names the program for crashes, for writing."""
    os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)


@probe("proc.priv.root", "proc_sys_kernel(5): modprobe, the last step of many exploits")
def program_for_modules(canary: Canary) -> None:
    """Open the setting that names the program for modules, for writing."""
    os.open("/proc/sys/kernel/modprobe", os.O_WRONLY)


@probe("proc.priv.root", "linux drivers/base/Kconfig, UEVENT_HELPER: a program that the kernel starts")
def program_for_devices(canary: Canary) -> None:
    """Open the setting that names the program for devices, for writing."""
    os.open("/sys/kernel/uevent_helper", os.O_WRONLY)


@probe("proc.priv.root", "Documentation/admin-guide/binfmt-misc.rst: an interpreter that the host starts")
def program_for_formats(canary: Canary) -> None:
    """Reach the registration of binary formats for writing."""
    os.open("/proc/sys/fs/binfmt_misc/register", os.O_WRONLY)


@probe("proc.priv.root", "proc_sysrq-trigger(5); CVE-2025-52881 (runc)")
def magic_key(canary: Canary) -> None:
    """Open the magic key of the kernel for writing."""
    os.open("/proc/sysrq-trigger", os.O_WRONLY)


@probe("proc.priv.host", "sethostname(2)")
def name_of_the_host(canary: Canary) -> None:
    """Set the name of the host, to what it is."""
    import socket

    name = socket.gethostname()
    or_as_root_of_a_namespace(lambda: socket.sethostname(name), UTS)


@probe("proc.priv.host", "adjtimex(2), clock_settime(2): no audit event of PEP 578")
def clock(canary: Canary) -> None:
    """Reach the clock of the host: its rate is set to what it is."""
    import ctypes
    import struct

    state = ctypes.create_string_buffer(256)
    syscall("adjtimex", state)
    struct.pack_into("I", state, 0, 0x4000)
    syscall("adjtimex", state)


@probe("proc.priv.setid", "chmod(2); MITRE ATT&CK T1548.001: a set-id file of one's own")
def own_set_id_file(canary: Canary) -> None:
    """Give a file of one's own a set-id bit."""
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0o4755)
        must(os.stat(file.name).st_mode & 0o4000)


@probe("proc.priv.setid", "open(2): the mode of a new file passes chmod by")
def new_set_id_file(canary: Canary) -> None:
    """Make a file that has a set-id bit from its beginning."""
    import tempfile

    path = f"{tempfile.mkdtemp()}/x"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o4755))
    must(os.stat(path).st_mode & 0o4000)


@probe("proc.priv.host", "reboot(2)")
def reboot(canary: Canary) -> None:
    """Reach the call that ends the host, with magic numbers that mean nothing."""
    reach("reboot", 1, 2, 3, 0)


@probe("proc.priv.host", "swapon(2), acct(2): files that the kernel writes")
def swap(canary: Canary) -> None:
    """Reach the call for swap, with a file that is not there."""
    reach("swapon", b"/nonexistent/canary", 0)


@probe("proc.priv.host", "sched(7), sched_setscheduler(2): time that others lack")
def real_time(canary: Canary) -> None:
    """Take a real-time priority, before which every other program waits."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@probe("proc.priv.setid", "PR_SET_NO_NEW_PRIVS(2const); CVE-2021-4034 needs a set-id program")
def no_new_privileges(canary: Canary) -> None:
    """Be a process to which a set-id program may give privileges."""
    must("NoNewPrivs:\t0" in read("/proc/self/status"), "no new privileges are allowed")

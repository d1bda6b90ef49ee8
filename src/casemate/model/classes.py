"""The classes of acts below a capability: what an attack is of, finer than a permission.

A class is a name CAPABILITY.CLASS and what it means in plain words. A policy speaks of capabilities; a backend says for
every class which of its layers withhold it, the self-test tries one act of each before a program starts, and
`casemate verify` sorts its attacks by them. Names are never reused. Budgets (`res.*`) have no classes.
"""

from _collections_abc import Mapping

from casemate.model.capability import Capability

CLASSES: Mapping[str, str] = {
    "fs.read.content": "the content of files",
    "fs.read.links": "files through symbolic and magic links of its own making",
    "fs.read.handles": "files by handle, past every path (open_by_handle_at)",
    "fs.list.names": "the names in directories",
    "fs.list.stat": "size, owner and times of files",
    "fs.write.content": "create files, or change what is in them",
    "fs.write.truncate": "cut files off",
    "fs.write.hardlink": "a second name, elsewhere, for a file",
    "fs.delete.names": "delete and rename",
    "fs.meta.attributes": "mode, owner, times and extended attributes of files",
    "fs.meta.leases": "leases and notices, for which others wait",
    "fs.exec.file": "execute a file",
    "fs.exec.memfd": "execute what is only in memory (memfd_create)",
    "fs.dev.make": "make device nodes",
    "fs.dev.open": "open devices of the host",
    "fs.dev.control": "speak to drivers (ioctl)",
    "fs.dev.terminal": "type into a terminal of somebody else (TIOCSTI)",
    "fs.persist.names": "write where something later executes",
    "net.connect.tcp": "TCP connections",
    "net.listen.tcp": "answer TCP connections",
    "net.udp.send": "datagrams",
    "net.dns.query": "ask a name server",
    "net.unix.path": "local sockets by path",
    "net.unix.abstract": "local sockets by abstract name",
    "net.raw.netlink": "AF_NETLINK: talk to the kernel's network and more",
    "net.raw.packet": "AF_PACKET and raw IP",
    "net.raw.vsock": "AF_VSOCK: the hypervisor and other virtual machines",
    "net.raw.alg": "AF_ALG: the kernel's cryptography",
    "net.raw.families": "other families of sockets, and programs on sockets",
    "net.fdpass.inherited": "descriptors that the caller left open",
    "net.fdpass.sent": "descriptors sent over a local socket (SCM_RIGHTS)",
    "net.fdpass.taken": "descriptors taken from another process (pidfd_getfd)",
    "proc.spawn.other": "execute another program",
    "proc.spawn.itself": "execute its own program once more",
    "proc.shell.sh": "a shell",
    "proc.fork.left": "processes that outlive the run",
    "proc.signal.kill": "signals to other processes",
    "proc.trace.ptrace": "trace other processes",
    "proc.trace.memory": "read and write their memory (process_vm_readv, process_vm_writev)",
    "proc.trace.proc": "what /proc says of them",
    "proc.priv.root": "what root's own id is good for",
    "proc.priv.ids": "other user and group ids",
    "proc.priv.setid": "set-user-ID programs",
    "proc.priv.capabilities": "Linux capabilities",
    "proc.priv.namespaces": "new user namespaces, and others in them",
    "proc.priv.setns": "namespaces of other processes",
    "proc.priv.mount": "mounts, chroot, pivot_root",
    "proc.priv.host": "name, clock, modules and power of the host",
    "ipc.shm.sysv": "System V shared memory and semaphores",
    "ipc.shm.posix": "POSIX shared memory",
    "ipc.mq.sysv": "System V message queues",
    "ipc.mq.posix": "POSIX message queues",
    "env.read.own": "the variables of the caller",
    "env.read.others": "the variables of other processes",
    "native.ext.other": "machine code from files that are not granted",
    "native.ext.readable": "machine code from files that are granted for reading only",
    "native.ext.written": "machine code from files that it wrote itself, also by a double mapping",
    "native.wx.memory": "memory that is writable and executable, at once or in turn",
    "native.wx.twice": "memory that is mapped twice, once to write and once to execute (memfd_create, System V)",
    "native.wx.forced": "code that is overwritten past its protection (tracing a child)",
    "kernel.io_uring": "io_uring",
    "kernel.bpf": "programs and maps of the kernel's machine (bpf)",
    "kernel.keyctl": "the caller's keys",
    "kernel.userfaultfd": "page faults handled in user space, in the kernel's own accesses too",
    "kernel.perf": "performance counters and traces",
    "kernel.entry": "system calls by another entry (x32, i386)",
    "kernel.calls": "all other calls that no program needs",
    "kernel.cores": "a crash that a program of the host reads",
}


def capability_of(name: str) -> Capability:
    """Give the capability that a class belongs to."""
    return Capability(name.rpartition(".")[0])


def classes_of(capability: Capability) -> tuple[str, ...]:
    """Name the classes of a capability; none for one that has no finer parts."""
    return BY_CAPABILITY.get(capability, ())


BY_CAPABILITY: dict[str, tuple[str, ...]] = {}
for _name in CLASSES:
    _whole = _name.rpartition(".")[0]
    BY_CAPABILITY[_whole] = (*BY_CAPABILITY.get(_whole, ()), _name)

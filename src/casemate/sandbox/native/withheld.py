"""Which layers withhold each class of acts, each of them alone, when nothing is granted and when something is.

A layer stands in a row only if it would still withhold the class were all others of the row away: then the row is as
strong as it looks. What `tests/sandbox` shows by taking the layers away one by one.
"""

from _collections_abc import Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.sandbox.native.names import (
    AT_EXEC,
    BPF,
    BROKER,
    CAPABILITIES,
    COMMIT,
    CORES,
    DESCRIPTORS,
    ENVIRONMENT,
    IDENTITY,
    IOCTL,
    IPC,
    KEYRING,
    LANDLOCK,
    LANDLOCK_NET,
    MDWE,
    MOUNT,
    NET,
    NO_NEW,
    PID,
    SCOPES,
    SECCOMP,
    STREAMS,
    TRUNCATE,
    UFFD,
    URING,
    USER,
)

WITHHELD: Mapping[str, tuple[str, ...]] = {
    "fs.read.content": (MOUNT, LANDLOCK),
    "fs.read.links": (MOUNT, LANDLOCK),
    "fs.read.handles": (SECCOMP, CAPABILITIES, USER),
    "fs.list.names": (MOUNT, LANDLOCK),
    "fs.list.stat": (MOUNT,),
    "fs.write.content": (MOUNT, LANDLOCK),
    "fs.write.truncate": (MOUNT, TRUNCATE),
    "fs.write.hardlink": (MOUNT, LANDLOCK),
    "fs.delete.names": (MOUNT, LANDLOCK),
    "fs.meta.attributes": (MOUNT,),
    "fs.meta.leases": (SECCOMP,),
    "fs.exec.file": (MOUNT, LANDLOCK, SECCOMP),
    "fs.exec.memfd": (SECCOMP,),
    "fs.dev.make": (MOUNT, LANDLOCK, SECCOMP, USER),
    "fs.dev.open": (MOUNT, LANDLOCK),
    "fs.dev.control": (SECCOMP, IOCTL),
    "fs.dev.terminal": (STREAMS, SECCOMP),
    "fs.persist.names": (MOUNT, LANDLOCK),
    "net.connect.tcp": (NET, SECCOMP, LANDLOCK_NET),
    "net.listen.tcp": (NET, SECCOMP, LANDLOCK_NET),
    "net.udp.send": (NET, SECCOMP),
    "net.dns.query": (NET, SECCOMP),
    "net.unix.path": (SECCOMP, MOUNT),
    "net.unix.abstract": (SECCOMP, NET, SCOPES),
    "net.raw.netlink": (SECCOMP,),  # the rest of the network's own is empty, other families are the host's
    "net.raw.packet": (SECCOMP, CAPABILITIES, USER),
    "net.raw.vsock": (SECCOMP,),  # in no namespace before Linux 7.0
    "net.raw.alg": (SECCOMP,),
    "net.raw.families": (SECCOMP,),
    "net.fdpass.inherited": (DESCRIPTORS, AT_EXEC),
    "net.fdpass.sent": (SECCOMP, MOUNT),
    "net.fdpass.taken": (PID, SECCOMP, LANDLOCK),
    "proc.spawn.other": (LANDLOCK, SECCOMP),
    "proc.spawn.itself": (SECCOMP,),  # Landlock must let it be executed once
    "proc.shell.sh": (MOUNT, LANDLOCK, SECCOMP),
    "proc.fork.left": (PID,),
    "proc.signal.kill": (PID, SCOPES),
    "proc.trace.ptrace": (PID, SECCOMP, LANDLOCK),
    "proc.trace.memory": (PID, SECCOMP, LANDLOCK),
    "proc.trace.proc": (PID,),
    "proc.priv.root": (IDENTITY,),
    "proc.priv.ids": (CAPABILITIES, USER),
    "proc.priv.setid": (MOUNT, NO_NEW),
    "proc.priv.capabilities": (CAPABILITIES, USER),
    "proc.priv.namespaces": (USER, SECCOMP),
    "proc.priv.setns": (SECCOMP, CAPABILITIES, USER),
    "proc.priv.mount": (SECCOMP, CAPABILITIES, USER),
    "proc.priv.host": (SECCOMP, CAPABILITIES, USER),
    "ipc.shm.sysv": (IPC, SECCOMP),
    "ipc.shm.posix": (MOUNT, LANDLOCK),
    "ipc.mq.sysv": (IPC, SECCOMP),
    "ipc.mq.posix": (IPC, SECCOMP),
    "env.read.own": (ENVIRONMENT,),
    "env.read.others": (PID, LANDLOCK),
    "native.ext.other": (MOUNT, LANDLOCK),
    "native.ext.readable": (MOUNT,),  # Landlock asks at execve, not at mmap
    "native.ext.written": (MOUNT,),
    "native.wx.memory": (SECCOMP, MDWE),
    "native.wx.twice": (SECCOMP,),
    "native.wx.forced": (SECCOMP,),
    "kernel.io_uring": (SECCOMP, URING),
    "kernel.bpf": (SECCOMP, BPF),
    "kernel.keyctl": (SECCOMP, KEYRING),
    "kernel.userfaultfd": (SECCOMP, UFFD),
    "kernel.perf": (SECCOMP,),  # mainline Linux lets everybody count what is his own, whatever the sysctl says
    "kernel.entry": (SECCOMP,),
    "kernel.calls": (SECCOMP,),
    "kernel.cores": (CORES,),
}
NETWORK = (C.NET_CONNECT, C.NET_LISTEN)
LOADER = "the loader can map any readable file of an executable tree"
WHEN_GRANTED: Mapping[str, tuple[tuple[C, ...], tuple[str, ...], str]] = {  # a grant of these leaves these layers
    "fs.exec.file": ((C.PROC_SPAWN,), (MOUNT, LANDLOCK), LOADER),
    "proc.spawn.other": ((C.PROC_SPAWN,), (LANDLOCK,), LOADER),
    "proc.shell.sh": ((C.PROC_SPAWN,), (MOUNT, LANDLOCK), "if no shell lies in an executable tree"),
    "fs.persist.names": ((C.FS_WRITE,), (COMMIT,), "in trees that are granted for writing"),
    "net.connect.tcp": (NETWORK, (NET, BROKER), "names and ports as granted; the broker checks the address it dials"),
    "net.listen.tcp": (NETWORK, (NET, BROKER), "any port inside; only granted ones can be reached from outside"),
    "net.udp.send": (NETWORK, (NET,), ""),
    "net.dns.query": (NETWORK, (NET, BROKER), "only granted names are answered"),
    "net.unix.path": (
        (C.NET_UNIX,),
        (MOUNT,),
        "sockets of its own, and those granted; others in a granted tree are covered at the start",
    ),
    "net.unix.abstract": ((C.NET_UNIX,), (NET, SCOPES), ""),
    "net.fdpass.sent": ((C.NET_UNIX,), (MOUNT,), ""),
}
GIVEN: Mapping[str, C] = {  # a grant gives all of the class
    "native.wx.memory": C.NATIVE_WX,
    "native.wx.twice": C.NATIVE_WX,
    "fs.exec.memfd": C.NATIVE_WX,
    "proc.spawn.itself": C.PROC_SPAWN,
}

"""What gVisor withholds: its own kernel, the host's mounts that it maps from, and the filter that it puts on inside.

A layer stands in a row only if it would withhold the class were all the others away. `tests/sandbox` and
`casemate verify --backend oci:runsc` hold it to that.
"""

from _collections_abc import Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.sandbox.coverage import GUEST_KERNEL, Table
from casemate.sandbox.native import gaps
from casemate.sandbox.native.names import (
    BPF,
    CGROUPS,
    COMMIT,
    DESCRIPTORS,
    ENVIRONMENT,
    IOCTL,
    KEYRING,
    LANDLOCK,
    LANDLOCK_NET,
    LIMITS,
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
)
from casemate.sandbox.native.withheld import GIVEN, NETWORK
from casemate.sandbox.native.withheld import WHEN_GRANTED as IN_NATIVE

KERNEL = GUEST_KERNEL  # gVisor's: what it does not have, or keeps to itself
FILTER = "seccomp inside"  # on the program, by that kernel
NOT_INSIDE = frozenset({  # what the host has, and a program in gVisor does not meet
    *(LANDLOCK, LANDLOCK_NET, SCOPES, TRUNCATE, IOCTL, SECCOMP, MDWE, KEYRING, URING, BPF, UFFD),
})  # fmt: skip

CLASSES: Mapping[str, tuple[str, ...]] = {
    "fs.read.content": (MOUNT,),
    "fs.read.links": (MOUNT,),
    "fs.read.handles": (KERNEL, FILTER),
    "fs.list.names": (MOUNT,),
    "fs.list.stat": (MOUNT,),
    "fs.write.content": (MOUNT,),
    "fs.write.truncate": (MOUNT,),
    "fs.write.hardlink": (MOUNT,),
    "fs.delete.names": (MOUNT,),
    "fs.meta.attributes": (MOUNT,),
    "fs.meta.leases": (FILTER, KERNEL),
    "fs.exec.file": (FILTER,),
    "fs.exec.memfd": (FILTER,),
    "fs.dev.make": (KERNEL, MOUNT),
    "fs.dev.open": (MOUNT, KERNEL),
    "fs.dev.control": (FILTER, KERNEL),
    "fs.dev.terminal": (STREAMS, FILTER),
    "fs.persist.names": (MOUNT,),
    "net.connect.tcp": (KERNEL, NET, FILTER),
    "net.listen.tcp": (KERNEL, NET, FILTER),
    "net.udp.send": (KERNEL, NET, FILTER),
    "net.dns.query": (KERNEL, NET, FILTER),
    "net.unix.path": (KERNEL, FILTER, MOUNT),
    "net.unix.abstract": (KERNEL, FILTER, NET),
    "net.raw.netlink": (KERNEL, FILTER),
    "net.raw.packet": (KERNEL, FILTER),
    "net.raw.vsock": (KERNEL, FILTER),
    "net.raw.alg": (KERNEL, FILTER),
    "net.raw.families": (KERNEL, FILTER),
    "net.fdpass.inherited": (DESCRIPTORS, KERNEL),
    "net.fdpass.sent": (KERNEL, FILTER),
    "net.fdpass.taken": (KERNEL, FILTER, PID),
    "proc.spawn.other": (FILTER,),
    "proc.spawn.itself": (FILTER,),
    "proc.shell.sh": (MOUNT, FILTER),
    "proc.fork.left": (PID, KERNEL),
    "proc.signal.kill": (KERNEL, PID),
    "proc.trace.ptrace": (KERNEL, FILTER, PID),
    "proc.trace.memory": (KERNEL, FILTER, PID),
    "proc.trace.proc": (KERNEL, PID),
    "proc.priv.root": (KERNEL,),
    "proc.priv.ids": (FILTER,),
    "proc.priv.setid": (MOUNT, NO_NEW),
    "proc.priv.capabilities": (KERNEL,),
    "proc.priv.namespaces": (FILTER, KERNEL),
    "proc.priv.setns": (FILTER, KERNEL),
    "proc.priv.mount": (FILTER, KERNEL),
    "proc.priv.host": (FILTER, KERNEL),
    "ipc.shm.sysv": (KERNEL, FILTER),
    "ipc.shm.posix": (MOUNT, KERNEL),
    "ipc.mq.sysv": (KERNEL, FILTER),
    "ipc.mq.posix": (KERNEL, FILTER),
    "env.read.own": (ENVIRONMENT,),
    "env.read.others": (KERNEL, PID),
    "native.ext.other": (MOUNT,),
    "native.ext.readable": (MOUNT,),
    "native.ext.written": (MOUNT,),
    "native.wx.memory": (FILTER,),
    "native.wx.twice": (FILTER,),
    "native.wx.forced": (FILTER,),
    "kernel.io_uring": (KERNEL, FILTER),
    "kernel.bpf": (KERNEL, FILTER),
    "kernel.keyctl": (KERNEL, FILTER),
    "kernel.userfaultfd": (KERNEL, FILTER),
    "kernel.perf": (KERNEL, FILTER),
    "kernel.entry": (KERNEL,),
    "kernel.calls": (KERNEL, FILTER),
    "kernel.cores": (KERNEL,),
}
BUDGETS: Mapping[C, tuple[str, ...]] = {
    **gaps.WITHHELD,  # but what cgroups count there are processes of gVisor itself
    **dict.fromkeys((C.PROC_FORK, C.PROC_THREAD, C.RES_PROCS), (LIMITS,)),
    C.ENV_WRITE: (ENVIRONMENT, KERNEL),
}
WHOLE: Mapping[C, str] = {
    C.RES_CPU: "the cgroup counts the run and gVisor itself, rlimits each process",
    C.RES_MEMORY: "the cgroup counts the run and gVisor itself, rlimits the address space of each process",
}
IN_TREES = "any file of a tree that may be mapped executable can be started"
WHEN_GRANTED: Mapping[str, tuple[tuple[C, ...], tuple[str, ...], str]] = {
    **{name: row for name, row in IN_NATIVE.items() if row[0] == NETWORK},  # the sockets are those of the host's kernel
    "fs.persist.names": ((C.FS_WRITE,), (COMMIT,), "in trees that are granted for writing"),
    "fs.exec.file": ((C.PROC_SPAWN,), (MOUNT,), IN_TREES),
    "proc.spawn.other": ((C.PROC_SPAWN,), (MOUNT,), IN_TREES),
    "proc.shell.sh": ((C.PROC_SPAWN,), (MOUNT,), "if no shell lies in an executable tree"),
    "net.unix.path": ((C.NET_UNIX,), (KERNEL,), "sockets of its own: none of the host's can be reached"),
    "net.unix.abstract": ((C.NET_UNIX,), (KERNEL, NET), ""),
    "net.fdpass.sent": ((C.NET_UNIX,), (KERNEL,), ""),
}
AJAR: Mapping[str, str] = {"fs.dev.open": "none of the host; /dev/fuse of gVisor's own kernel can be opened"}
TABLE = Table(CLASSES, BUDGETS, WHEN_GRANTED, GIVEN, gaps.PARTLY, WHOLE, CGROUPS, AJAR)

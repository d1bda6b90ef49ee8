"""The closed set of capabilities: what code can do, in the words that every part of casemate uses.

A capability here is a permission for one class of operation, never a Linux capability. A dotted name is a family and a
member; a family stands for all its members. Names are never reused.
"""

from casemate.model.words import StrEnum


class Capability(StrEnum):
    """One class of operation. The comment says what it covers."""

    FS_READ = "fs.read"  # the content of files
    FS_LIST = "fs.list"  # names and stat
    FS_WRITE = "fs.write"  # create or change
    FS_DELETE = "fs.delete"  # unlink, rename away
    FS_META = "fs.meta"  # mode, owner, times, extended attributes
    FS_EXEC = "fs.exec"  # execute a file
    FS_DEV = "fs.dev"  # device nodes, ioctl
    FS_PERSIST = "fs.persist"  # write where something later executes
    NET_CONNECT = "net.connect"
    NET_LISTEN = "net.listen"
    NET_UDP = "net.udp"
    NET_DNS = "net.dns"
    NET_UNIX = "net.unix"  # AF_UNIX by path or abstract name
    NET_RAW = "net.raw"  # packet, raw, netlink, vsock, AF_ALG
    NET_FDPASS = "net.fdpass"  # SCM_RIGHTS, pidfd_getfd, inherited sockets
    PROC_SPAWN = "proc.spawn"  # execute another program
    PROC_SHELL = "proc.shell"  # through a shell
    PROC_FORK = "proc.fork"
    PROC_THREAD = "proc.thread"
    PROC_SIGNAL = "proc.signal"
    PROC_TRACE = "proc.trace"  # ptrace, /proc/PID/mem, process_vm_*
    PROC_PRIV = "proc.priv"  # ids, Linux capabilities, namespaces, mounts
    IPC_SHM = "ipc.shm"
    IPC_MQ = "ipc.mq"
    ENV_READ = "env.read"
    ENV_WRITE = "env.write"
    SYS_INFO = "sys.info"
    SYS_TIME = "sys.time"
    SYS_MODIFY = "sys.modify"
    SYS_LOG = "sys.log"
    NATIVE_EXT = "native.ext"  # C extension modules
    NATIVE_FFI = "native.ffi"  # ctypes, cffi
    NATIVE_WX = "native.wx"  # memory that is writable and executable
    CODE_EVAL = "code.eval"
    CODE_IMPORT = "code.import"  # a module whose name is not constant
    CODE_DESERIALIZE = "code.deserialize"
    CODE_INSTALL = "code.install"
    RT_INTROSPECT = "rt.introspect"
    RT_PATCH = "rt.patch"
    RT_TRACE = "rt.trace"
    RT_AUDIT = "rt.audit"
    UI_INPUT = "ui.input"
    UI_DISPLAY = "ui.display"
    UI_CLIP = "ui.clip"
    SECRET_READ = "secret.read"  # noqa: S105 -- the name of a capability
    RES_CPU = "res.cpu"
    RES_WALL = "res.wall"
    RES_MEMORY = "res.memory"
    RES_FDS = "res.fds"
    RES_PROCS = "res.procs"
    RES_DISK = "res.disk"
    RES_OUTPUT = "res.output"
    KERNEL = "kernel"  # io_uring, bpf, keyctl, userfaultfd, perf: what no program of ours needs
    UNRESOLVED = "unresolved"  # the analysis could not tell: counts as everything

    @property
    def family(self) -> str:
        """The part before the dot."""
        return self.value.partition(".")[0]

    @property
    def enforceable(self) -> bool:
        """Tell whether something outside the interpreter can withhold it; the others are only described."""
        return self.family in ENFORCEABLE or self in (Capability.NATIVE_EXT, Capability.NATIVE_WX)


ENFORCEABLE = frozenset({"fs", "net", "proc", "ipc", "env", "res", "kernel"})


def parse(name: str) -> frozenset[Capability]:
    """Give the capabilities that a name means: itself, or all members of a family.

    Raises ValueError for a name outside the closed set.
    """
    members = frozenset(c for c in Capability if name in (c.value, c.family))
    if not members:
        message = f"unknown capability {name!r}"
        raise ValueError(message)
    return members

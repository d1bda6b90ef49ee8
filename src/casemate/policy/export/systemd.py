"""A service unit: systemd.exec(5), systemd.resource-control(5). Written for systemd 249 and newer.

The root of the service is empty memory, into which the granted paths of this host are bound.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.errors import PolicyError, UsageError
from casemate.policy.export import spell
from casemate.policy.export.claims import Claims, losses
from casemate.policy.export.deployment import CORES, Deployment, is_text, plain, private, sentence

LIMITS = (  # directive, limit, what stands for none
    ("LimitCPU", "cpu_seconds", "infinity"),
    ("RuntimeMaxSec", "wall_seconds", "infinity"),
    ("MemoryMax", "memory_bytes", "infinity"),
    ("TasksMax", "processes", "infinity"),
    ("LimitNOFILE", "fds", "infinity"),
    ("LimitFSIZE", "disk_bytes", "infinity"),
)
ALWAYS = """
Type=exec
PrivateUsers=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
UMask=0077
KeyringMode=private
StandardInput=null
PrivateDevices=yes
PrivateIPC=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
DevicePolicy=closed
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemorySwapMax=0
KillMode=control-group
MountAPIVFS=yes
""".split()  # noqa: SIM905 -- a list that is read and compared by people
LOCKED = "SecureBits=noroot noroot-locked"
# A TemporaryFileSystem=/ is entered only below a RootDirectory: a folder of every host, which it covers while the root
# is built, so that nothing can be bound from there. There is nothing else at "/": of two mounts at one place systemd
# takes one (ProtectSystem= and NoExecPaths=/ would win, and that folder be the root). DynamicUser= means
# ProtectSystem=strict, so the user has to be made.
COVERED = "/etc/systemd/system"
LONGEST = 31  # letters of the name of a user
QUIET = "nosuid,nodev,noexec"
CLAIMS = Claims(
    held={
        C.FS_READ: "TemporaryFileSystem, BindReadOnlyPaths: only what is granted is there",
        C.FS_LIST: "TemporaryFileSystem, BindReadOnlyPaths",
        C.FS_WRITE: "BindReadOnlyPaths",
        C.FS_DELETE: "BindReadOnlyPaths",
        C.FS_EXEC: "NoExecPaths",
        C.NET_CONNECT: "PrivateNetwork, RestrictAddressFamilies",
        C.NET_LISTEN: "PrivateNetwork, RestrictAddressFamilies, SocketBindDeny",
        C.NET_UDP: "PrivateNetwork, RestrictAddressFamilies",
        C.NET_DNS: "PrivateNetwork, RestrictAddressFamilies",
        C.NET_UNIX: "RestrictAddressFamilies, TemporaryFileSystem",
        C.NET_RAW: "RestrictAddressFamilies",
        C.NET_FDPASS: "systemd opens the streams itself; SystemCallFilter",
        C.PROC_SHELL: "TemporaryFileSystem: no shell is there unless it is granted",
        C.PROC_FORK: "counted: TasksMax",
        C.PROC_THREAD: "counted: TasksMax",
        C.PROC_SIGNAL: "User: no other process has it",
        C.PROC_TRACE: "SystemCallFilter, User, ProtectProc",
        C.PROC_PRIV: "CapabilityBoundingSet, NoNewPrivileges, RestrictNamespaces, SystemCallFilter",
        C.IPC_SHM: "PrivateIPC, SystemCallFilter",
        C.IPC_MQ: "PrivateIPC, SystemCallFilter",
        C.ENV_READ: "only what is named, and what systemd sets",
        C.ENV_WRITE: "its own variables alone",
        C.NATIVE_EXT: "NoExecPaths",
        C.NATIVE_WX: "MemoryDenyWriteExecute, SystemCallFilter",
        C.RES_WALL: "RuntimeMaxSec",
        C.RES_DISK: "LimitFSIZE: the largest file",
        C.RES_MEMORY: "MemoryMax",
        C.RES_FDS: "LimitNOFILE of each process",
        C.RES_PROCS: "TasksMax",
        C.KERNEL: "SystemCallFilter",
    },
    wider={
        C.FS_DEV: "requests to what is open (ioctl) pass: arguments of system calls are not looked at",
        C.FS_META: "leases and notices (fcntl) pass: arguments of system calls are not looked at",
        C.FS_PERSIST: "names under which something is executed later can be written in the writable folders",
        C.PROC_SPAWN: "everything that is bound executable can be started again: the interpreter and its loader too",
        C.RES_CPU: "each process has the budget, not the run",
        C.RES_OUTPUT: "output goes to the journal and is not counted",
    },
    absent={
        C.NET_CONNECT: "systemd knows addresses and no names",
        C.NET_LISTEN: "let a .socket unit hand the socket over, which needs no network here",
    },
    says=lambda endpoint: address(endpoint) != "",
    opens="every port and protocol of that address, everything on a kernel without BPF for cgroups, and with net.unix "
    "the abstract sockets of the host",
)


def address(endpoint: str) -> str:
    """Give the address of a HOST:PORT that is no name, else ""."""
    try:
        return str(ip_address(endpoint.rpartition(":")[0].strip("[]")))
    except ValueError:
        return ""


def render(deployment: Deployment) -> str:
    """Write the unit, and before it what it lacks."""
    said = "".join(f"#   {comment(str(loss))}\n" for loss in losses(deployment, CLAIMS))
    return (
        f"# casemate policy {comment(deployment.name)} for systemd. Make its user, and let it own what it writes:\n"
        f"#   systemd-sysusers --inline 'u {user(deployment)} -'\n"
        f"# What this cannot withhold or does not give:\n{said}\n"
        f"[Unit]\nDescription={deployment.name}, by a policy of casemate\n\n[Service]\n"
        + "".join(f"{line}\n" for line in _service(deployment))
    )


def comment(text: str) -> str:
    """Make a comment of a text; a backslash at its end would swallow the next line."""
    return sentence(text).replace("\\", "\N{REPLACEMENT CHARACTER}")


def _service(deployment: Deployment) -> Iterator[str]:
    yield from _program(deployment)
    yield from (*ALWAYS, LOCKED)
    yield from _limits(deployment)
    yield from _files(deployment)
    yield from _network(deployment)
    if not deployment.policy.grants_any(C.NATIVE_WX):
        yield "MemoryDenyWriteExecute=yes"
    yield "SystemCallArchitectures=native"
    yield "SystemCallErrorNumber=ENOSYS"
    yield from (f"SystemCallFilter={line}" for line in spell.words(deployment.calls))


def _program(deployment: Deployment) -> Iterator[str]:
    command = deployment.command
    if command is None:
        raise UsageError("a unit starts a program of this host: name it with --run")
    words = [spell.unit(plain(word)) for word in command.argv]
    head = spell.unit(f":@{plain(command.executable)}")  # `:`: no variable is expanded; `@`: the next word is argv[0]
    yield f"ExecStart={' '.join((head, *words))}"
    yield f"WorkingDirectory={_directory(command.directory)}"
    for name, value in deployment.settings:
        yield f"Environment={setting(name, value)}"
    if deployment.passed:
        yield f"PassEnvironment={' '.join(deployment.passed)}"


def _directory(path: str) -> str:
    """Write a path that is the whole line: systemd knows no quotes there."""
    if path != path.strip() or "\\" in path:
        raise PolicyError(f"{path!r} cannot be the working directory of a unit: a space at its ends, or a backslash")
    return spell.specifiers(plain(path))


def setting(name: str, value: str) -> str:
    """Write a variable; line ends and other controls of its value as C does."""
    if not is_text(value):
        raise PolicyError(
            f"the value of {name} cannot be written for systemd: it holds what Unicode calls no character"
        )
    word = spell.unit(f"{name}={value}")
    return "".join(f"\\x{ord(letter):02x}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter for letter in word)


def _limits(deployment: Deployment) -> Iterator[str]:
    for directive, name, unlimited in LIMITS:
        yield f"{directive}={getattr(deployment.policy.limits, name) or unlimited}"
    yield f"LimitCORE={CORES}"


def user(deployment: Deployment) -> str:
    """Name the user of the unit, who owns nothing else."""
    return f"casemate-{deployment.name.removeprefix('casemate-')}"[:LONGEST].rstrip("-")


def _files(deployment: Deployment) -> Iterator[str]:
    """Build the root. Paths after a `+` are those inside."""
    tmp = deployment.policy.tmp_bytes
    yield from (f"User={user(deployment)}", f"Group={user(deployment)}", f"RootDirectory={COVERED}")
    yield f"TemporaryFileSystem=/:{QUIET},ro,mode=0755"
    for path in private(deployment.mounts):
        yield f"TemporaryFileSystem={path}:{QUIET},mode=1777,size={tmp}"
    for mount in deployment.mounts:
        directive = "BindPaths" if mount.write else "BindReadOnlyPaths"
        yield f"{directive}={spell.unit(mount.source)}:{spell.unit(mount.path)}"
    for mount in deployment.mounts:
        yield f"{'ExecPaths' if mount.execute else 'NoExecPaths'}={spell.unit(f'+{mount.path}')}"
    for path in ("/sys", *(one.path for one in deployment.hidden)):
        yield f"InaccessiblePaths={spell.unit(f'-+{path}')}"


def _network(deployment: Deployment) -> Iterator[str]:
    policy = deployment.policy
    addresses = dict.fromkeys(found for grant in policy.of(C.NET_CONNECT) if (found := address(grant.resource)))
    families = ["AF_UNIX"] if policy.grants_any(C.NET_UNIX) else []
    if policy.grants_any(C.NET_CONNECT) or policy.grants_any(C.NET_LISTEN):
        families += ["AF_INET", "AF_INET6"]
    yield f"RestrictAddressFamilies={' '.join(families) or 'none'}"
    yield "IPAddressDeny=any"
    yield f"PrivateNetwork={'no' if addresses else 'yes'}"
    if addresses:
        yield "SocketBindDeny=any"
    yield from (f"IPAddressAllow={found}" for found in addresses)

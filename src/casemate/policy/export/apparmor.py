"""An AppArmor profile: apparmor.d(5), ABI 3.0. It is for a program that something else has already put in its place.

AppArmor decides by path, at open and at execve, and leaves the rest of the system as it is.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.errors import UsageError
from casemate.model.persist import PERSIST
from casemate.policy.export import spell
from casemate.policy.export.claims import Claims, Effect, Loss, losses
from casemate.policy.export.deployment import Deployment, Mount, plain, sentence
from casemate.readers.host.real import real

LIMITS = (("cpu", "cpu_seconds"), ("as", "memory_bytes"), ("nofile", "fds"), ("fsize", "disk_bytes"))
DEVICES = ("null", "zero", "full", "random", "urandom")
ANY = "every process is let do it that the user may"
PLACES = Loss("fs.tmp", Effect.NARROWER, "there is no private /tmp, home or /proc: grant a folder for writing")
CLAIMS = Claims(
    held={
        C.FS_READ: "file rules",
        C.FS_WRITE: "file rules",
        C.FS_DELETE: "file rules",
        C.FS_EXEC: "file rules: x and m",
        C.FS_DEV: "file rules",
        C.NET_CONNECT: "no network rule",
        C.NET_LISTEN: "no network rule",
        C.NET_UDP: "no network rule",
        C.NET_DNS: "no network rule",
        C.NET_RAW: "no network rule",
        C.NET_FDPASS: "descriptors are looked at again when they are inherited or received",
        C.PROC_SPAWN: "file rules: x for what is granted alone",
        C.PROC_SHELL: "file rules",
        C.PROC_SIGNAL: "no signal rule but for itself",
        C.PROC_TRACE: "no ptrace rule",
        C.ENV_WRITE: "its own variables alone",
        C.NATIVE_EXT: "file rules: m for what is granted alone",
        C.RES_FDS: "rlimit of each process",
    },
    wider={
        C.FS_LIST: "size, owner and times of every file (stat) stay visible",
        C.FS_PERSIST: "denied by name: letters in another case pass, and files in a folder that is renamed afterwards",
        C.FS_META: "leases and notices of readable files are not withheld",
        C.NET_UNIX: "abstract sockets are open on kernels whose AppArmor knows no unix rules",
        C.PROC_FORK: "processes are not counted, and may outlive the program",
        C.PROC_THREAD: "threads are not counted",
        C.PROC_PRIV: "user namespaces are open (their rule needs AppArmor 4); the user stays the caller",
        C.IPC_SHM: f"System V shared memory: {ANY}",
        C.IPC_MQ: f"message queues: {ANY}",
        C.ENV_READ: "the variables of the caller are inherited",
        C.NATIVE_WX: "memory may be writable and executable",
        C.RES_CPU: "each process has the budget, not the run",
        C.RES_WALL: "there is no limit on the clock",
        C.RES_MEMORY: "each process has the budget (address space), not the run",
        C.RES_PROCS: "processes are not counted",
        C.RES_DISK: "the rlimit is for the largest file",
        C.RES_OUTPUT: "output is not counted",
        C.KERNEL: "system calls are not filtered",
    },
    absent={
        C.NET_CONNECT: "AppArmor opens the network as a whole or not at all",
        C.NET_LISTEN: "AppArmor opens the network as a whole or not at all",
    },
    also=(PLACES,),
    names=True,
)


def render(deployment: Deployment) -> str:
    """Write the profile, and before it what it lacks."""
    if deployment.command is None:
        raise UsageError("a profile is of a program of this host: name it with --run")
    said = "".join(f"#   {sentence(str(loss))}\n" for loss in losses(deployment, CLAIMS))
    name = profile_name(deployment)
    rules = "".join(f"  {rule},\n" for rule in dict.fromkeys(_rules(deployment, name)))
    return (
        f"# casemate policy {sentence(deployment.name)} for AppArmor. Load it with apparmor_parser -r; start\n"
        f"# the program with aa-exec -p {name} -- COMMAND, or by AppArmorProfile={name} in its unit.\n"
        f"# What this cannot withhold or does not give:\n{said}abi <abi/3.0>,\n\nprofile {name} {{\n{rules}}}\n"
    )


def profile_name(deployment: Deployment) -> str:
    """Name the profile: all of casemate's begin alike."""
    return deployment.name if deployment.name.startswith("casemate") else f"casemate-{deployment.name}"


def _rules(deployment: Deployment, name: str) -> Iterator[str]:
    policy = deployment.policy
    for device in DEVICES:
        yield f'"/dev/{device}" rw'
    spawned = {real(grant.resource) for grant in policy.of(C.PROC_SPAWN)}
    for mount in deployment.mounts:
        yield from _shown(mount, "rwkl" if mount.write else "mrix" if mount.source in spawned else _readable(mount))
    yield f"signal (send, receive) peer={name}"
    yield "unix (create, send, receive, getattr, getopt, setopt, shutdown) addr=none"  # pairs, as asyncio makes them
    if policy.grants_any(C.NET_UNIX):
        yield "unix"
    yield from _limits(deployment)
    yield from _denied(deployment)


def _readable(mount: Mount) -> str:
    return "rw" if mount.socket else "mr" if mount.execute else "r"


def _shown(mount: Mount, how: str) -> Iterator[str]:
    """Allow a file, or a folder and all in it, by where it really is: AppArmor sees no links."""
    if mount.directory:
        yield f"{spell.profile(mount.source, '/')} r"
        yield f"{spell.profile(mount.source, '/**')} {how}"
    else:
        yield f"{spell.profile(mount.source)} {how}"
    if mount.write:  # rules are united: a tree above may be executable
        yield f"deny {spell.profile(mount.source, *(['/**'] if mount.directory else []))} mx"


def _limits(deployment: Deployment) -> Iterator[str]:
    for name, attribute in LIMITS:
        if value := getattr(deployment.policy.limits, attribute):
            yield f"set rlimit {name} <= {value}"


def _denied(deployment: Deployment) -> Iterator[str]:
    """Deny by name, whether it exists or not; a deny rule beats every other."""
    for path in deployment.policy.deny:
        if path.startswith("/"):
            for name in dict.fromkeys((path, real(path))):
                yield f"deny {spell.profile(plain(name))} mrwklx"
                yield f"deny {spell.profile(plain(name), '/**')} mrwklx"
    if "@persist" in deployment.policy.deny and deployment.policy.grants_any(C.FS_WRITE):
        yield from (f'deny "{_pattern(name)}" wl' for name in PERSIST)


def _pattern(name: str) -> str:
    """Write a pattern of fnmatch, in which `*` matches `/` too."""
    rest = name.removeprefix("*/")
    lead = "" if rest == name else "/{,**/}"
    pattern = lead + rest.replace("*", "**")
    return pattern if pattern.startswith("/") else f"/{pattern}"

"""config.json of a bundle for crun, runc, youki and the like: the files of this host, none of them copied.

Make an empty folder `rootfs` beside it; the mounts fill it. Format: https://github.com/opencontainers/runtime-spec
"""

import json
from collections.abc import Iterator, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- tables of them
from casemate.model.errors import UsageError
from casemate.model.sandbox import Json
from casemate.policy.export.claims import IDENTITY, Claims, losses
from casemate.policy.export.deployment import CORES, MEMORY, UID, Deployment, Mount, plain, private, sentence
from casemate.policy.export.script import HELD

VERSION = "1.0.2"
NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
MASKED = (  # of /proc: what speaks of the host and not of the program
    *("acpi", "asound", "interrupts", "kcore", "keys", "kmsg", "latency_stats", "sched_debug", "scsi"),
    *("sysrq-trigger", "timer_list", "timer_stats"),
)
READ_ONLY = ("bus", "fs", "irq", "sys")
UNLIMITED = (1 << 64) - 1

CLAIMS = Claims(
    held={
        C.FS_READ: "mount namespace: only what is granted is there",
        C.FS_LIST: "mount namespace",
        C.FS_EXEC: "mounts: noexec but for what is granted",
        C.NATIVE_EXT: "mounts: noexec but for what is granted",
        C.PROC_SHELL: "mounts: no shell is there unless it is granted",
        **HELD,
        C.NET_FDPASS: "the runtime closes what is inherited, but for sockets that it is told of by LISTEN_FDS; seccomp",
        C.FS_WRITE: "read-only mounts",
        C.FS_DELETE: "read-only mounts",
        C.FS_META: "read-only mounts, seccomp",
        C.ENV_READ: "only what is named is there",
    },
    wider={
        C.FS_PERSIST: "names under which something is executed later can be written in the writable folders",
        C.PROC_SPAWN: "everything that is mounted executable can be started again: the interpreter and its loader too",
        C.RES_CPU: "each process has the budget, not the run",
        C.RES_WALL: "there is no limit on the clock",
        C.RES_OUTPUT: "output is not counted",
    },
    absent={
        C.NET_CONNECT: "there is no egress by name: the network namespace is empty",
        C.NET_LISTEN: "nothing is forwarded into the network namespace",
        C.ENV_READ: "the value is not written into a file: add NAME=VALUE to process.env",
    },
    also=(IDENTITY,),
)


def render(deployment: Deployment) -> str:
    """Write config.json. What the format cannot say stands in its annotations."""
    command = deployment.command
    if command is None:
        raise UsageError("an OCI bundle starts a program of this host: name it with --run")
    return (
        json.dumps(
            {
                "ociVersion": VERSION,
                "process": _process(deployment, (command.executable, *command.argv[1:]), command.directory),
                "root": {"path": "rootfs", "readonly": True},
                "hostname": "casemate",
                "mounts": list(_mounts(deployment)),
                "linux": _linux(deployment),
                "annotations": {
                    f"casemate.{number:02}": sentence(str(loss))
                    for number, loss in enumerate(losses(deployment, CLAIMS), 1)
                },
            },
            indent=2,
        )
        + "\n"
    )


def _process(deployment: Deployment, argv: tuple[str, ...], directory: str) -> Mapping[str, Json]:
    return {
        "terminal": False,
        "user": {"uid": UID, "gid": UID, "umask": 0o077},
        "args": list(argv),
        "env": [f"{name}={value}" for name, value in deployment.settings],
        "cwd": directory,
        "capabilities": {name: [] for name in SETS},
        "rlimits": [
            {"type": name, "soft": value or UNLIMITED, "hard": value or UNLIMITED}
            for name, value in _limits(deployment).items()
        ],
        "noNewPrivileges": True,
    }


def _limits(deployment: Deployment) -> Mapping[str, int]:
    limits = deployment.policy.limits
    return {
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_NOFILE": limits.fds or 1 << 20,  # the kernel has no unlimited number of files
        "RLIMIT_FSIZE": limits.disk_bytes,
        "RLIMIT_CORE": CORES,
    }


def _mounts(deployment: Deployment) -> Iterator[Mapping[str, Json]]:
    """Yield the mounts in their order. A bind takes no mount below it along: those could be writable."""
    quiet = ["nosuid", "noexec", "nodev"]
    yield {"destination": "/proc", "type": "proc", "source": "proc", "options": quiet}
    yield _memory("/dev", 1 << 16, "nosuid", "noexec", "mode=755")
    yield _memory("/dev/shm", MEMORY, *quiet, "mode=1777")  # noqa: S108 -- its own
    tmp = deployment.policy.tmp_bytes
    for path in private(deployment.mounts):
        yield _memory(path, tmp, *quiet, "mode=1777")
    for mount in deployment.mounts:
        yield {
            "destination": mount.path,
            "type": "bind",
            "source": mount.source,
            "options": ["bind", *options(mount)],
        }


def options(mount: Mount) -> tuple[str, ...]:
    """Give the options of a bind mount, as podman knows them too."""
    return ("rw" if mount.write else "ro", "nosuid", "nodev", *(() if mount.execute else ("noexec",)))


def _memory(path: str, size: int, *how: str) -> Mapping[str, Json]:
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": [*how, f"size={size}"]}


def _linux(deployment: Deployment) -> Mapping[str, Json]:
    limits = deployment.policy.limits
    memory = {"limit": limits.memory_bytes, "swap": limits.memory_bytes}
    return {
        "namespaces": [{"type": name} for name in NAMESPACES],
        "resources": {
            "devices": [{"allow": False, "access": "rwm"}],
            **({"memory": memory} if limits.memory_bytes else {}),
            **({"pids": {"limit": limits.processes}} if limits.processes else {}),
        },
        "seccomp": deployment.profile,
        "maskedPaths": [*(f"/proc/{name}" for name in MASKED), *(plain(one.path) for one in deployment.hidden)],
        "readonlyPaths": [f"/proc/{name}" for name in READ_ONLY],
    }

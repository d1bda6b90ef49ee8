"""What podman and docker share: one command line in a shell script, and the filter in a file beside it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from shlex import quote

from casemate.model.capability import Capability as C  # noqa: N817 -- tables of them
from casemate.model.errors import UsageError
from casemate.policy.export.claims import Claims, losses
from casemate.policy.export.deployment import CORES, MEMORY, UID, Deployment, private, sentence

IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
HELD = {
    C.FS_WRITE: "read-only root and mounts",
    C.FS_DELETE: "read-only root and mounts",
    C.FS_META: "read-only root and mounts, seccomp",
    C.FS_DEV: "device cgroup, seccomp, no Linux capabilities",
    C.NET_CONNECT: "network namespace, seccomp",
    C.NET_LISTEN: "network namespace, seccomp",
    C.NET_UDP: "network namespace, seccomp",
    C.NET_DNS: "network namespace, seccomp",
    C.NET_UNIX: "mount and network namespace, seccomp",
    C.NET_RAW: "seccomp",
    C.NET_FDPASS: "the runtime closes what is inherited; seccomp",
    C.PROC_FORK: "counted: cgroup pids",
    C.PROC_THREAD: "counted: cgroup pids",
    C.PROC_SIGNAL: "pid namespace",
    C.PROC_TRACE: "pid namespace, seccomp",
    C.PROC_PRIV: "no Linux capabilities, no new privileges, seccomp",
    C.IPC_SHM: "ipc namespace, seccomp",
    C.IPC_MQ: "ipc namespace, seccomp",
    C.ENV_READ: "only what is named, and what the image sets",
    C.ENV_WRITE: "its own variables alone",
    C.NATIVE_WX: "seccomp",
    C.RES_MEMORY: "cgroup memory",
    C.RES_FDS: "RLIMIT_NOFILE of each process",
    C.RES_PROCS: "cgroup pids",
    C.RES_DISK: "RLIMIT_FSIZE: the largest file",
    C.KERNEL: "seccomp",
}
WIDER = {
    C.FS_READ: "all files of the image, and /sys, can be read",
    C.FS_LIST: "all names of the image can be listed",
    C.FS_EXEC: "every program of the image can be executed",
    C.FS_PERSIST: "names under which something is executed later can be written in the writable folders",
    C.PROC_SPAWN: "every program of the image can be started",
    C.PROC_SHELL: "a shell of the image can be started",
    C.NATIVE_EXT: "every library of the image can be mapped",
    C.RES_CPU: "each process has the budget, not the run",
    C.RES_OUTPUT: "output is not counted",
}
ABSENT = {
    C.NET_CONNECT: "there is no egress by name: the container has no network",
    C.NET_LISTEN: "a published port needs a network, and that leads everywhere",
}


def script(tool: str, deployment: Deployment, claims: Claims, options: Iterable[str]) -> str:
    """Write the script: what it is, what it lacks, the command. The filter lies beside it, as SCRIPT.seccomp.json."""
    command = deployment.command
    if not IMAGE.fullmatch(deployment.image):
        raise UsageError(f"{deployment.image!r} is no name of an image")
    image = [quote(deployment.image), *map(quote, command.argv[1:] if command else ())]
    lines = [f"{tool} run", *map(_word, options), '--security-opt=seccomp="$0.seccomp.json"', " ".join(image) + ' "$@"']
    said = "".join(f"#   {sentence(str(loss))}\n" for loss in losses(deployment, claims))
    whole = " \\\n  ".join(lines)
    return (
        f"#!/bin/sh\n# casemate policy {sentence(deployment.name)} for {tool}. "
        "Arguments go to the program; the system call filter is the file beside this one.\n"
        f"# What this cannot withhold or does not give:\n{said}"
        f"unset LISTEN_FDS LISTEN_PID LISTEN_FDNAMES\nexec {whole}\n"
    )


def _word(option: str) -> str:
    """Write one option; its value is one word for the shell whatever it holds."""
    name, equals, value = option.partition("=")
    return f"{name}={quote(value)}" if equals else name


def common(deployment: Deployment) -> Iterator[str]:
    """Yield the options that both tools know."""
    policy, limits = deployment.policy, deployment.policy.limits
    yield from ("--rm", "--interactive", "--pull=never", "--read-only", "--cap-drop=ALL", "--network=none")
    yield "--no-healthcheck"
    yield from ("--ipc=private", "--cgroupns=private", "--security-opt=no-new-privileges", "--hostname=casemate")
    yield f"--user={UID}:{UID}"
    yield f"--shm-size={MEMORY}b"
    for path in private(deployment.mounts):
        yield f"--tmpfs={path}:rw,nosuid,nodev,noexec,size={policy.tmp_bytes},mode=1777"
    if limits.memory_bytes:
        yield from (f"--memory={limits.memory_bytes}b", f"--memory-swap={limits.memory_bytes}b")
    if limits.processes:
        yield f"--pids-limit={limits.processes}"
    yield from (f"--ulimit={name}={value}:{value}" for name, value in _limits(deployment) if value)
    yield from (f"--env={name}={value}" for name, value in deployment.settings)
    yield from (f"--env={name}" for name in deployment.passed)


def _limits(deployment: Deployment) -> Sequence[tuple[str, int]]:
    limits = deployment.policy.limits
    return ("cpu", limits.cpu_seconds), ("nofile", limits.fds), ("fsize", limits.disk_bytes), ("core", CORES)

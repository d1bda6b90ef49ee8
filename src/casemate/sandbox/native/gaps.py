"""How far each capability is withheld on this host under a policy, and what cannot be withheld though it is denied.

One row for each capability: the layers that withhold it. A layer that this host lacks does not count; a capability that
no layer withholds, or fewer than the policy asks for, is a gap.
"""

import os
from _collections_abc import Iterable, Iterator, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.persist import persists
from casemate.model.policy import Policy, WriteMode
from casemate.model.sandbox import Coverage, Enforcement, Gap
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.paths import below

USER, MOUNT, NET, PID = "user namespace", "mount namespace", "net namespace", "pid namespace"
IPC, UTS, CGROUP = "ipc namespace", "uts namespace", "cgroup namespace"
LANDLOCK, LANDLOCK_NET, SCOPES = "landlock", "landlock tcp", "landlock scopes"
SECCOMP, MDWE, IDENTITY, LIMITS = "seccomp", "mdwe", "identity", "rlimits"
CAPABILITIES, CORES = "capabilities", "no core dumps"
ENVIRONMENT, DESCRIPTORS, AT_EXEC = "environment", "descriptors", "close-on-exec"
LOOP, COMMIT, BROKER = "outer loop", "commit", "broker"
NAMES = frozenset({
    *(USER, MOUNT, NET, PID, IPC, UTS, CGROUP, LANDLOCK, LANDLOCK_NET, SCOPES, SECCOMP, MDWE, IDENTITY, LIMITS),
    *(CAPABILITIES, CORES, ENVIRONMENT, DESCRIPTORS, AT_EXEC, LOOP, COMMIT, BROKER),
})  # fmt: skip
STANDS_ON: Mapping[str, tuple[str, ...]] = {  # a layer, and those that are not there without it
    MOUNT: (COMMIT,),
    NET: (BROKER,),
    LANDLOCK: (LANDLOCK_NET, SCOPES),
}
ALWAYS = (MOUNT, PID, LOOP)  # nothing is started without these, whatever is accepted

WITHHELD: Mapping[C, tuple[str, ...]] = {
    C.FS_READ: (MOUNT, LANDLOCK),
    C.FS_LIST: (MOUNT, LANDLOCK),
    C.FS_WRITE: (MOUNT, LANDLOCK),
    C.FS_DELETE: (MOUNT, LANDLOCK),
    C.FS_META: (MOUNT,),
    C.FS_EXEC: (MOUNT, LANDLOCK, SECCOMP),
    C.FS_DEV: (MOUNT, LANDLOCK, SECCOMP),
    C.FS_PERSIST: (MOUNT, COMMIT),
    C.NET_CONNECT: (NET, SECCOMP, LANDLOCK_NET),
    C.NET_LISTEN: (NET, SECCOMP, LANDLOCK_NET),
    C.NET_UDP: (NET, SECCOMP),
    C.NET_DNS: (NET, SECCOMP),
    C.NET_UNIX: (SECCOMP, MOUNT),
    C.NET_RAW: (SECCOMP, NET),
    C.NET_FDPASS: (DESCRIPTORS, AT_EXEC, SECCOMP),
    C.PROC_SPAWN: (LANDLOCK, SECCOMP),
    C.PROC_SHELL: (MOUNT, LANDLOCK, SECCOMP),
    C.PROC_FORK: (LIMITS,),
    C.PROC_THREAD: (LIMITS,),
    C.PROC_SIGNAL: (PID, SCOPES),
    C.PROC_TRACE: (PID, SECCOMP),
    C.PROC_PRIV: (IDENTITY, SECCOMP),
    C.IPC_SHM: (IPC, SECCOMP, MOUNT),
    C.IPC_MQ: (IPC, SECCOMP),
    C.ENV_READ: (ENVIRONMENT, PID),
    C.ENV_WRITE: (ENVIRONMENT, PID),
    C.NATIVE_EXT: (MOUNT,),
    C.NATIVE_WX: (SECCOMP, MDWE),
    C.RES_CPU: (LIMITS,),
    C.RES_WALL: (LOOP,),
    C.RES_MEMORY: (LIMITS,),
    C.RES_FDS: (LIMITS,),
    C.RES_PROCS: (LIMITS,),
    C.RES_DISK: (MOUNT, LIMITS),
    C.RES_OUTPUT: (LOOP,),
    C.KERNEL: (SECCOMP,),
}
PARTLY: Mapping[C, str] = {
    C.PROC_FORK: "not withheld, only counted: limits.processes",
    C.PROC_THREAD: "not withheld, only counted: limits.processes",
    C.ENV_WRITE: "a program may always change its own variables",
    C.RES_CPU: "each process has the budget, not the run",
    C.RES_MEMORY: "each process has the budget (address space), not the run",
    C.RES_FDS: "each process has the budget, not the run",
}
WHEN_GRANTED: Mapping[C, tuple[tuple[str, ...], str]] = {
    C.FS_EXEC: ((MOUNT, LANDLOCK), "the loader can map any readable file of an executable tree"),
    C.PROC_SPAWN: ((LANDLOCK,), "the loader can map any readable file of an executable tree"),
    C.PROC_SHELL: ((MOUNT, LANDLOCK), "if no shell lies in an executable tree"),
    C.NET_CONNECT: ((NET, BROKER), "names and ports as granted; the broker checks the address that it dials"),
    C.NET_LISTEN: ((NET, BROKER), "any port inside; only granted ones can be reached from outside"),
    C.NET_UDP: ((NET,), ""),
    C.NET_DNS: ((NET, BROKER), "only granted names are answered"),
    C.NET_UNIX: ((MOUNT,), "any socket in a granted tree"),
    C.NET_FDPASS: ((DESCRIPTORS, AT_EXEC, MOUNT), ""),
}
HOLDS_ALONE: Mapping[C, tuple[str, str]] = {  # the part of a capability that only one of its layers withholds
    C.FS_LIST: (MOUNT, "stat of what is there"),
    C.PROC_FORK: (PID, "processes that outlive the run"),
    C.PROC_PRIV: (IDENTITY, "what root's own id is good for"),
    C.ENV_READ: (ENVIRONMENT, "the variables of the caller"),
}
LIMIT_OF: Mapping[C, str] = {
    C.RES_CPU: "cpu_seconds",
    C.RES_WALL: "wall_seconds",
    C.RES_MEMORY: "memory_bytes",
    C.RES_FDS: "fds",
    C.RES_PROCS: "processes",
    C.RES_DISK: "disk_bytes",
    C.RES_OUTPUT: "output_bytes",
    C.PROC_FORK: "processes",
    C.PROC_THREAD: "processes",
}
OPENED_BY: Mapping[C, tuple[C, ...]] = {  # a grant of these takes layers away from the capability
    C.FS_EXEC: (C.PROC_SPAWN,),
    C.PROC_SPAWN: (C.PROC_SPAWN,),
    C.PROC_SHELL: (C.PROC_SPAWN,),
    C.NET_CONNECT: (C.NET_CONNECT, C.NET_LISTEN),
    C.NET_LISTEN: (C.NET_CONNECT, C.NET_LISTEN),
    C.NET_UDP: (C.NET_CONNECT, C.NET_LISTEN),
    C.NET_DNS: (C.NET_CONNECT, C.NET_LISTEN),
    C.NET_UNIX: (C.NET_UNIX,),
    C.NET_FDPASS: (C.NET_UNIX,),
}


def coverage(policy: Policy, missing: Mapping[str, str]) -> tuple[Coverage, ...]:
    """Say for every capability which layers withhold it. `missing` names the layers that this host lacks, and why."""
    return tuple(_cover(capability, policy, missing) for capability in C)


def gaps(policy: Policy, missing: Mapping[str, str], rows: Iterable[Coverage] = ()) -> Iterator[Gap]:
    """Yield what is denied and not withheld by as many layers as the policy asks for.

    `rows` are the coverage, where it is known.
    """
    for covered in rows or coverage(policy, missing):
        if not covered.capability.enforceable:
            continue
        if open_part := _open_part(covered.capability, missing):
            yield Gap(covered.capability, open_part)
            continue
        if _given(covered.capability, policy):
            continue
        if direct := _direct(covered.capability, policy):
            yield Gap(covered.capability, direct)
        elif len(covered.layers) < policy.layers:
            yield Gap(covered.capability, _why(covered, policy, missing))
        elif covered.capability is C.KERNEL and CORES in missing:
            yield Gap(covered.capability, missing[CORES])


def needed(plan: NativePlan) -> tuple[str, ...]:
    """Name the layers that a plan cannot do without: they carry what it grants, or everything."""
    commits = any(write.mode is WriteMode.COMMIT for write in plan.outside.writes)
    dials = plan.outside.connect or plan.outside.forwards
    return (*ALWAYS, *((COMMIT,) if commits else ()), *((BROKER,) if dials else ()))


def _open_part(capability: C, missing: Mapping[str, str]) -> str:
    """Say which part of a capability no layer withholds."""
    layer, part = HOLDS_ALONE.get(capability, ("", ""))
    return f"no layer withholds {part}; {layer}: {missing[layer]}" if layer in missing else ""


def _cover(capability: C, policy: Policy, missing: Mapping[str, str]) -> Coverage:
    if capability not in WITHHELD:
        return Coverage(capability, Enforcement.DESCRIBED, ())
    if given := _given(capability, policy):
        return Coverage(capability, Enforcement.NOT, (), given)
    if direct := _direct(capability, policy):
        return Coverage(capability, Enforcement.NOT, (), direct)
    wanted, note = _layers(capability, policy)
    held = tuple(layer for layer in wanted if layer not in missing)
    if held and capability is C.KERNEL and CORES in missing:
        return Coverage(capability, Enforcement.PARTLY, held, missing[CORES])
    return Coverage(capability, _how(capability, held), held, note or PARTLY.get(capability, ""))


def _layers(capability: C, policy: Policy) -> tuple[tuple[str, ...], str]:
    if any(policy.grants_any(other) for other in OPENED_BY.get(capability, ())):
        return WHEN_GRANTED[capability]
    return WITHHELD[capability], ""


def _how(capability: C, held: tuple[str, ...]) -> Enforcement:
    if not held:
        return Enforcement.NOT
    if capability in PARTLY:
        return Enforcement.PARTLY
    return Enforcement.ENFORCED if len(held) > 1 else Enforcement.SINGLE


def _given(capability: C, policy: Policy) -> str:
    """Say that the policy itself gives all of a capability."""
    if capability in LIMIT_OF and getattr(policy.limits, LIMIT_OF[capability]) == 0:
        return "the policy sets no limit"
    if capability is C.NATIVE_WX and policy.grants_any(C.NATIVE_WX):
        return "granted"
    return ""


def _direct(capability: C, policy: Policy) -> str:
    """Say what a write grant in mode direct takes away: it reaches the host at once, past every check."""
    direct = [grant.resource for grant in policy.of(C.FS_WRITE) if grant.mode is WriteMode.DIRECT]
    if not direct or capability not in (C.FS_PERSIST, C.RES_DISK):
        return ""
    if capability is C.RES_DISK:
        what = ["with no quota"]
    else:
        denied = [path for path in policy.deny if any(_is_in(path, tree) for tree in direct)]
        persist = "@persist" in policy.deny or any(map(persists, direct))
        what = ["also names that something later executes"] if persist else []
        what += [f"also what is denied and not there yet ({', '.join(denied)})"] if denied else []
    return f"mode direct writes to {', '.join(direct)} at once, {' and '.join(what)}" if what else ""


def _is_in(path: str, tree: str) -> bool:
    """Tell whether a path lies in a tree, by its name or by where that leads."""
    return below(path, tree) or below(os.path.realpath(path), os.path.realpath(tree))


def _why(covered: Coverage, policy: Policy, missing: Mapping[str, str]) -> str:
    wanted, _ = _layers(covered.capability, policy)
    reasons = [f"{layer}: {missing[layer]}" for layer in wanted if layer in missing]
    held = ", ".join(covered.layers) or "no layer"
    asked = f"withheld by {held}; {policy.layers} asked for" if covered.layers else "no layer withholds it"
    return "; ".join((asked, *reasons))

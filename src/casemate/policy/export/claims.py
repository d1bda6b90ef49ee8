"""What a target withholds, what it does not, and what it does not give: the table of each target, and its losses.

A table names every capability that something outside an interpreter can withhold, in `held` or in `wider`; a test
compares it with the closed set. `absent` are grants that a target has no words for.
"""

from collections.abc import Callable, Iterator, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- tables of them
from casemate.model.dataclass import dataclass
from casemate.model.policy import PRIVATE, Assurance, Policy, WriteMode
from casemate.model.tree import below
from casemate.model.words import StrEnum
from casemate.policy.export.deployment import Deployment

LIMIT_OF: Mapping[C, str] = {
    C.RES_CPU: "cpu_seconds",
    C.RES_WALL: "wall_seconds",
    C.RES_MEMORY: "memory_bytes",
    C.RES_FDS: "fds",
    C.RES_PROCS: "processes",
    C.RES_OUTPUT: "output_bytes",
    C.RES_DISK: "disk_bytes",
    C.PROC_FORK: "processes",
    C.PROC_THREAD: "processes",
}
SELF_TEST = "nothing is tried before the program starts: a layer that this host lacks is not noticed"
RECORD = "what was denied and what was written is not recorded, and no failure is explained"
COMMIT = "what is written reaches the host at once: nothing is checked, compared or thrown away at the end"
PERSIST = "names under which something is executed later can be written in the writable folders"
LED = "the next start follows a link that the program has put in the place of what it is granted in a writable folder"
QUOTA = "the folders that may be written have no size"


class Effect(StrEnum):
    """What a loss means for the program."""

    WIDER = "not withheld"
    NARROWER = "not given"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing of a policy that a target cannot say: the item of the policy, what that means, why."""

    item: str
    effect: Effect
    reason: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.effect}: {self.item}: {self.reason}"


IDENTITY = Loss("identity", Effect.WIDER, "without a user namespace, user 1000 inside is user 1000 of the host")


@dataclass(frozen=True, slots=True)
class Claims:
    """How far a target withholds each capability that a policy denies, each with its reason."""

    held: Mapping[C, str]
    wider: Mapping[C, str]
    absent: Mapping[C, str]
    says: Callable[[str], bool] = lambda _: False  # whether a HOST:PORT of net.connect can be said
    opens: str = ""  # what else such a grant opens then
    also: tuple[Loss, ...] = ()  # whatever the policy is
    names: bool = False  # it denies by name, also what is not there yet


def losses(deployment: Deployment, claims: Claims) -> tuple[Loss, ...]:
    """List what a target cannot withhold, and what it does not give, of this policy."""
    policy = deployment.policy
    found = [
        *_wider(policy, claims),
        *_writing(policy),
        *_moving(deployment, claims),
        *_sockets(policy, claims),
        *_absent(policy, claims),
        *claims.also,
        *_always(policy),
    ]
    return tuple(dict.fromkeys(found))


def _wider(policy: Policy, claims: Claims) -> Iterator[Loss]:
    for capability in C:
        if capability in claims.wider and concerns(capability, policy):
            yield Loss(str(capability), Effect.WIDER, claims.wider[capability])


def concerns(capability: C, policy: Policy) -> bool:
    """Tell whether a policy denies, or limits, anything of a capability."""
    if capability in LIMIT_OF:
        return bool(getattr(policy.limits, LIMIT_OF[capability]))
    if capability is C.FS_PERSIST:
        return "@persist" in policy.deny and policy.grants_any(C.FS_WRITE)
    return capability is not C.NATIVE_WX or not policy.grants_any(C.NATIVE_WX)


def _writing(policy: Policy) -> Iterator[Loss]:
    """Yield what no target but casemate does with what is written."""
    writes = list(policy.of(C.FS_WRITE))
    if committed := [grant.resource for grant in writes if grant.mode is not WriteMode.DIRECT]:
        yield Loss("fs.write", Effect.WIDER, f"{COMMIT} ({', '.join(committed)})")
    if writes:
        yield Loss("res.disk", Effect.WIDER, QUOTA)


def _moving(deployment: Deployment, claims: Claims) -> Iterator[Loss]:
    """Yield what is said of a path in a folder in which the program itself decides what has that path."""
    policy, mounts = deployment.policy, deployment.mounts
    written = [grant.resource for grant in policy.of(C.FS_WRITE)]
    denied = [path for path in policy.deny if any(below(path, folder) for folder in written)]
    if claims.names:
        moved = [path for path in denied if path not in written and path.rpartition("/")[0] not in written]
        yield from _denied(moved, "with a folder around it that is renamed, what is denied is no longer")
        return
    yield from _denied(
        denied, "what is not there yet can be made, and moved with a folder around it for the next start"
    )
    folders = [mount.source for mount in mounts if mount.write and mount.directory]
    inside = [one.path for one in mounts if any(one.source != tree and below(one.source, tree) for tree in folders)]
    if inside:
        yield Loss("fs.read", Effect.WIDER, f"{LED} ({', '.join(inside)})")


def _denied(paths: list[str], reason: str) -> Iterator[Loss]:
    if paths:
        yield Loss("fs.deny", Effect.WIDER, f"{reason}: {', '.join(paths)}")


def _sockets(policy: Policy, claims: Claims) -> Iterator[Loss]:
    """Say that a filter of system calls opens all local sockets or none; casemate covers those that are not granted."""
    if policy.grants_any(C.NET_UNIX) and not claims.names:
        yield Loss("net.unix", Effect.WIDER, "every socket in a folder that is shown can be used, granted or not")


def _absent(policy: Policy, claims: Claims) -> Iterator[Loss]:
    """Yield the grants that are left out, and what a grant that is given opens besides."""
    for capability, reason in claims.absent.items():
        for grant in policy.of(capability):
            item = f"{capability} {grant.resource}"
            if capability is C.NET_CONNECT and claims.says(grant.resource):
                yield from [Loss(item, Effect.WIDER, claims.opens)] if claims.opens else []
            elif grant.resource != PRIVATE:
                yield Loss(item, Effect.NARROWER, reason)
    for secret in policy.secrets:
        reason = "a placeholder is exchanged by casemate alone; give the secret in the way of this tool"
        yield Loss(f"env.secret {secret.name}", Effect.NARROWER, reason)


def _always(policy: Policy) -> Iterator[Loss]:
    if policy.layers > 1:
        yield Loss("policy.layers", Effect.WIDER, f"that {policy.layers} layers withhold each class is not looked at")
    if policy.backends:
        reason = f"the target takes the place of {', '.join(policy.backends)}, whatever their boundary is"
        yield Loss("policy.backend", Effect.WIDER, reason)
    if policy.assurance is not Assurance.ANY:
        reason = f"nothing asks whether the target is one against hostile code: {policy.assurance}"
        yield Loss("policy.assurance", Effect.WIDER, reason)
    yield Loss("self-test", Effect.WIDER, SELF_TEST)
    yield Loss("record", Effect.WIDER, RECORD)

"""A Pod of one container and the NetworkPolicy of that Pod: the Kubernetes API, v1 and networking.k8s.io/v1.

The filter is a file of the node, below `seccomp` of the kubelet's root directory.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.errors import PolicyError
from casemate.model.sandbox import Json
from casemate.policy.export import spell
from casemate.policy.export.claims import IDENTITY, Claims, losses
from casemate.policy.export.deployment import UID, Deployment, Mount, private, sentence
from casemate.policy.export.script import HELD, WIDER

PLUGIN = (
    "where the network plugin enforces NetworkPolicy and no other one selects the Pod (they add up), and by seccomp "
    "where nothing is granted"
)
LIMITED = (C.PROC_FORK, C.PROC_THREAD, C.RES_FDS, C.RES_PROCS, C.RES_DISK)  # by docker and podman, not by a Pod
WITHOUT = (*LIMITED, C.FS_WRITE, C.KERNEL, C.ENV_READ)
CLAIMS = Claims(
    held={
        **{capability: how for capability, how in HELD.items() if capability not in WITHOUT},
        C.NET_CONNECT: f"NetworkPolicy: {PLUGIN}",
        C.NET_LISTEN: f"NetworkPolicy: {PLUGIN}",
        C.NET_UDP: f"NetworkPolicy: {PLUGIN}",
        C.NET_DNS: f"NetworkPolicy: {PLUGIN}",
        C.RES_WALL: "activeDeadlineSeconds",
    },
    wider={
        **WIDER,
        C.FS_EXEC: "every program of the image and of the mounted folders can be executed: volumes have no noexec",
        C.NATIVE_EXT: "every library of the image and of the mounted folders can be mapped, those it wrote as well",
        C.FS_WRITE: "/dev/termination-log and volumes that the image declares can be written; so can mounts below a "
        "mounted folder on nodes without recursiveReadOnly (Kubernetes 1.33)",
        C.PROC_FORK: "processes are limited by the node alone (podPidsLimit)",
        C.PROC_THREAD: "threads are limited by the node alone (podPidsLimit)",
        C.ENV_READ: "the addresses of the cluster's API (KUBERNETES_*) are always there",
        C.RES_CPU: "a Pod has a share of processors and no amount of time",
        C.RES_FDS: "open files are limited by the node alone",
        C.RES_PROCS: "processes are limited by the node alone (podPidsLimit)",
        C.RES_DISK: "the largest file has no limit",
        C.KERNEL: "a crash goes where the node sends it (core_pattern); the rest is withheld by seccomp",
    },
    absent={
        C.NET_CONNECT: "NetworkPolicy knows addresses and no names",
        C.NET_LISTEN: "a Service and a NetworkPolicy of yours say who may come in",
        C.ENV_READ: "the value is not written into a file: add it, or a secretKeyRef, to env",
    },
    says=lambda endpoint: elsewhere(endpoint) is not None,
    also=(IDENTITY,),
)
KINDS = {True: "Directory", False: "File"}


def render(deployment: Deployment) -> str:
    """Write both objects, and before them what they lack."""
    said = "".join(f"#   {sentence(str(loss))}\n" for loss in losses(deployment, CLAIMS))
    return (
        f"# casemate policy {sentence(deployment.name)} for Kubernetes. The system call filter is the file beside\n"
        f"# this one; every node needs it as {profile_name(deployment)} below the folder `seccomp` of its kubelet.\n"
        f"# What this cannot withhold or does not give:\n{said}---\n{spell.yaml(_pod(deployment))}"
        f"---\n{spell.yaml(_network(deployment))}"
    )


def profile_name(deployment: Deployment) -> str:
    """Name the file of the filter on a node."""
    return f"casemate/{deployment.name}.json"


def elsewhere(endpoint: str) -> tuple[str, int] | None:
    """Give the block and the port of an address that is no loopback, which would be the Pod's own; None for a name."""
    host, _, port = endpoint.rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    return None if address.is_loopback else (f"{address}/{address.max_prefixlen}", int(port))


def _meta(deployment: Deployment) -> Mapping[str, Json]:
    return {"name": deployment.name, "labels": _labels(deployment)}


def _labels(deployment: Deployment) -> Mapping[str, Json]:
    return {"app.kubernetes.io/name": deployment.name}


def _pod(deployment: Deployment) -> Mapping[str, Json]:
    wall = deployment.policy.limits.wall_seconds
    places = list(_places(deployment))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _meta(deployment),
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "hostNetwork": False,
            "hostPID": False,
            "hostIPC": False,
            "shareProcessNamespace": False,
            "hostname": "casemate",
            **({"activeDeadlineSeconds": wall} if wall else {}),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UID,
                "runAsGroup": UID,
                "seccompProfile": {"type": "Localhost", "localhostProfile": profile_name(deployment)},
            },
            "containers": [_container(deployment, [mount for _, mount in places])],
            "volumes": [volume for volume, _ in places],
        },
    }


def _container(deployment: Deployment, mounts: list[Json]) -> Mapping[str, Json]:
    command, memory = deployment.command, deployment.policy.limits.memory_bytes
    return {
        "name": deployment.name,
        "image": deployment.image,
        **({"command": list(map(_literal, command.argv))} if command else {}),
        "env": [{"name": name, "value": _literal(value)} for name, value in deployment.settings],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **({"resources": {"limits": {"memory": memory}}} if memory else {}),
        "volumeMounts": mounts,
    }


def _literal(text: str) -> str:
    """Write a text in which Kubernetes expands no variable: $(NAME) would be one."""
    return text.replace("$", "$$")


def _places(deployment: Deployment) -> Iterator[tuple[Json, Json]]:
    """Yield each volume and where it is mounted."""
    memory: Json = {"medium": "Memory", "sizeLimit": deployment.policy.tmp_bytes}
    for path in private(deployment.mounts):
        name = path.rpartition("/")[2]
        yield {"name": name, "emptyDir": memory}, {"name": name, "mountPath": path}
    for number, mount in enumerate(deployment.mounts, 1):
        yield _host(f"host-{number}", mount)
    for number, one in enumerate(deployment.hidden, 1):
        name = f"hidden-{number}"
        nothing: Mapping[str, Json] = {"hostPath": {"path": "/dev/null", "type": "CharDevice"}}
        if one.directory:
            nothing = {"emptyDir": {"medium": "Memory", "sizeLimit": 4096}}
        yield {"name": name, **nothing}, _mounted(name, one.path, read_only=True)


def _host(name: str, mount: Mount) -> tuple[Json, Json]:
    kind = "Socket" if mount.socket else KINDS[mount.directory]
    volume: Json = {"name": name, "hostPath": {"path": mount.source, "type": kind}}
    return volume, _mounted(name, mount.path, read_only=not mount.write)


def _mounted(name: str, path: str, *, read_only: bool) -> Mapping[str, Json]:
    """Give a mount. Kubernetes forbids a colon in its path."""
    if ":" in path:
        raise PolicyError(f"{path}: Kubernetes mounts nothing at a path with a colon")
    how: Mapping[str, Json] = {"readOnly": True, "recursiveReadOnly": "IfPossible"} if read_only else {}
    return {"name": name, "mountPath": path, **how}


def _network(deployment: Deployment) -> Mapping[str, Json]:
    """Let nothing in, and out only to the addresses that the policy names."""
    found = [elsewhere(grant.resource) for grant in deployment.policy.of(C.NET_CONNECT)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta(deployment),
        "spec": {
            "podSelector": {"matchLabels": _labels(deployment)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [
                {"to": [{"ipBlock": {"cidr": one[0]}}], "ports": [{"protocol": "TCP", "port": one[1]}]}
                for one in found
                if one
            ],
        },
    }

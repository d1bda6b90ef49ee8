"""A policy in the words of other tools, for people's own deployments; one target, one file.

Each target gives its text and the list of what it cannot withhold or does not give: nothing of a policy is dropped
silently. What runs under an exported policy is confined by that tool alone; no part of casemate is there.
"""

from collections.abc import Callable, Mapping

from casemate.model.dataclass import dataclass
from casemate.policy.export import apparmor, docker, kubernetes, oci, podman, systemd
from casemate.policy.export.claims import Claims
from casemate.policy.export.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Target:
    """A tool that a policy can be written for. `image`: it starts an image, else a program of this host."""

    render: Callable[[Deployment], str]
    claims: Claims
    image: bool
    profile: bool  # it reads the system call filter from a file of its own
    what: str


TARGETS: Mapping[str, Target] = {
    "oci": Target(oci.render, oci.CLAIMS, image=False, profile=False, what="config.json of an OCI bundle"),
    "podman": Target(podman.render, podman.CLAIMS, image=True, profile=True, what="a shell script of one command"),
    "docker": Target(docker.render, docker.CLAIMS, image=True, profile=True, what="a shell script of one command"),
    "kubernetes": Target(
        kubernetes.render, kubernetes.CLAIMS, image=True, profile=True, what="a Pod and its NetworkPolicy"
    ),
    "systemd": Target(systemd.render, systemd.CLAIMS, image=False, profile=False, what="a service unit"),
    "apparmor": Target(apparmor.render, apparmor.CLAIMS, image=False, profile=False, what="a profile"),
}

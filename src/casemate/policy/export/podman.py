"""`podman run` with an image: podman-run(1)."""

import json
from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.policy.export import oci, script, spell
from casemate.policy.export.claims import IDENTITY, Claims
from casemate.policy.export.deployment import Deployment

CLAIMS = Claims(
    held={**script.HELD, C.RES_WALL: "--timeout"},
    wider={**script.WIDER, C.NATIVE_EXT: "every library of the image can be mapped; mounts are noexec"},
    absent=script.ABSENT,
    also=(IDENTITY,),
)


APART = (  # podman's own kindness
    "--read-only-tmpfs=false",  # writable places without a size
    "--image-volume=ignore",  # writable places on the disk of the host
    "--http-proxy=false",  # variables of the caller
    "--systemd=false",  # writable places, by the name of the command
    "--sdnotify=ignore",  # a socket of the caller
)


def render(deployment: Deployment) -> str:
    """Write the script."""
    return script.script("podman", deployment, CLAIMS, _options(deployment))


def _options(deployment: Deployment) -> Iterator[str]:
    yield from script.common(deployment)
    yield from APART
    if deployment.policy.limits.wall_seconds:
        yield f"--timeout={deployment.policy.limits.wall_seconds}"
    for mount in deployment.mounts:
        places = (f"src={mount.source}", f"dst={mount.path}")
        yield f"--mount={spell.csv('type=bind', *places, *oci.options(mount), 'bind-nonrecursive')}"
    for one in deployment.hidden:
        yield f"--mount={_hide(one.path, directory=one.directory)}"
    if deployment.command:
        yield f"--entrypoint={json.dumps(deployment.command.argv[:1])}"  # a text that is JSON would be read as such


def _hide(path: str, *, directory: bool) -> str:
    """Cover a denied path with an empty folder or device that nobody inside can open or fill."""
    if directory:
        return spell.csv("type=tmpfs", f"dst={path}", "tmpfs-size=4k", "tmpfs-mode=0", "notmpcopyup", "ro")
    return spell.csv("type=bind", "src=/dev/null", f"dst={path}", "ro", "nodev")

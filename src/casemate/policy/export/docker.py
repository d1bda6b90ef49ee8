"""`docker run` with an image, by docker 25 or newer: its reference, "docker container run"."""

from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.policy.export import script, spell
from casemate.policy.export.claims import IDENTITY, Claims
from casemate.policy.export.deployment import Deployment

CLAIMS = Claims(
    held={capability: how for capability, how in script.HELD.items() if capability not in (C.FS_WRITE, C.ENV_READ)},
    wider={
        **script.WIDER,
        C.FS_WRITE: "volumes that the image declares are made, can be written and have no size",
        C.ENV_READ: "the proxies of the client's configuration are set, with their passwords",
        C.FS_EXEC: "every program of the image and of the mounted folders can be executed: docker has no noexec",
        C.NATIVE_EXT: "every library of the image and of the mounted folders can be mapped, those it wrote as well",
        C.RES_WALL: "there is no limit on the clock",
    },
    absent=script.ABSENT,
    also=(IDENTITY,),
)


def render(deployment: Deployment) -> str:
    """Write the script."""
    return script.script("docker", deployment, CLAIMS, _options(deployment))


def _hide(path: str, *, directory: bool) -> str:
    """Cover a denied path with what nobody inside can open or fill. A mode of 0 would count as none given."""
    if directory:
        return spell.csv("type=tmpfs", f"dst={path}", "tmpfs-size=4096", "tmpfs-mode=1000", "readonly")
    return spell.csv("type=bind", "src=/dev/null", f"dst={path}", "readonly")


def _options(deployment: Deployment) -> Iterator[str]:
    yield from script.common(deployment)
    for mount in deployment.mounts:
        places = (f"src={mount.source}", f"dst={mount.path}", "bind-recursive=disabled")
        yield f"--mount={spell.csv('type=bind', *places, *(() if mount.write else ('readonly',)))}"
    for one in deployment.hidden:
        yield f"--mount={_hide(one.path, directory=one.directory)}"
    if deployment.command:
        yield f"--entrypoint={deployment.command.argv[0]}"

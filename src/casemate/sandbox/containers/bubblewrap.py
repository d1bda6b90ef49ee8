"""The bubblewrap backend: /usr/bin/bwrap makes the namespaces and takes the privileges away."""

from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.containers.launch import Launcher, Place, launch
from casemate.sandbox.containers.scaffold import Scaffold, scaffold
from casemate.sandbox.native.steward import First
from casemate.sandbox.native.world import NAME, UID


class Bubblewrap(Beside):
    """Namespaces by bubblewrap, and every other layer of the native backend inside."""

    name = "bubblewrap"
    program = "bwrap"
    install = "apt-get install bubblewrap"

    def first(self, program: str) -> First:
        """Start the helper by bubblewrap. It may mount until the target starts: bubblewrap has no options for /proc."""
        made = scaffold()
        launcher = Launcher("bubblewrap", program, lambda place: _argv(place, made), made, mounts=True)
        return lambda world: launch(world, launcher)


def _argv(place: Place, made: Scaffold) -> tuple[str, ...]:
    """Say what bubblewrap is to do. The root is there already, with what it holds; nothing of the host is named."""
    return (
        *("bwrap", "--unshare-all", "--share-net", "--unshare-user", "--uid", str(UID), "--gid", str(UID)),
        *("--as-pid-1", "--die-with-parent", "--hostname", NAME, "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"),
        *("--dev-bind", place.root, "/", "--proc", "/proc", "--chdir", "/", "--clearenv"),
        *(word for text in made.environment for word in ("--setenv", *text.split("=", 1))),
        *("--", *made.argv),
    )

"""The bubblewrap backend: /usr/bin/bwrap makes the namespaces and takes the privileges away."""

from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.containers.launch import Launcher, Place
from casemate.sandbox.containers.scaffold import Scaffold

UID = "1000"


class Bubblewrap(Beside):
    """Namespaces by bubblewrap, and every other layer of the native backend inside."""

    name = "bubblewrap"
    programs = ("bwrap",)
    install = "apt-get install bubblewrap"

    def launcher(self, program: str, scaffold: Scaffold) -> Launcher:
        """Say how bubblewrap is started."""

        def argv(place: Place) -> tuple[str, ...]:
            return (
                *("bwrap", "--unshare-all", "--share-net", "--unshare-user", "--uid", UID, "--gid", UID),
                *("--as-pid-1", "--die-with-parent", "--hostname", "casemate"),
                *("--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"),
                *("--dev-bind", place.root, "/", "--proc", "/proc", "--chdir", "/", "--clearenv"),
                *(word for text in scaffold.environment for word in ("--setenv", *text.split("=", 1))),
                *("--", *scaffold.argv),
            )

        return Launcher(self.name, program, argv, scaffold, mounts=True)

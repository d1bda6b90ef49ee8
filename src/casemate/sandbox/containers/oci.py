"""The oci backend: any runtime of OCI containers that is installed runs a bundle in memory. No daemon, no images."""

from casemate.model.errors import UsageError
from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.containers.bundle import config
from casemate.sandbox.containers.found import found
from casemate.sandbox.containers.launch import Launcher, Place
from casemate.sandbox.containers.scaffold import Scaffold

RUNTIMES = ("crun", "runc", "youki")


class Oci(Beside):
    """Namespaces by a runtime of OCI containers, and every other layer of the native backend inside."""

    name = "oci"
    install = "apt-get install crun"

    def __init__(self, option: str = "") -> None:
        if option and option not in RUNTIMES:
            raise UsageError(f"oci:{option}: there is no such runtime; there are: {', '.join(RUNTIMES)}")
        self.programs = (option,) if option else RUNTIMES
        self.name = f"oci:{option}" if option else "oci"

    def launcher(self, program: str, scaffold: Scaffold) -> Launcher:
        """Say how the runtime is started."""
        runtime = program.rpartition("/")[2]

        def argv(place: Place) -> tuple[str, ...]:
            options = ("--cgroup-manager=disabled",) if runtime == "crun" else ()
            return (
                *(runtime, *options, "--root", f"{place.state}/containers", "run", "--bundle", place.state),
                *("--preserve-fds", str(place.descriptors), "casemate"),
            )

        def files(place: Place) -> dict[str, str]:
            return {"config.json": config(place, scaffold, root=runtime == "runc")}

        untried = frozenset({"proc.priv.root"}) if runtime == "runc" else frozenset[str]()
        return Launcher(runtime, program, argv, scaffold, files, untried=untried)

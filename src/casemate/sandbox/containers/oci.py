"""The oci backend: any runtime of OCI containers that is installed runs a bundle in memory, and no daemon does."""

from _collections_abc import Mapping

from casemate.model.capability import Capability
from casemate.model.errors import Refused, UsageError
from casemate.model.policy import PRIVATE, Policy
from casemate.model.sandbox import Boundary, Layer
from casemate.sandbox.containers import guest_table, gvisor, podman
from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.containers.bundle import config
from casemate.sandbox.containers.found import found
from casemate.sandbox.containers.launch import Launcher, Place, launch
from casemate.sandbox.containers.scaffold import scaffold
from casemate.sandbox.coverage import Table
from casemate.sandbox.native import cgroups
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.cgroups import PROCESSES
from casemate.sandbox.native.cgroups import Place as Counted
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.layers import privileged
from casemate.sandbox.native.mounts import TABLE, mounts
from casemate.sandbox.native.selftest import SelfTest
from casemate.sandbox.native.steward import First

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import ClassVar

RUNTIMES = ("crun", "runc", "runsc", "youki", "podman")  # in the order in which they are taken
INSTALL: Mapping[str, str] = {
    "crun": "apt-get install crun",
    "runc": "apt-get install runc",
    "runsc": "apt-get install runsc",
    "podman": "apt-get install podman crun",
    "youki": "cargo install youki, then copy it to /usr/local/bin as root",
}
ROOT_NEEDED = frozenset({"runc", "youki"})  # they set up a container as the id 0 in it


class Oci(Beside):
    """Namespaces by a runtime of OCI containers, and every other layer of the native backend inside."""

    def __init__(self, runtime: str, *, named: bool) -> None:
        """Take a runtime; `named` tells that it was asked for."""
        super().__init__()
        self._runtime = runtime
        self.name = f"oci:{runtime}" if named else "oci"
        self.program, self.install = runtime, INSTALL[runtime]

    def lacks(self) -> str:
        """Say what of this host the backend cannot do without is missing; "" for nothing."""
        one = next(mounts(k.text(TABLE), ("cgroup",)), None) if self._runtime == "youki" and not privileged() else None
        return super().lacks() or (f"youki insists on making groups in {one.place} (cgroups, version 1)" if one else "")

    def first(self, program: str) -> First:
        """Start the helper by the runtime."""
        made, runtime, root = scaffold(), self._runtime, self._runtime in ROOT_NEEDED
        launcher = Launcher(
            name=runtime,
            program=program,
            argv=lambda place: _argv(runtime, place),
            scaffold=made,
            files=lambda place: {"config.json": config(place, made, root=root)},
            grouping=runtime == "youki",
            untried=frozenset({"proc.priv.root"} if root else ()),  # its own root looks like the host's from inside
        )
        return lambda world: launch(world, launcher)


class Podman(Beside):
    """As by crun, which podman starts."""

    name = "oci:podman"
    program, install = "podman", INSTALL["podman"]

    def found(self) -> tuple[str, str]:
        """Give the program, or "" and why there is none: what it starts must be there, too."""
        program, why = super().found()
        why = why or next((lacks for part in podman.STARTS if (lacks := found(part)[1])), "")
        return ("" if why else program), why

    def first(self, program: str) -> First:
        """Start the helper by podman."""
        made = scaffold()
        programs = (program, *(found(part)[0] for part in podman.STARTS))
        launcher = Launcher(
            name=self.program,
            program=program,
            argv=lambda place: podman.argv(programs, place, made),
            scaffold=made,
            files=lambda _: podman.files(),
            mounts=True,
            monitored=True,
            untried=frozenset({"proc.priv.root"}),
            enter=podman.enter,
            needs=podman.NEEDS,
            environment=podman.environment(),
        )
        return lambda world: launch(world, launcher)


class Gvisor(Beside):
    """A kernel of its own in user space (gVisor), around the root that the steward has built."""

    boundary: "ClassVar[Boundary]" = Boundary.USER_KERNEL
    table: "ClassVar[Table]" = guest_table.TABLE
    program, install = "runsc", INSTALL["runsc"]
    slow = 2  # its kernel and a Python on it start within 0.9 s of processor time, which counts as the run's
    residual: "ClassVar[tuple[str, ...]]" = (
        "a defect in gVisor's kernel gives a program what that process has: the granted files and a small set of calls",
        "no Landlock and no self-test inside: what may be read rests on the host's mounts alone",
    )

    def __init__(self, *, named: bool) -> None:
        """`named` tells that it was asked for."""
        super().__init__()
        self.name = "oci:runsc" if named else "oci"

    def layers(self) -> tuple[Layer, ...]:
        """Give the layers that stand around gVisor, each tried in a child, and its own."""
        program, why = self.found()
        own = tuple(
            Layer(name, not why, why or f"{program}, version {self.version()}")
            for name in (guest_table.KERNEL, guest_table.FILTER)
        )
        return (*(layer for layer in super().layers() if layer.name not in guest_table.NOT_INSIDE), *own)

    def first(self, program: str) -> First:
        """Start the program itself by runsc."""
        return lambda world: gvisor.launch(world, program)

    def refuse(self, policy: Policy) -> None:
        """Refuse the sockets of the host that lie in files: a descriptor that came through one would be the host's."""
        for grant in policy.of(Capability.NET_UNIX):
            if grant.resource != PRIVATE:
                what = f"{grant.capability} {grant.resource}"
                raise Refused(f"{what}: oci:runsc reaches no socket of the host; use another backend, or net.connect")

    def test(self, plan: NativePlan) -> SelfTest | None:  # noqa: ARG002 -- the signature is that of the others
        """Try nothing: nothing of ours runs inside."""
        return None

    def places(self, lacking: Mapping[str, str]) -> tuple[Counted, ...]:
        """Count memory and processor time; threads of gVisor itself are no processes of the program."""
        found = (
            Counted(place.version, place.directory, tuple(one for one in place.counts if one != PROCESSES))
            for place in cgroups.used(lacking)
        )
        return tuple(place for place in found if place.counts)


def oci(option: str) -> Beside:
    """Give the backend of a runtime, or of the first one that is installed. Raises UsageError."""
    if option and option not in RUNTIMES:
        raise UsageError(f"oci:{option}: there is no such runtime; there are: {', '.join(RUNTIMES)}")
    runtime = option or next((name for name in RUNTIMES if found(name)[0]), RUNTIMES[0])
    if runtime == "podman":
        return Podman()
    return Gvisor(named=bool(option)) if runtime == "runsc" else Oci(runtime, named=bool(option))


def _argv(runtime: str, place: Place) -> tuple[str, ...]:
    """Say what the runtime is to do. crun is told that cgroups are no business of its own; the others see none."""
    options = ("--cgroup-manager=disabled",) if runtime == "crun" else ()
    return (
        *(runtime, *options, "--root", f"{place.state}/containers", "run", "--bundle", place.state),
        *("--preserve-fds", str(place.descriptors), "casemate"),
    )

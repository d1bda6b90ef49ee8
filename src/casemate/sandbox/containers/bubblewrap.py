"""The bubblewrap backend: /usr/bin/bwrap makes the namespaces and takes the privileges away."""

from _collections_abc import Mapping

from casemate.model.errors import Refused
from casemate.model.sandbox import Outcome
from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.containers.launch import Launcher, Place, launch
from casemate.sandbox.containers.scaffold import Scaffold, scaffold
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import layers, names
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.start import start
from casemate.sandbox.native.steward import First, Prepared
from casemate.sandbox.native.world import NAME, UID
from casemate.sandbox.streams import RunInput

RESTRICTED = "kernel.apparmor_restrict_unprivileged_userns"
NAMESPACE = (  # one of users, with every right over it and over nothing else, and the host as its caller sees it
    *("--unshare-user", "--uid", str(UID), "--gid", str(UID), "--cap-add", "ALL"),
    *("--dev-bind", "/", "/", "--chdir", "/", "--"),
)


class Bubblewrap(Beside):
    """Namespaces by bubblewrap, and every other layer of the native backend inside."""

    name = "bubblewrap"
    program = "bwrap"
    install = "apt-get install bubblewrap"

    def __init__(self, *, through: bool = False) -> None:
        """Look for nothing yet. `through`: as on a host where nobody else may make user namespaces (a test says so)."""
        super().__init__()
        self._forced = through

    def missing(self) -> Mapping[str, str]:
        """Name the layers that are not to be had here. What this host gives to bubblewrap alone is to be had."""
        return given(layers.missing(), k.text(f"/proc/sys/{RESTRICTED.replace('.', '/')}"))

    def lacks(self) -> str:
        """Say what of this host the backend cannot do without is missing; "" for nothing."""
        program, _ = self.found()
        if super().lacks() or not program or not self._enters():
            return super().lacks()
        from casemate.sandbox.containers.version import fails  # noqa: PLC0415 -- only on such a host

        return fails((program, *NAMESPACE, "/bin/true"))

    def _enters(self) -> bool:
        """Tell whether the steward, too, needs bubblewrap for its user namespace."""
        return self._forced or (not layers.privileged() and names.USER in layers.missing())

    def begin(self, plan: NativePlan, run: RunInput, prepared: Prepared, program: str) -> Outcome:
        """Start what is prepared; the steward itself by bubblewrap, where only that may make its namespace."""
        if not self._enters():
            return super().begin(plan, run, prepared, program)
        from casemate.sandbox.containers.through import through  # noqa: PLC0415 -- only on such a host

        try:
            return through(program, lambda by: start(plan, run, prepared, being=by.stand))
        except OSError as error:
            raise Refused(f"{self.name}: the run cannot be prepared: {error}") from None

    def first(self, program: str) -> First:
        """Start the helper by bubblewrap. It may mount until the target starts: bubblewrap has no options for /proc."""
        made = scaffold()
        launcher = Launcher("bubblewrap", program, lambda place: _argv(place, made), made, mounts=True)
        return lambda world: launch(world, launcher)


def given(lacking: Mapping[str, str], value: str) -> Mapping[str, str]:
    """Leave out what is missing only because AppArmor lets nobody else make a user namespace; `value` is its switch."""
    why = lacking.get(names.USER, "")
    if value != "1" or RESTRICTED not in why:
        return lacking
    had = {layer for layer, reason in lacking.items() if reason in (why, f"{names.USER}s: {why}")}
    had |= {other for layer in had for other in names.STANDS_ON.get(layer, ())}
    return {layer: reason for layer, reason in lacking.items() if layer not in had}


def _argv(place: Place, made: Scaffold) -> tuple[str, ...]:
    """Say what bubblewrap is to do. The root is there already, with what it holds; nothing of the host is named."""
    return (
        *("bwrap", "--unshare-all", "--share-net", "--unshare-user", "--uid", str(UID), "--gid", str(UID)),
        *("--as-pid-1", "--die-with-parent", "--hostname", NAME, "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"),
        *("--dev-bind", place.root, "/", "--proc", "/proc", "--chdir", "/", "--clearenv"),
        *(word for text in made.environment for word in ("--setenv", *text.split("=", 1))),
        *("--", *made.argv),
    )

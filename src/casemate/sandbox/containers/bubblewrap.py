"""The bubblewrap backend: /usr/bin/bwrap makes the namespaces and takes the privileges away."""

from _collections_abc import Mapping

from casemate.model.errors import Refused
from casemate.model.sandbox import Outcome
from casemate.sandbox.containers.beside import Beside
from casemate.sandbox.containers.launch import Launcher, Place, launch
from casemate.sandbox.containers.scaffold import Scaffold, scaffold
from casemate.sandbox.native import layers, names
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.start import start
from casemate.sandbox.native.steward import First, Prepared
from casemate.sandbox.native.world import NAME, UID
from casemate.sandbox.streams import RunInput


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
        lacking = layers.missing()
        return {layer: why for layer, why in lacking.items() if why not in _alone(lacking)}

    def begin(self, plan: NativePlan, run: RunInput, prepared: Prepared, program: str) -> Outcome:
        """Start what is prepared; the steward itself by bubblewrap, where only that may make its namespace."""
        if not self._forced and (prepared.privileged or names.USER not in layers.missing()):
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


def _alone(lacking: Mapping[str, str]) -> tuple[str, ...]:
    """Give the reasons for which layers are missing because an ordinary program may make no user namespace."""
    why = lacking.get(names.USER, "")
    return (why, f"{names.USER}s: {why}") if why and why == layers.userns_hint() else ()


def _argv(place: Place, made: Scaffold) -> tuple[str, ...]:
    """Say what bubblewrap is to do. The root is there already, with what it holds; nothing of the host is named."""
    return (
        *("bwrap", "--unshare-all", "--share-net", "--unshare-user", "--uid", str(UID), "--gid", str(UID)),
        *("--as-pid-1", "--die-with-parent", "--hostname", NAME, "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"),
        *("--dev-bind", place.root, "/", "--proc", "/proc", "--chdir", "/", "--clearenv"),
        *(word for text in made.environment for word in ("--setenv", *text.split("=", 1))),
        *("--", *made.argv),
    )

"""What the helper inside stands on: casemate's own interpreter and code, in a root that the target never sees.

The helper leaves that root for the one of the plan before the target's first instruction (inside.py), so nothing of it
has to be hidden.
"""

import os
import sys

from casemate.model.dataclass import dataclass
from casemate.model.small import once
from casemate.sandbox.native.executable import companions
from casemate.sandbox.native.gathered import Gathered
from casemate.sandbox.native.paths import look, walk
from casemate.sandbox.native.steps import Step

PACKAGE = __file__.rpartition("/sandbox/")[0]
# Packages are entered without what they load for whoever uses them as a whole: the helper needs a part of each.
BOOT = """import sys
for part in ("", ".cli", ".model", ".sandbox", ".sandbox.native", ".sandbox.containers"):
    name = f"casemate{part}"
    package = sys.modules[name] = type(sys)(name)
    package.__path__ = [f"{sys.argv[1]}/{name.replace('.', '/')}"]
from casemate.cli.bundle import use
use()
from casemate.sandbox.containers.inside import main
main()"""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The steps that make the helper's root, the vector that starts it, and the only variable that it needs."""

    steps: tuple[Step, ...]
    argv: tuple[str, ...]
    libraries: str

    @property
    def environment(self) -> tuple[str, ...]:
        """Give the variables of the helper: none of the caller's is among them."""
        return (f"LD_LIBRARY_PATH={self.libraries}", "PATH=/usr/bin")


@once
def scaffold() -> Scaffold:
    """Look what casemate itself runs on. Raises OSError."""
    interpreter = os.path.realpath(sys.executable)
    libraries = _libraries()
    standard = os.path.dirname(os.path.realpath(os.__file__))  # noqa: PTH120 -- start-up path
    root = Gathered()
    for path in (interpreter, *companions(interpreter), standard, PACKAGE, *libraries):
        real, links = walk(path)
        root.passed(links)
        root.bind(look(real), execute=True)
    mounted = root.mounted()
    return Scaffold(
        steps=(*root.links.values(), *mounted),
        argv=(interpreter, "-I", "-S", "-c", BOOT, PACKAGE.rpartition("/")[0]),
        libraries=":".join(libraries),
    )


def _libraries() -> tuple[str, ...]:
    """Name the folders of the shared libraries that this very interpreter has loaded: proc_pid_maps(5)."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123 -- likewise
        mapped = {line.rstrip("\n").partition("/")[2] for line in maps}
    return tuple(sorted({f"/{path.rpartition('/')[0]}" for path in mapped if ".so" in path.rpartition("/")[2]}))

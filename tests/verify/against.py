"""What a battery is tried against in the tests: a Python, and nothing granted but what it needs."""

import os
import sys
from pathlib import Path

from casemate.model.capability import Capability
from casemate.model.policy import GIB, MIB, Grant, Limits, Policy
from casemate.model.sandbox import Command
from casemate.sandbox import Backend, choose
from casemate.verify import Setting
from casemate.verify.starting import BOOT, Target

PYTHON = Path(sys.executable).resolve()
TREES = (str(Path(sys.base_prefix).resolve()), *filter(os.path.exists, ("/usr/lib", "/lib", "/lib64", "/usr/lib64")))
LIMITS = Limits(wall_seconds=45, memory_bytes=2 * GIB, output_bytes=64 * MIB)


def setting(
    backend: Backend | None = None,
    *grants: Grant,
    accept: frozenset[Capability] = frozenset(),
    deny: tuple[str, ...] = ("@persist",),
) -> Setting:
    """Give what the battery is tried against: a Python, and nothing granted but what it needs."""
    own = [Grant(kind, tree) for tree in TREES for kind in (Capability.FS_READ, Capability.NATIVE_EXT)]
    policy = Policy(grants=(*own, Grant(Capability.FS_EXEC, str(PYTHON)), *grants), deny=deny, limits=LIMITS)
    command = Command((str(PYTHON), "-I", "-S", "-c", BOOT), str(PYTHON), "/")
    return Setting(Target(command, policy, {}, backend or choose("native"), accept))

"""Writes what the helper inside is told: JSON in a file in memory that only it reads, never arguments or variables."""

from casemate.model.sandbox import Json
from casemate.sandbox.containers.job import FILTER, LIMITS
from casemate.sandbox.native import landlock, names
from casemate.sandbox.native.selftest import SelfTest
from casemate.sandbox.native.steward import World, for_each
from casemate.sandbox.words import spelled, written


def packed(world: World, *, mounts: bool, entrances: int, untried: frozenset[str]) -> bytes:
    """Write a job. `untried` are classes whose acts tell nothing in this world."""
    plan, prepared = world.plan, world.prepared
    open_to_all = names.ENVIRONMENT in prepared.without
    values = {name: value for name, value in world.environment.items() if open_to_all or name in plan.environment}
    limits = for_each(plan.outside.limits, prepared)
    rules = tuple(landlock.rules(plan))
    said: Json = {
        "command": plan.command,
        "executable": plan.executable,
        "directory": plan.directory,
        "names": plan.environment,
        "environment": values,
        "open": [name for name in FILTER if getattr(plan.filter, name)],
        "paths": [path for path, _ in rules],
        "rights": [rights for _, rights in rules],
        "landlock": prepared.landlock,
        "calls": spelled(prepared.filter),
        "mdwe": prepared.mdwe,
        "limits": [getattr(limits, name) for name in LIMITS],
        "without": sorted(prepared.without),
        "test": None if prepared.test is None else _test(prepared.test, untried),
        "mounts": mounts,
        "entrances": entrances,
        "waits": plan.waits,
        "image": plan.image,
    }
    return written(said).encode()


def _test(test: SelfTest, untried: frozenset[str]) -> Json:
    """Write what the self-test reaches for: numbers and names of things outside, that casemate knows."""
    ground, canaries = test.ground, test.ground.canaries
    return {
        "tried": [name for name in test.tried if name not in untried],
        "filtered": sorted(ground.filtered),
        "secret": canaries.secret,
        "secret_id": spelled(canaries.secret_id),
        "folder_id": spelled(canaries.folder_id),
        "shared_id": spelled(canaries.shared_id),
        "written": spelled(canaries.written),
        "abstract": spelled(canaries.abstract),
        "there": spelled(canaries.vectors[1]),
        "ipc": canaries.ipc,
        "keyring": canaries.keyring,
        "port": canaries.port,
        "directory": spelled(ground.directory),
        "file": spelled(ground.file),
        "executable": spelled(ground.executable),
        "other": ground.other,
        "token": ground.token,
    }

"""Writes what the helper inside is told: JSON in a file in memory that only it reads, never arguments or variables."""

from _collections_abc import Mapping
from binascii import b2a_base64

from casemate.model.sandbox import Json
from casemate.sandbox.containers.job import FILTER, IDS, LIMITS
from casemate.sandbox.containers.words import written
from casemate.sandbox.native import landlock, names
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.selftest import SelfTest
from casemate.sandbox.native.steward import Prepared, for_each


def packed(  # noqa: PLR0913 -- what a job is made of
    plan: NativePlan,
    environment: Mapping[str, str],
    prepared: Prepared,
    *,
    mounts: bool,
    entrances: int,
    untried: frozenset[str] = frozenset(),
) -> bytes:
    """Write a job. `untried` are classes whose acts tell nothing in this world."""
    values = {name: environment[name] for name in plan.environment if name in environment}
    if names.ENVIRONMENT in prepared.without:
        values = dict(environment)
    limits = for_each(plan.outside.limits, prepared)
    test = prepared.test
    said: Json = {
        "command": plan.command,
        "executable": plan.executable,
        "directory": plan.directory,
        "names": plan.environment,
        "environment": values,
        "filter": [getattr(plan.filter, name) for name in FILTER],
        "rules": [list(rule) for rule in landlock.rules(plan)],
        "landlock": prepared.landlock,
        "calls": _text(prepared.filter),
        "mdwe": prepared.mdwe,
        "limits": [getattr(limits, name) for name in LIMITS],
        "without": sorted(prepared.without),
        "test": None if test is None else _test(test, untried),
        "mounts": mounts,
        "entrances": entrances,
        "waits": plan.waits,
    }
    return written(said).encode()


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def _test(test: SelfTest, untried: frozenset[str]) -> Json:
    """Write what the self-test reaches for: numbers and names of things outside, that casemate knows."""
    ground, canaries = test.ground, test.ground.canaries
    return {
        "tried": [name for name in test.tried if name not in untried],
        "filtered": sorted(ground.filtered),
        "ids": [_text(getattr(canaries, name)) for name in IDS],
        "secret": canaries.secret,
        "there": _text(canaries.vectors[1]),
        "ipc": canaries.ipc,
        "keyring": canaries.keyring,
        "port": canaries.port,
        "paths": [_text(path) for path in (ground.directory, ground.file, ground.executable)],
        "other": ground.other,
        "token": ground.token,
    }

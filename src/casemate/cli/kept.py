"""A policy file, understood: as an earlier run has kept it, or by reading it anew.

A parser of TOML takes longer to load than a small program to run. What is kept lies where only the caller writes,
sealed with the caller's key (services/store.py); anything else there is as if it were not there.
"""

import os

from casemate.cli.version import VERSION
from casemate.model.errors import InputError
from casemate.model.policy import Policy
from casemate.model.small import suppress
from casemate.policy.packed import origin, pack, unpack
from casemate.services.store import Store, usual

KIND = "policies"


def understood(path: str, content: bytes) -> Policy:
    """Give the policy that these bytes at this path mean. Raises PolicyError."""
    store, name = _store(path, content)
    kept = store.get(name) if store is not None else None
    policy = unpack(kept) if kept is not None else None
    if policy is not None:
        return policy
    from casemate.policy.file import document  # noqa: PLC0415 -- the parser

    policy = document(path, content).policy
    if store is not None and (packed := pack(policy)) is not None:
        store.put(name, packed)
    return policy


def _store(path: str, content: bytes) -> tuple[Store | None, str]:
    """Give the caller's store and the name of this policy there; None where nothing can be kept."""
    with suppress(InputError, OSError):  # others can write there: `audit` says so, a run goes on without
        store = usual(os.environ, KIND)
        if store is not None:
            return store, store.seal(KIND, origin(path, content, VERSION)).hex()
    return None, ""

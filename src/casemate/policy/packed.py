"""A policy that was read from a file, as bytes that are quick to read again, and what they depend on.

They are only ever read from a place where nobody but the caller writes, sealed with the caller's key. Even so, each
value is one that a policy can have, or the whole is no policy.
"""
# ruff: noqa: PTH116, PTH120 -- pathlib is too heavy for the start-up path

import os
import sys
from _collections_abc import Iterable, Iterator

from casemate.model.capability import Capability
from casemate.model.policy import Assurance, Grant, Limits, Missing, Policy, WriteMode
from casemate.model.secret import Secret
from casemate.policy import values

FORMAT = "4"
NUMBERS = tuple(Limits.__match_args__)


def origin(path: str, content: bytes, version: str) -> bytes:
    """Give everything that the meaning of a policy file depends on: who reads it, where it lies, and its bytes.

    Raises OSError where our own files cannot be looked at.
    """
    ours = [os.stat(f"{os.path.dirname(__file__)}/{name}.py") for name in ("file", "values", "packed", "sets")]
    stamps = [f"{state.st_mtime_ns}.{state.st_size}" for state in ours]
    place = os.path.dirname(os.path.realpath(path))
    return os.fsencode("\0".join((FORMAT, version, str(sys.hexversion), *stamps, place, ""))) + content


def pack(policy: Policy) -> bytes | None:
    """Write a policy; None for one that may mean something else tomorrow, or that cannot be written."""
    fields = list(_fields(policy))
    paths = (
        policy.image,
        *policy.deny,
        *(grant.resource for grant in policy.grants),
        *(one.source for one in policy.secrets),
    )
    if any(values.GLOBS & set(path) for path in paths) or any("\0" in field for field in fields):
        return None  # a name with a `*` is a path only as long as a file has it
    return "\0".join(fields).encode()


def _fields(policy: Policy) -> Iterator[str]:
    """Yield all values in their order, each list after its length."""
    yield from (policy.name, str(policy.layers), policy.assurance, policy.missing, str(policy.tmp_bytes), policy.image)
    yield from (str(getattr(policy.limits, name)) for name in NUMBERS)
    yield from _listed(policy.backends)
    yield from _listed(policy.deny)
    yield from _listed([word for pair in policy.settings for word in pair])
    yield from _listed([word for one in policy.secrets for word in (one.name, one.source, one.to)])
    yield str(len(policy.grants))
    for grant in policy.grants:
        largest = "" if grant.max_bytes is None else str(grant.max_bytes)
        yield from (grant.capability, grant.resource, grant.mode or "", largest, grant.why)


def _listed(words: Iterable[str]) -> Iterator[str]:
    """Yield the number of words, and the words."""
    every = tuple(words)
    yield str(len(every))
    yield from every


def unpack(data: bytes) -> Policy | None:
    """Read a policy again; None for anything that `pack` has not written."""
    try:
        fields = iter(data.decode().split("\0"))
        policy = _policy(fields)
    except (ValueError, StopIteration):
        return None
    return policy if next(fields, None) is None else None


def _policy(fields: Iterator[str]) -> Policy:
    """Take the values in the order of `_fields`. Raises ValueError and StopIteration."""
    name, layers, assurance = next(fields), _number(fields), Assurance(next(fields))
    missing, tmp, image = Missing(next(fields)), _number(fields), next(fields)
    limits = Limits(**{limit: _number(fields) for limit in NUMBERS})
    backends, deny, settings, secrets = _list(fields), _list(fields), _list(fields), _list(fields)
    return Policy(
        name=name,
        backends=backends,
        layers=layers,
        assurance=assurance,
        grants=tuple([_grant(fields) for _ in range(_number(fields))]),  # no generator: it would hide StopIteration
        deny=deny,
        missing=missing,
        tmp_bytes=tmp,
        image=image,
        settings=tuple(zip(settings[::2], settings[1::2], strict=True)),
        secrets=_secrets(secrets),
        limits=limits,
    )


def _list(fields: Iterator[str]) -> tuple[str, ...]:
    """Take a list."""
    return tuple([next(fields) for _ in range(_number(fields))])


def _secrets(words: tuple[str, ...]) -> tuple[Secret, ...]:
    """Take secrets, three words each."""
    if len(words) % 3:
        raise ValueError(f"{len(words)} words are no triples")
    return tuple([Secret(*words[at : at + 3]) for at in range(0, len(words), 3)])


def _number(fields: Iterator[str]) -> int:
    """Take a number that is not negative."""
    if (number := int(next(fields))) < 0:
        raise ValueError(f"{number} is no size")
    return number


def _grant(fields: Iterator[str]) -> Grant:
    """Take one grant."""
    capability, resource, mode, largest, why = [next(fields) for _ in range(5)]
    return Grant(
        Capability(capability), resource, WriteMode(mode) if mode else None, int(largest) if largest else None, why
    )

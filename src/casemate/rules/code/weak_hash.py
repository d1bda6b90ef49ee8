"""MD5 and SHA-1 where somebody may want a collision.

## Why
Two files with the same MD5 are made in seconds, with the same SHA-1 for the price of a car. A signature, a
certificate or a deduplication that believes the hash believes the wrong file. As a store for passwords every fast
hash is wrong.

## Fix
Use `hashlib.sha256` or `hashlib.blake2b`; for passwords `hashlib.scrypt` or Argon2. Where the hash is only a checksum
or a key of a cache, say so: `hashlib.md5(data, usedforsecurity=False)`.

## Known misses
Algorithms whose name is not constant. HMAC with MD5 or SHA-1 is weak in name only and is not reported.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code
from casemate.rules import rule
from casemate.rules.naming import secret

NAMES = {"hashlib.md5": "MD5", "hashlib.sha1": "SHA-1"}
WEAK = {"md5": "MD5", "md4": "MD4", "sha1": "SHA-1", "sha-1": "SHA-1"}

EXAMPLE = """
    import hashlib
    from hashlib import md5 as digest

    hashlib.md5(data)  # flag
    hashlib.new("sha1", data)  # flag
    stored = digest(password.encode()).hexdigest()  # flag
    hashlib.md5(data, usedforsecurity=False)
    hashlib.new("sha256", data)
    hashlib.sha256(data)
"""


def algorithm(call: Call) -> str:
    """Name the weak algorithm that a call asks for, or ""."""
    if call.name != "hashlib.new":
        return NAMES[call.name]
    name = call.argument("name", 0)
    return WEAK.get(name.constant.lower(), "") if name and isinstance(name.constant, str) else ""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(328, 916),
    needles=("hashlib",),
    example=EXAMPLE,
)
def weak_hash(code: Code) -> Iterator[Hit]:
    """Flag weak hashes of secrets; note every other one that is not declared harmless."""
    for call in code.calls("hashlib.md5", "hashlib.sha1", "hashlib.new"):
        weak, declared = algorithm(call), call.argument("usedforsecurity")
        if not weak or declared is not None or call.starred:
            continue
        if any(secret(value.text) for value in call.positional) or secret(call.function.rpartition(".")[2]):
            yield Hit(call.location, f"{weak} of a secret")
        else:
            message = f"{weak} resists no collision; say usedforsecurity=False where that is harmless"
            yield Hit(call.location, message, severity=Severity.INFO, confidence=Confidence.LOW)

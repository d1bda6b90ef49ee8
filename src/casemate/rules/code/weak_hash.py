"""MD5 and SHA-1 where somebody may want a collision, and a fast hash of a password.

## Why
Two files with the same MD5 are made in seconds, with the same SHA-1 for the price of a car. A signature, a
certificate or a deduplication that believes the hash believes the wrong file. As a store for passwords every fast
hash is wrong: a graphics card tries thousands of millions a second.

## Fix
Use `hashlib.sha256` or `hashlib.blake2b`; for passwords `hashlib.scrypt` or Argon2. Where the hash is only a checksum
or a key of a cache, say so: `hashlib.md5(data, usedforsecurity=False)`.

## Known misses
Algorithms whose name comes from elsewhere without a default. HMAC and the derivation of keys with MD5 or SHA-1 are weak
in name only and are not reported, neither is SHA-1 within OAEP.
"""

import re
from collections.abc import Iterator, Sequence

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import PASSWORDS, secret, within, words

WEAK = {
    "md2": "MD2", "md4": "MD4", "md5": "MD5", "sha": "SHA-1", "sha1": "SHA-1", "sha-1": "SHA-1",
}  # fmt: skip
NAMES = {
    **{f"hashlib.{name}": WEAK[name] for name in ("md5", "sha1")},
    **{f"{top}.Hash.{name.upper()}.new": said for top in ("Crypto", "Cryptodome") for name, said in WEAK.items()},
}
PASSLIB = {
    f"passlib.hash.{name}.{method}": name
    for name in (
        "md5_crypt", "apr_md5_crypt", "des_crypt", "bsdi_crypt", "bigcrypt", "crypt16", "lmhash", "nthash", "msdcc",
        "plaintext", "ldap_plaintext", "hex_md4", "hex_md5", "hex_sha1", "hex_sha256", "hex_sha512", "ldap_md5",
        "ldap_sha1", "ldap_salted_md5", "ldap_salted_sha1", "mysql323", "mysql41", "mssql2000", "oracle10",
        "postgres_md5", "django_salted_md5", "django_salted_sha1",
    )
    for method in ("hash", "encrypt")
}  # fmt: skip
SCHEMES = frozenset(name.split(".")[2] for name in PASSLIB)
CONTEXT, WERKZEUG = "passlib.context.CryptContext", "werkzeug.security.generate_password_hash"
PRIMITIVE = "cryptography.hazmat.primitives.hashes"
NAMED = ("hashlib.new", f"{PRIMITIVE}.Hash")
ALGORITHMS = {f"{PRIMITIVE}.{name}": said for name, said in {"MD5": "MD5", "SHA1": "SHA-1"}.items()}
NO_COLLISION_HELPS = tuple(  # what rests on another property of the hash
    f"cryptography.hazmat.primitives.{name}"
    for name in (
        "hmac.HMAC", "asymmetric.padding.OAEP", "asymmetric.padding.MGF1", "kdf.pbkdf2.PBKDF2HMAC", "kdf.hkdf.HKDF",
        "kdf.hkdf.HKDFExpand", "twofactor.totp.TOTP", "twofactor.hotp.HOTP",
    )
)  # fmt: skip
FAST = (
    *(f"hashlib.{name}" for name in ("sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b")),
    *(f"{top}.Hash.{name}.new" for top in ("Crypto", "Cryptodome") for name in ("SHA256", "SHA512")),
)
UPDATES = (
    "_hashlib.HASH.update",
    f"{PRIMITIVE}.Hash.update",
    *(f"Crypto.Hash.{name}.{name}Hash.update" for name in ("MD2", "MD4", "MD5", "SHA1", "SHA256", "SHA512")),
)
DEFAULT = re.compile(r"""["'](md5|md4|sha-?1)["']""", re.IGNORECASE)

EXAMPLE = """
    import hashlib
    from hashlib import md5 as digest
    from passlib.hash import bcrypt, hex_md5

    hashlib.md5(data)  # flag
    hashlib.new("sha1", data)  # flag
    stored = digest(password.encode()).hexdigest()  # flag
    hashlib.sha256(password.encode())  # flag
    hex_md5.hash(word)  # flag
    hashlib.md5(data, usedforsecurity=False)
    hashlib.new("sha256", data)
    hashlib.sha256(data)
    bcrypt.hash(word)
"""


def algorithm(call: Call, given: Sequence[Assignment]) -> str:
    """Name the weak algorithm that a call asks for, also as the default of a setting, or ""."""
    if call.name in NAMES:
        return NAMES[call.name]
    if call.name not in NAMED:
        return ""
    asked = call.argument("name", 0) if call.name == "hashlib.new" else call.argument("algorithm", 0)
    if asked is None:
        return ""
    if call.name != "hashlib.new":
        return WEAK.get(asked.type.rpartition(".")[2].lower(), "")
    if asked.known:
        return WEAK.get(asked.constant.lower(), "") if isinstance(asked.constant, str) else ""
    found = DEFAULT.search(default(asked, call, given))
    return WEAK[found[1].lower()] if found else ""


def default(asked: Value, call: Call, given: Sequence[Assignment]) -> str:
    """Give the text of an algorithm that is not constant: its expression, or the last that its variable was given."""
    before = [
        item.value.text
        for item in given
        if item.target == asked.text and item.function in {call.function, ""} and item.kind in {"name", "default"}
        if item.location.line <= call.location.line
    ]
    return before[-1] if before else asked.text if "(" in asked.text else ""


def password_hash(call: Call) -> str:
    """Name the hash for passwords that a call chooses if it is too fast, or ""."""
    if call.name in PASSLIB:
        return PASSLIB[call.name]
    if call.name == WERKZEUG:
        value = call.argument("method", 1)
        method = value.constant if value is not None else None
        weak = isinstance(method, str) and method.partition("$")[0] in {"plain", "md5", "sha1", "sha256", "sha512"}
        return str(method) if weak else ""
    schemes, chosen = call.argument("schemes", 0), call.argument("default")
    first = chosen or (schemes.items[0] if schemes is not None and schemes.items else None)
    return first.constant if first is not None and isinstance(first.constant, str) and first.constant in SCHEMES else ""


def says(value: Value, call: Call, given: Sequence[Assignment]) -> str:
    """Give the text of an argument, and of the calls that its variable was made by: `given = get_password()`."""
    calls = [
        item.value.call
        for item in given
        if item.value.call and (item.target, item.function, item.kind) == (value.text, call.function, "name")
        if item.location.line <= call.location.line
    ]
    return " ".join((value.text, *(last(name) for name in calls)))


def last(path: str) -> str:
    """Give the last part of a dotted path."""
    return path.rpartition(".")[2]


def kept_as(call: Call, given: Sequence[Assignment]) -> set[str]:
    """Give the names that what a call makes is given."""
    return {item.target for item in given if item.kind != "compare" and within(call.location, item.value.location)}


def fed(call: Call, given: Sequence[Assignment], updates: Sequence[Call]) -> Iterator[Call]:
    """Yield the updates of the object that a call makes."""
    names = kept_as(call, given)
    for update in updates:
        owner = update.receiver.text.rpartition(".")[0] if update.receiver is not None else ""
        if update.function == call.function and last(owner) in names:
            yield update


def of_secret(call: Call, given: Sequence[Assignment]) -> bool:
    """Tell whether what is hashed says that it is a secret."""
    return any(secret(says(value, call, given)) for value in call.positional)


def for_secret(call: Call, given: Sequence[Assignment]) -> bool:
    """Tell whether what becomes of a hash, or the function it is in, says that it stands for a secret."""
    return secret(last(call.function)) or any(secret(name) for name in kept_as(call, given))


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(328, 916),
    needles=(
        *("hashlib", "passlib", "generate_password_hash"),
        *(Needle("Hash", r"\b", top) for top in ("Crypto", "Cryptodome")),
        Needle("hashes", r"\b", "cryptography"),
    ),
    example=EXAMPLE,
)
def weak_hash(code: Code) -> Iterator[Hit]:
    """Flag weak hashes of secrets; note every other one that is not declared harmless."""
    calls = list(code.calls(*NAMES, *NAMED, *FAST))
    given, updates = (tuple(code.assignments()), list(code.calls(*UPDATES))) if calls else ((), [])
    for call in calls:
        weak, declared = algorithm(call, given), call.argument("usedforsecurity")
        if not weak or (declared is not None and declared.constant is not True) or call.starred:
            continue
        places = [update for update in fed(call, given, updates) if of_secret(update, given)]
        if not places and (of_secret(call, given) or for_secret(call, given)):
            places = [call]
        yield from (Hit(place.location, f"{weak} of a secret") for place in places)
        if not places:
            yield note(call, weak)
    for call in code.calls(*ALGORITHMS):
        told = (other.location for other in (*calls, *code.calls(*NO_COLLISION_HELPS)))
        if not any(within(call.location, place) for place in told):
            yield note(call, ALGORITHMS[call.name])
    fast = [call for call in calls if call.name not in NAMES and not algorithm(call, given)]
    yield from of_passwords(code, [part for call in fast for part in (call, *fed(call, given, updates))], given)


def note(call: Call, weak: str) -> Hit:
    """Note a weak hash that may be harmless."""
    said = "; say usedforsecurity=False where that is harmless" if call.name.startswith("hashlib.") else ""
    message = f"{weak} resists no collision{said}"
    return Hit(call.location, message, severity=Severity.INFO, confidence=Confidence.LOW)


def of_passwords(code: Code, fast: Sequence[Call], given: Sequence[Assignment]) -> Iterator[Hit]:
    """Flag hashes that are too fast for what people can remember."""
    for call in code.calls(*PASSLIB, CONTEXT, WERKZEUG):
        if name := password_hash(call):
            yield Hit(call.location, f"{name} is no hash for passwords: it is too fast")
    hashed = [
        call for call in fast if any(PASSWORDS & set(words(says(value, call, given))) for value in call.positional)
    ]
    for place in dict.fromkeys(call.location for call in hashed):
        message = "a fast hash of a password: passwords are found by trying"
        yield Hit(place, message, severity=Severity.LOW, confidence=Confidence.MEDIUM)

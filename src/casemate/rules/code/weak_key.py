"""A new key that is too short.

## Why
An RSA or DSA key of 1024 bits can be broken by who owns a data centre, one of 512 bits by anybody in an afternoon. A
curve of fewer than 224 bits has less strength than such an RSA key should have. A key lives for years, and what was
recorded is read later.

## Fix
Make RSA keys of 3072 bits, at least 2048: `rsa.generate_private_key(public_exponent=65537, key_size=3072)`. Or use
Ed25519, or the curve P-256.

## Known misses
Sizes that come from a configuration. Keys that are loaded, not made.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests

ASYMMETRIC = "cryptography.hazmat.primitives.asymmetric"
TOPS = ("Crypto", "Cryptodome")
SIZES = {
    f"{ASYMMETRIC}.rsa.generate_private_key": ("key_size", 1),
    f"{ASYMMETRIC}.dsa.generate_private_key": ("key_size", 0),
    f"{ASYMMETRIC}.dsa.generate_parameters": ("key_size", 0),
    f"{ASYMMETRIC}.dh.generate_parameters": ("key_size", 1),
    **{f"{top}.PublicKey.{name}.generate": ("bits", 0) for top in TOPS for name in ("RSA", "DSA", "ElGamal")},
    "paramiko.RSAKey.generate": ("bits", 0),
    "paramiko.DSSKey.generate": ("bits", 0),
    "rsa.newkeys": ("nbits", 0),
}
CURVES = {
    f"{ASYMMETRIC}.ec.generate_private_key": ("curve", 0),
    **{f"{top}.PublicKey.ECC.generate": ("curve", None) for top in TOPS},
}
SHORT = frozenset({"SECP192R1", "SECT163K1", "SECT163R2", "P-192", "P192", "NIST P-192", "PRIME192V1"})
ENOUGH, MUST = 2048, 1024

EXAMPLE = """
    from Crypto.PublicKey import ECC, RSA
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    rsa.generate_private_key(public_exponent=65537, key_size=1024)  # flag
    RSA.generate(512)  # flag
    ec.generate_private_key(ec.SECP192R1())  # flag
    ECC.generate(curve="P-192")  # flag
    rsa.generate_private_key(public_exponent=65537, key_size=3072)
    RSA.generate(bits)
    ec.generate_private_key(ec.SECP256R1())
"""


def size(call: Call) -> int | None:
    """Give the number of bits that a call asks for, None where it cannot be told."""
    value = call.argument(*SIZES[call.name])
    asked = value.constant if value is not None else None
    return asked if isinstance(asked, int) and not isinstance(asked, bool) else None


def short_curve(call: Call) -> str:
    """Give the name of the curve that a call asks for if it is too short, or ""."""
    value = call.argument(*CURVES[call.name])
    if value is None:
        return ""
    name = value.constant if isinstance(value.constant, str) else (value.type or value.name).rpartition(".")[2]
    return name if name.upper() in SHORT else ""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=326,
    needles=(
        Needle("generate_", r"(?:private_key|parameters)\b", beside="cryptography"),
        *(Needle("generate", r"\b", beside=top) for top in (*TOPS, "paramiko")),
        Needle("newkeys", beside="rsa"),
    ),
    example=EXAMPLE,
)
def weak_key(code: Code) -> Iterator[Hit]:
    """Flag keys that are made with fewer than 2048 bits, or on a curve of fewer than 224."""
    test = Severity.LOW if in_tests(code.path) else None
    for call in code.calls(*SIZES, *CURVES):
        if call.name in CURVES:
            if curve := short_curve(call):
                yield Hit(call.location, f"the curve {curve} is too short", severity=test)
        elif (bits := size(call)) is not None and bits < ENOUGH:
            severity = test or (Severity.HIGH if bits < MUST else None)
            yield Hit(call.location, f"a key of {bits} bits can be broken", severity=severity)

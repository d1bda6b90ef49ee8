"""A cipher that is broken, or a mode that shows what it should hide.

## Why
DES falls to trying all keys; the output of RC4 is not random enough to hide a cookie; DES, 3DES, RC2, Blowfish, CAST5
and IDEA have blocks of 64 bits, which repeat after some gigabytes and then give away text. ECB encrypts equal blocks to
equal blocks: who sees the result sees the pattern of the text, and can swap blocks unnoticed.

## Fix
Use an authenticated mode of AES or ChaCha20: `AESGCM(key).encrypt(nonce, data, None)` or `Fernet(key)` of
`cryptography`, `AES.new(key, AES.MODE_GCM)` of PyCryptodome. Old data is decrypted once and encrypted anew.

## Known misses
Names of ciphers that are put together while the program runs. Ciphers that a protocol chooses: TLS, SSH, archives.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests

TOPS = ("Crypto", "Cryptodome")
PRIMITIVES = ("cryptography.hazmat.primitives.ciphers", "cryptography.hazmat.decrepit.ciphers")
WEAK = {
    "DES": "DES", "DES3": "3DES", "TripleDES": "3DES", "ARC2": "RC2", "RC2": "RC2", "ARC4": "RC4", "XOR": "XOR",
    "Blowfish": "Blowfish", "CAST": "CAST5", "CAST5": "CAST5", "IDEA": "IDEA", "SEED": "SEED",
}  # fmt: skip
CIPHERS = {
    **{f"{top}.Cipher.{name}.new": said for top in TOPS for name, said in WEAK.items()},
    **{f"{path}.algorithms.{name}": said for path in PRIMITIVES for name, said in WEAK.items()},
}
MODES = frozenset(f"{path}.modes.ECB" for path in PRIMITIVES)
AES = frozenset(f"{top}.Cipher.AES.new" for top in TOPS)
ECB = 1  # MODE_ECB of PyCryptodome

EXAMPLE = """
    from Crypto.Cipher import AES, ARC4, DES3
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    DES3.new(key, DES3.MODE_CBC, iv)  # flag
    ARC4.new(key)  # flag
    AES.new(key, AES.MODE_ECB)  # flag
    Cipher(algorithms.Blowfish(key), modes.CBC(iv))  # flag
    Cipher(algorithms.AES(key), modes.ECB())  # flag
    AES.new(key, AES.MODE_GCM)
    Cipher(algorithms.AES(key), modes.GCM(iv))
"""


def problem(call: Call) -> str:
    """Say what is wrong with the cipher or the mode that a call makes, or ""."""
    if call.name in CIPHERS:
        return f"{CIPHERS[call.name]} can be broken"
    if call.name in AES:
        mode = call.argument("mode", 1)
        if mode is None or not (mode.name.endswith(".MODE_ECB") or mode.constant == ECB):
            return ""
    return "ECB shows where blocks of the text are equal"


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=327,
    needles=(
        *(Needle(top, r"\.Cipher\b") for top in TOPS),
        *(Needle(where, r"\.ciphers\b") for where in ("hazmat.primitives", "hazmat.decrepit")),
    ),
    example=EXAMPLE,
)
def weak_cipher(code: Code) -> Iterator[Hit]:
    """Flag ciphers with known breaks, and the mode that keeps the pattern of the text."""
    severity = Severity.LOW if in_tests(code.path) else None
    places = {call.location: said for call in code.calls(*CIPHERS, *MODES, *AES) if (said := problem(call))}
    for place, said in places.items():
        yield Hit(place, said, severity=severity)

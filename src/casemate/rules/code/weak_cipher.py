"""A cipher that is broken, a mode that shows what it should hide, or one that lets others change it.

## Why
DES falls to trying all keys; the output of RC4 is not random enough to hide a cookie; DES, 3DES, RC2, Blowfish, CAST5
and IDEA have blocks of 64 bits, which repeat after some gigabytes and then give away text. ECB encrypts equal blocks to
equal blocks: who sees the result sees the pattern of the text, and can swap blocks unnoticed. CBC, CTR, CFB and OFB
hide the text, but nobody notices a change: where others can try, an answer that tells of a wrong padding gives the text
away.

## Fix
Use an authenticated mode of AES or ChaCha20: `AESGCM(key).encrypt(nonce, data, None)` or `Fernet(key)` of
`cryptography`, `AES.new(key, AES.MODE_GCM)` of PyCryptodome. Old data is decrypted once and encrypted anew.

## Known misses
Names of ciphers that are put together while the program runs. Ciphers that a protocol chooses: TLS, SSH, archives. A
mode without authentication is a note of severity info, and none where the function or class also makes an HMAC.
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
OPEN = {"CBC": 2, "CFB": 3, "OFB": 5, "CTR": 6}  # modes that tell no change, with their numbers in PyCryptodome
OPEN_MODES = {f"{PRIMITIVES[0]}.modes.{name}": name for name in OPEN}
SEALS = (
    "hmac.new",
    "hmac.digest",
    "cryptography.hazmat.primitives.hmac.HMAC",
    *(f"{top}.Hash.HMAC.new" for top in TOPS),
)

EXAMPLE = """
    from Crypto.Cipher import AES, ARC4, DES3
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    DES3.new(key, DES3.MODE_CBC, iv)  # flag
    ARC4.new(key)  # flag
    AES.new(key, AES.MODE_ECB)  # flag
    AES.new(b"", AES.MODE_GCM)  # flag
    Cipher(algorithms.Blowfish(key), modes.CBC(iv))  # flag
    Cipher(algorithms.AES(key), modes.ECB())  # flag
    AES.new(key, AES.MODE_CBC, iv)  # flag
    AES.new(key, AES.MODE_GCM)
    Cipher(algorithms.AES(key), modes.GCM(iv))
"""


def problem(call: Call) -> str:
    """Say what is wrong with the cipher or the mode that a call makes, or ""."""
    if call.name in CIPHERS:
        return f"{CIPHERS[call.name]} can be broken"
    key = call.argument("key", 0)
    if call.name in AES and key is not None and key.constant in {"", b""}:
        return "the key is empty"
    return "ECB shows where blocks of the text are equal" if call.name in MODES or has_mode(call, "ECB", ECB) else ""


def has_mode(call: Call, name: str, number: int) -> bool:
    """Tell whether AES of PyCryptodome is made with a mode."""
    mode = call.argument("mode", 1) if call.name in AES else None
    return mode is not None and (mode.name.endswith(f".MODE_{name}") or mode.constant == number)


def open_mode(call: Call) -> str:
    """Name the mode of a call that lets others change what was encrypted, or ""."""
    found = (name for name, number in OPEN.items() if has_mode(call, name, number))
    return OPEN_MODES.get(call.name, "") or next(found, "")


def sealed(code: Code) -> frozenset[str]:
    """Give the functions and classes in which a code is made that tells whether something was changed."""
    functions = {call.function for call in code.calls(*SEALS)}
    return frozenset(functions | {name.rpartition(".")[0] for name in functions} - {""})


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=327,
    needles=(
        *(Needle("Cipher", r"\b", top) for top in TOPS),
        Needle("ciphers", r"\b", "cryptography"),
    ),
    example=EXAMPLE,
)
def weak_cipher(code: Code) -> Iterator[Hit]:
    """Flag ciphers with known breaks, and the mode that keeps the pattern of the text."""
    severity = Severity.LOW if in_tests(code.path) else None
    places = {call.location: said for call in code.calls(*CIPHERS, *MODES, *AES) if (said := problem(call))}
    for place, said in places.items():
        yield Hit(place, said, severity=severity)
    loose = [call for call in code.calls(*OPEN_MODES, *AES) if call.location not in places and open_mode(call)]
    kept = sealed(code) if loose else frozenset[str]()
    for call in loose:
        if not kept.intersection({call.function, call.function.rpartition(".")[0] or call.function}):
            message = f"nobody notices when somebody changes what {open_mode(call)} encrypted"
            yield Hit(call.location, message, severity=Severity.INFO)

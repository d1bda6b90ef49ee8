"""Calls that take a secret: the keys of signatures and ciphers, the passwords of databases. A text there is one."""

from collections.abc import Iterator
from typing import NamedTuple

from casemate.model.rule import Needle
from casemate.readers.code import Call, Code

SIGNING, HIDING, ENTERING = "what this key signs", "what this key encrypts", "what this password opens"
CIPHERS = ("AES", "DES", "DES3", "ARC2", "ARC4", "Blowfish", "CAST", "ChaCha20", "Salsa20")
ITSDANGEROUS = (
    "Serializer",
    "TimedSerializer",
    "URLSafeSerializer",
    "URLSafeTimedSerializer",
    "Signer",
    "TimestampSigner",
)
TAKERS: dict[str, tuple[str, int | None, str]] = {
    **dict.fromkeys(("jwt.encode", "jose.jwt.encode"), ("key", 1, SIGNING)),
    **{f"itsdangerous.{name}": ("secret_key", 0, SIGNING) for name in ITSDANGEROUS},
    **{f"{top}.Cipher.{name}.new": ("key", 0, HIDING) for top in ("Crypto", "Cryptodome") for name in CIPHERS},
    "cryptography.fernet.Fernet": ("key", 0, HIDING),
    "cryptography.hazmat.primitives.ciphers.algorithms.AES": ("key", 0, HIDING),
    "cryptography.hazmat.primitives.ciphers.aead.AESGCM": ("key", 0, HIDING),
    "cryptography.hazmat.primitives.ciphers.aead.ChaCha20Poly1305": ("key", 0, HIDING),
    **{
        f"{name}.connect": ("password", None, ENTERING)
        for name in ("asyncpg", "mysql.connector", "psycopg", "psycopg2", "pymysql")
    },
    "MySQLdb.connect": ("passwd", None, ENTERING),
}
NEEDLES = (
    *(Needle("encode", r"\s*\(", top) for top in ("jwt", "jose")),
    *(Needle(name, r"\s*\(", "itsdangerous") for name in ("Serializer", "Signer")),
    *(Needle(name, r"\s*\.\s*new\s*\(") for name in CIPHERS),
    *(Needle(name, r"\s*\(", "cryptography") for name in ("Fernet", "AES", "AESGCM", "ChaCha20Poly1305")),
    *(Needle("connect", r"\s*\(", top) for top in ("asyncpg", "mysql", "psycopg", "psycopg2", "pymysql", "MySQLdb")),
)


class Taken(NamedTuple):
    """A text that a call takes for a secret: `name` is what it is written as, `opens` what it is good for."""

    call: Call
    name: str
    text: str
    opens: str


def taken(code: Code) -> Iterator[Taken]:
    """Yield the constants that are passed where a secret belongs."""
    for call in code.calls(*TAKERS):
        argument, place, opens = TAKERS[call.name]
        value = call.argument(argument, place)
        text = value.constant if value is not None else ""
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        if value is not None and isinstance(text, str) and text.strip("\0"):
            yield Taken(call, value.text, text, opens)

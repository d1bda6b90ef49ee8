"""A key, token or password that stands in the source.

## Why
Source is copied: to every developer, to the build, to a backup, often to the public. Whoever has it has the secret,
and it stays in the history after it was deleted from the file.

## Fix
Take it from the environment or a secret store. A secret that was ever committed is spent: replace it.

## Known misses
Secrets that are put together or encoded; secrets in files that are not Python.
"""

import re
from collections.abc import Iterable, Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests
from casemate.rules.secret_shapes import FEW, Shape, by_format, by_name, field

# `…_key: str = "`, `"password": "`
GIVEN = r"""\w{0,80}["'\])]{0,9}\s*(?::[^=\n]{0,80})?[=:]=?\s*(?:\(\s*)?[rRbBuU]{0,2}["']"""
NAMES = ("password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "api_key", "_key", "Key")
NEEDLES: tuple[str | Needle, ...] = (
    *(Needle(form, GIVEN) for name in NAMES for form in {name, name.upper(), name.capitalize()}),
    *("PRIVATE KEY", "AKIA", "ASIA", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "k_live_", "xox"),
    *("AIza", "SG.", "npm_", "pypi-AgE", "sk-ant-", "sk-proj-", "hf_", "eyJ"),
    Needle("://", r"[^\s/:@]+:[^\s/@]{6,}@"),
)
NEAR = re.compile(
    "|".join(re.escape(n.text) + n.then if isinstance(n, Needle) else re.escape(n) for n in NEEDLES).encode()
)
LITERAL = re.compile(r"\(?\s*[rRbBuU]{0,2}['\"]")

EXAMPLE = """
    import os

    AWS = "AKIA" "QWERTYUIOPASDFGH"  # flag
    github_token = "ghp_" + "a8Kd03mZq7Lw1Xc9Vb2Nf6Hj4Rt5Ys0PoUiE"  # flag
    db_password = "hX7!pq02-Lm"  # flag
    DATABASE = "postgres://shop:hX7pq02Lm@db.internal/shop"  # flag
    login(password="hX7!pq02-Lm")  # flag
    login(password=db_password)
    next_page_token = "eyJpbmRleCI6IDExfQ=="
    password = ""
    secret = None
    password = "changeme-please"
    api_key = os.environ["API_KEY"]
    TOKEN_HEADER = "X-Auth-Token"
    password_field = "user_password"
    token = "<your token here>"
    SECRET_NAME = "projects/shop/secrets/database"
"""


def judged(given: Assignment) -> Shape | None:
    """Give what the value looks like: first by its format, then by the name that it is given."""
    if not isinstance(given.value.constant, str | bytes) or not LITERAL.match(given.value.text):
        return None
    text = given.value.constant
    text = text if isinstance(text, str) else text.decode("latin-1")
    return by_format(text) or by_name(given.target, text)


def fields(every: Iterable[Assignment]) -> frozenset[tuple[str, str]]:
    """Give the names that are fields of a table by all texts that the file gives them, each with the way it does."""
    texts: dict[tuple[str, str], set[str]] = {}
    for given in every:
        if isinstance(given.value.constant, str):
            texts.setdefault((given.target, given.kind), set()).add(given.value.constant)
    return frozenset(way for way, alike in texts.items() if len(alike) >= FEW and field(way[0], alike))


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe=(798, 259),
    capabilities=(Capability.SECRET_READ,),
    example=EXAMPLE,
    needles=NEEDLES,
)
def hardcoded_secret(code: Code) -> Iterator[Hit]:
    """Flag constants with the format of a known secret, and constants with a secret's name and shape."""
    every = list(code.assignments(near=NEAR))
    tables = fields(every)
    for given in every:
        shape = judged(given)
        if shape is not None and not (shape.named and (given.target, given.kind) in tables):
            test = in_tests(code.path)
            severity = Severity.LOW if test else shape.severity
            confidence = Confidence.LOW if test else shape.confidence
            yield Hit(given.location, shape.message, severity=severity, confidence=confidence)

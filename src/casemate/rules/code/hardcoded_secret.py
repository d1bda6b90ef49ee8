"""A key, token or password that stands in the source.

## Why
Source is copied: to every developer, to the build, to a backup, often to the public. Whoever has it has the secret,
and it stays in the history after it was deleted from the file.

## Fix
Take it from the environment or a secret store. A secret that was ever committed is spent: replace it.

## Known misses
Secrets that are put together or encoded; secrets in files that are not Python. The default of an argument for a
password is a note of severity info; so is a password in a test for a server on the same machine.
"""

import re
from collections.abc import Iterable, Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle, spaced
from casemate.readers.code import Assignment, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests
from casemate.rules.secret_shapes import (
    FEW,
    FRAMEWORK_KEYS,
    PLACEHOLDER,
    POPULAR,
    Shape,
    by_default,
    by_format,
    by_name,
    field,
    of_framework,
)
from casemate.rules.secret_takers import NEEDLES as TAKING
from casemate.rules.secret_takers import taken

# `…_key: str = "`, `"password": "`
GIVEN = r"""\w{0,80}["']?(?:\s*[\])]){0,9}\s*(?::[^=\n]{0,80})?[=:]=?\s*(?:\(\s*)?[rRbBuU]{0,2}["']"""
ISSUED = r"""(?:[^"'\n]{0,200}\d|[^"'\n]{0,200}["']\s*[^\s,)\]}:;#])"""  # no token without a digit; or put together
WORDS = ("password", "passwd", "passphrase", "pwd", *sorted(map(str.lower, FRAMEWORK_KEYS)))
ISSUED_WORDS = ("secret", "token", "apikey", "api_key", "_key", "Key")


def forms(names: Iterable[str], behind: str) -> tuple[Needle, ...]:
    """Give needles for words as they are written in the names of variables, constants and classes."""
    return tuple(Needle(form, behind) for name in names for form in sorted({name, name.upper(), name.capitalize()}))


SHAPES: tuple[str | Needle, ...] = (
    *("PRIVATE KEY", "AKIA", "ASIA", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "k_live_", "xox"),
    *("AIza", "SG.", "npm_", "pypi-AgE", "sk-ant-", "sk-proj-", "hf_", "eyJ"),
    Needle("://", r"[^\s/:@]+:[^\s/@]{6,}@"),
    Needle("SECRET_KEY", r"""["']?(?:\s*\]){0,2}\s*=\s*(?:os\s*\.\s*)?(?:environ\s*\.\s*get|getenv)\s*\("""),
)
NEEDLES = (*forms(WORDS, GIVEN), *forms(ISSUED_WORDS, GIVEN + ISSUED), *SHAPES)
NEAR = re.compile(  # all that has such a name, to know a table of them
    "|".join(
        re.escape(n.text) + n.behind if isinstance(n, Needle) else re.escape(n)
        for n in (*forms((*WORDS, *ISSUED_WORDS), GIVEN), *SHAPES)
    ).encode()
)
OTHERWISE = re.compile(
    spaced(
        r"""(?:os\s*\.\s*)?(?:environ\s*\.\s*get|getenv)\s*\(\s*["'][^"']*["']\s*,\s*(?:default\s*=\s*)?["'](?P<text>[^"'\n]+)["']\s*(?:,\s*)?\)$"""
    )
)
LITERAL = re.compile(r"\(?\s*[rRbBuU]{0,2}['\"]")

EXAMPLE = """
    import os

    import jwt

    AWS = "AKIA" "QWERTYUIOPASDFGH"  # flag
    github_token = "ghp_" + "a8Kd03mZq7Lw1Xc9Vb2Nf6Hj4Rt5Ys0PoUiE"  # flag
    db_password = "hX7!pq02-Lm"  # flag
    DATABASE = "postgres://shop:hX7pq02Lm@db.internal/shop"  # flag
    login(password="hX7!pq02-Lm")  # flag
    jwt.encode(claims, "sesame", algorithm="HS256")  # flag
    app.config["SECRET_KEY"] = "blue sky"  # flag
    login(password=db_password)
    jwt.encode(claims, os.environ["KEY"], algorithm="HS256")
    app.config["SECRET_KEY"] = os.environ["KEY"]
    app.config["SECRET_KEY"] = os.environ.get("KEY", "open sesame")  # flag
    app.config["SECRET_KEY"] = os.environ.get("KEY", "")
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


def judged(given: Assignment, *, test: bool) -> Shape | None:
    """Give what the value looks like: first by its format, then by the name that it is given."""
    otherwise = OTHERWISE.match(given.value.text)
    if otherwise and not test and of_framework(given.target, otherwise["text"]):
        return Shape("everybody knows this key where the environment has none", Severity.LOW, Confidence.HIGH)
    if not isinstance(given.value.constant, str | bytes) or not LITERAL.match(given.value.text):
        return None
    text = given.value.constant
    text = text if isinstance(text, str) else text.decode("latin-1")
    found = by_format(text) or by_name(given.target, text)
    if test:
        return found  # nobody signs in to a test
    if found is None and given.kind != "compare":
        name = given.target.upper() if given.kind in {"attribute", "keyword"} else given.target  # `app.secret_key = …`
        found = of_framework(name, text)
    return by_default(given.target, text) if found is None and given.kind == "default" else found


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
    needles=(*NEEDLES, *TAKING),
)
def hardcoded_secret(code: Code) -> Iterator[Hit]:
    """Flag constants with the format of a known secret, and constants with a secret's name and shape."""
    every, told, test = list(code.assignments(near=NEAR)), set[str](), in_tests(code.path)
    tables = fields(every)
    for given in every:
        shape = judged(given, test=test)
        if shape is not None and not (shape.named and (given.target, given.kind) in tables):
            told |= {given.target, given.value.text}
            severity = shape.severity if not test else Severity.INFO if shape.here else Severity.LOW
            confidence = Confidence.LOW if test else shape.confidence
            yield Hit(given.location, shape.message, severity=severity, confidence=confidence)
    for call, name, text, opens in taken(code):
        if name not in told:
            weak = PLACEHOLDER.search(text) or text.lower() in POPULAR
            severity = Severity.INFO if test else Severity.LOW if weak else Severity.MEDIUM
            message = f"whoever reads the source has {opens}"
            yield Hit(call.location, message, severity=severity, confidence=Confidence.HIGH)

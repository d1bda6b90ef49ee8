"""A signed token whose signature nobody checks.

## Why
The claims of a JSON web token are plain text with a signature behind it. Without the check of the signature anybody
writes a token that says `"user": "admin"`. The algorithm "none" is a token without signature: to accept it is to accept
all.

## Fix
Pass the key and the one algorithm you sign with: `jwt.decode(token, key, algorithms=["RS256"])`. To find the key of a
token, read `jwt.get_unverified_header(token)["kid"]`, and believe nothing else before the check.

## Known misses
A client that reads, without a key, a token that its issuer has handed over need not check it. In files that import no
web framework such reading is of severity medium, and a note of severity info for `answer["access_token"]`, for what
the function itself asked for (`token = await api.sign_in()`), and where a client of HTTP or OAuth is imported. Options
that come from a variable that is filled elsewhere. Tokens taken apart by hand.
"""

import re
from collections.abc import Iterator, Sequence

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests, words

DECODES = (
    "jwt.decode", "jwt.decode_complete", "jwt.PyJWT.decode", "jwt.PyJWT.decode_complete", "jwt.PyJWS.decode",
    "jose.jwt.decode", "jose.jws.verify",
)  # fmt: skip
ENCODES = ("jwt.encode", "jwt.PyJWT.encode", "jose.jwt.encode")
CLAIMS = ("jose.jwt.get_unverified_claims", "jose.jws.get_unverified_claims")
SERVERS = (
    "flask", "quart", "django", "rest_framework", "fastapi", "starlette", "tornado", "sanic", "bottle", "falcon",
    "pyramid", "werkzeug", "http.server", "aiohttp.web",
)  # fmt: skip
CLIENTS = frozenset({"aiohttp", "authlib", "botocore", "httpx", "oauth", "oauthlib", "requests", "urllib"})
ASKED = re.compile(r"(?:await\s+)?[\w.]+\(", re.ASCII)
SENT = frozenset({"args", "cookie", "cookies", "header", "headers", "request", "bearer", "environ", "input", "argv"})
ISSUED = re.compile(r"""\[\s*["']?(?:\w+_)?(?:access|id)_?token["']?\s*\]""", re.IGNORECASE)  # RFC 6749, 5.1
PARTS = frozenset({"verify_signature", "verify"})

EXAMPLE = """
    import jwt

    jwt.decode(token, options={"verify_signature": False})  # flag
    jwt.decode(token, key, verify=False)  # flag
    jwt.decode(token, key, algorithms=["HS256", "none"])  # flag
    jwt.encode(claims, None, algorithm="none")  # flag
    jwt.decode(answer["access_token"], options={"verify_signature": False})  # flag
    jwt.decode(token, key, algorithms=["HS256"])
    jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False})
    jwt.get_unverified_header(token)["kid"]
"""


def off(options: Value | None) -> bool:
    """Tell whether the options say that the signature is not looked at."""
    return any(key in PARTS and value.constant is False for key, value in (options and options.entries) or ())


def says_none(value: Value | None) -> bool:
    """Tell whether an algorithm, or one of a list, is "none"."""
    if value is None:
        return False
    return any(isinstance(part.constant, str) and part.constant.lower() == "none" for part in value.items or (value,))


def problem(call: Call) -> str:
    """Say what a call leaves out, or ""."""
    if call.name in CLAIMS:
        return "nobody has checked who wrote these claims"
    if call.name in ENCODES:
        return "this token has no signature" if says_none(call.argument("algorithm", 2)) else ""
    verify = call.argument("verify")
    if off(call.argument("options", 3)) or (verify is not None and verify.constant is False):
        return "the signature is not checked: anybody can write this token"
    return "a token without signature is accepted" if says_none(call.argument("algorithms", 2)) else ""


def checking(calls: Sequence[Call]) -> frozenset[str]:
    """Give the functions that decode with a check: a look without one mostly finds the key for it."""
    return frozenset(call.function for call in calls if call.name in DECODES and not problem(call)) - {""}


def only_read(code: Code, call: Call) -> bool:
    """Tell whether a token is read without any key in a file that serves nobody: it may come from its issuer."""
    key = call.argument("key", 1)
    keyless = key is None or key.constant in {"", None}
    return call.name in DECODES and off(call.argument("options", 3)) and keyless and not any(code.imports(*SERVERS))


def handed_over(code: Code, call: Call) -> bool:
    """Tell whether a token is a field of an issuer's answer, or is read where a program is a client."""
    token = call.positional[0].text if call.positional else ""
    client = any(CLIENTS.intersection(words(module.name)) for module in code.imports())
    return client or ISSUED.search(token) is not None or asked_for(code, call, token.partition(".")[0])


def asked_for(code: Code, call: Call, name: str) -> bool:
    """Tell whether the function called something for the token, and no part of a request was in it."""
    texts = [
        given.value.text
        for given in code.assignments()
        if (given.target, given.kind, given.function) == (name, "name", call.function)
    ]
    return bool(texts) and all(ASKED.match(text) and not SENT.intersection(words(text)) for text in texts)


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    cwe=347,
    needles=tuple(
        needle
        for top in ("jwt", "jose")
        for needle in (
            Needle("verify_signature", r"""["']""", top),
            Needle("verify", r"""["']?\s*[=:]\s*False""", top),
            *(Needle(f"{mark}{word}{mark}", "", top) for mark in "\"'" for word in ("none", "None", "NONE")),
            Needle("get_unverified_claims", "", top),
        )
    ),
    example=EXAMPLE,
)
def unverified_token(code: Code) -> Iterator[Hit]:
    """Flag tokens that are believed, or made, without a signature."""
    calls = list(code.calls(*DECODES, *ENCODES, *CLAIMS))
    test = Severity.LOW if in_tests(code.path) else None
    checked = checking(calls)
    for call in calls:
        if said := problem(call):
            severity = Severity.LOW if call.function in checked else test
            if only_read(code, call):
                said = "the signature is not checked: right only if the issuer itself sent this token"
                most = Severity.INFO if handed_over(code, call) else Severity.MEDIUM
                severity = most if severity is None else min(severity, most)
            yield Hit(call.location, said, severity=severity)

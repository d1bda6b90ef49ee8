"""A signed token whose signature nobody checks.

## Why
The claims of a JSON web token are plain text with a signature behind it. Without the check of the signature anybody
writes a token that says `"user": "admin"`. The algorithm "none" is a token without signature: to accept it is to accept
all.

## Fix
Pass the key and the one algorithm you sign with: `jwt.decode(token, key, algorithms=["RS256"])`. To find the key of a
token, read `jwt.get_unverified_header(token)["kid"]`, and believe nothing else before the check.

## Known misses
A client that reads the token which the issuer itself has handed over need not check it: `answer["access_token"]` and
the like are notes of severity info in files that import no web framework. Options that come from a variable that is
filled elsewhere. Tokens that are taken apart by hand.
"""

import re
from collections.abc import Iterator, Sequence

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

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
ISSUED = re.compile(r"""\[\s*["']?(?:\w+_)?(?:access|id)_?token["']?\s*\]""", re.IGNORECASE)
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


def checked_too(call: Call, calls: Sequence[Call]) -> bool:
    """Tell whether the function also decodes with a check: then the first look mostly finds the key for it."""
    return call.function != "" and any(
        other.function == call.function and other.name in DECODES and not problem(other) for other in calls
    )


def handed_over(code: Code, call: Call) -> bool:
    """Tell whether a client reads a field of the answer in which an issuer gave it the token (RFC 6749, 5.1)."""
    token = call.positional[0] if call.positional else None
    return token is not None and ISSUED.search(token.text) is not None and not any(code.imports(*SERVERS))


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
    for call in calls:
        if said := problem(call):
            severity = Severity.LOW if checked_too(call, calls) else test
            if call.name in DECODES and handed_over(code, call):
                said, severity = "the signature is not checked: right only if the issuer itself sent it", Severity.INFO
            yield Hit(call.location, said, severity=severity)

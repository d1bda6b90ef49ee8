"""A TLS connection that may use a version or a cipher with known attacks.

## Why
SSL 2, SSL 3, TLS 1.0 and TLS 1.1 have weaknesses that let somebody on the way read or change what is sent. RFC 8996
forbids them. A client that asks for one of them gets it also from a server that could do better. Ciphers without
encryption (`NULL`), without a certificate (`aNULL`, `ADH`), of short keys (`EXPORT`, `LOW`) and RC4 protect nothing.

## Fix
Use `ssl.create_default_context()`, or `ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)`: they choose the best version that both
sides have. If you must set one: `context.minimum_version = ssl.TLSVersion.TLSv1_2`. Leave the ciphers as they are.

## Known misses
Versions and ciphers in configuration files. A version that is kept in a table and chosen later. A context that takes
every version (`ssl.PROTOCOL_TLS`, `SSLv23_METHOD`) is a note of severity info, unless the function that makes it limits
it by `minimum_version` or `options`: Python 3.10 and newer, and the settings of most systems, refuse the old ones. What
`set_options` of pyOpenSSL does is not seen.
"""

import re
from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1_1")
WEAK = {  # by the last two parts of a name: eventlet, gevent and Twisted give the same modules under names of their own
    **{f"ssl.PROTOCOL_{name}": name for name in VERSIONS},
    **{f"TLSVersion.{name}": name for name in ("SSLv3", "TLSv1", "TLSv1_1", "MINIMUM_SUPPORTED")},
    **{f"SSL.{name}_METHOD": name for name in VERSIONS},
}
ANY = frozenset({"ssl.PROTOCOL_TLS", "ssl.PROTOCOL_SSLv23", "SSL.SSLv23_METHOD", "SSL.TLS_METHOD"})
TAKERS = {
    "ssl.SSLContext": ("protocol", 0),
    "ssl.wrap_socket": ("ssl_version", 5),
    "ssl.get_server_certificate": ("ssl_version", 1),
    "OpenSSL.SSL.Context": ("method", 0),
}
UNLESS_TOLD = frozenset({"ssl.SSLContext", "ssl.wrap_socket"})  # which take every version
TARGETS = frozenset({"ssl_version", "minimum_version", "ssl_minimum_version", "tls_version", "method", "version"})
SAID = re.compile(r"\b(?:SSLv[23]|TLSv1(?:_1)?)$")  # `if version == TLSVersion.TLSv1`: the caller asked for it
CIPHERS = "ssl.SSLContext.set_ciphers"
BROKEN = re.compile(  # what is taken away again stands behind a sign
    r"(?:^|[:, ])(?:[A-Z0-9]+[-+])*(?P<name>[ae]?NULL|EXP(?:ORT)?(?:40|56)?|LOW|ADH|AECDH|RC4|DES(?!-CBC3)|@SECLEVEL=0)"
    r"(?=$|[-+:, @])"
)
LIMITED = re.compile(r"\bOP_NO_TLSv1_1\b")
ALLOWED = re.compile(r"~[^~]*\bOP_NO_(SSLv2|SSLv3|TLSv1_1|TLSv1)\b")

TAKES_ALL = "takes TLS 1.0 and 1.1 as well, where Python is older than 3.10 or the system allows them"

EXAMPLE = """
    import ssl
    import urllib3

    ssl.SSLContext(ssl.PROTOCOL_TLSv1)  # flag
    urllib3.PoolManager(ssl_version=ssl.PROTOCOL_SSLv3)  # flag
    urllib3.PoolManager(ssl_version=ssl.PROTOCOL_TLS)  # flag
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_1  # flag
    context.options &= ~ssl.OP_NO_SSLv3  # flag
    context.set_ciphers("ALL:RC4-SHA")  # flag
    context.set_ciphers("HIGH:!aNULL:!RC4")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if context.protocol == ssl.PROTOCOL_TLSv1:
        context.close()


    def any_version():
        return ssl.SSLContext(ssl.PROTOCOL_SSLv23)  # flag


    def not_the_old_ones():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS)
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        return context
"""


def short(value: Value | None) -> str:
    """Give the last two parts of the name of what is passed, or ""."""
    return ".".join(value.name.split(".")[-2:]) if value is not None else ""


def names_version(given: Assignment) -> bool:
    """Tell whether what is given a value is a version: an argument, its default, or an attribute."""
    return given.kind in {"keyword", "default", "attribute"} and given.target in TARGETS


def allowed(given: Assignment) -> str:
    """Name the version that an assignment allows, or ""."""
    if given.kind == "attribute" and given.target == "options":
        found = ALLOWED.search(given.value.text)
        return found[1] if found else ""
    return WEAK.get(short(given.value), "") if names_version(given) else ""


def limits(given: Assignment) -> bool:
    """Tell whether an assignment keeps a context from the old versions."""
    if given.target == "minimum_version":
        return not WEAK.get(short(given.value))
    return given.target == "options" and "~" not in given.value.text and LIMITED.search(given.value.text) is not None


def takes_all(call: Call) -> bool:
    """Tell whether a context is made that takes every version that the library and the system have."""
    value = call.argument(*TAKERS[call.name])
    return short(value) in ANY or (value is None and call.name in UNLESS_TOLD and not call.starred)


def broken(ciphers: Value | None) -> str:
    """Name the first of a list of ciphers that protects nothing, or ""."""
    text = ciphers.constant if ciphers is not None else ""
    found = BROKEN.search(text) if isinstance(text, str) else None
    return found["name"] if found else ""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(327, 326),
    needles=(
        Needle("PROTOCOL_", r"(?:SSLv2|SSLv3|SSLv23|TLSv1|TLSv1_1|TLS)\b"),
        Needle("TLSVersion", r"\s*\.\s*(?:SSLv3|TLSv1(?:_1)?|MINIMUM_SUPPORTED)\b"),
        *(Needle(f"{name}_METHOD", r"\b") for name in (*VERSIONS, "SSLv23", "TLS")),
        Needle("OP_NO_", r"(?:SSLv2|SSLv3|TLSv1|TLSv1_1)\b", "ssl"),
        Needle("SSLContext", r"\s*\(\s*\)", "ssl"),
        Needle("wrap_socket", r"\s*\(", "ssl"),
        Needle("set_ciphers", r"\s*\("),
    ),
    example=EXAMPLE,
)
def insecure_tls_version(code: Code) -> Iterator[Hit]:
    """Flag versions before TLS 1.2 where a context is made or told which versions it may use."""
    severity = Severity.LOW if in_tests(code.path) else None
    lines, given = set[int](), list(code.assignments())
    limited = {one.function for one in given if limits(one)}
    for call in code.calls(*TAKERS):
        if version := WEAK.get(short(call.argument(*TAKERS[call.name]))):
            lines.add(call.location.line)
            yield Hit(call.location, f"{version} has known attacks", severity=severity)
        elif takes_all(call) and call.function not in limited:
            lines.add(call.location.line)
            yield Hit(call.location, TAKES_ALL, severity=Severity.INFO)
    for call in code.calls(CIPHERS):
        if cipher := broken(call.argument("cipherlist", 0)):
            message = f"{cipher} lets in what protects nothing, or nearly nothing"
            yield Hit(call.location, message, severity=severity)
    asked = {one.function for one in given if one.kind == "compare" and SAID.search(one.value.text)}
    for one in given:
        if names_version(one) and short(one.value) in ANY and one.location.line not in lines:
            yield Hit(one.location, TAKES_ALL, severity=Severity.INFO)
        if (version := allowed(one)) and one.location.line not in lines and one.function not in asked:
            yield Hit(one.location, f"{version} has known attacks", severity=severity)

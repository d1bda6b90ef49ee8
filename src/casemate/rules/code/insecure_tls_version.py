"""A TLS connection that may use a version with known attacks.

## Why
SSL 2, SSL 3, TLS 1.0 and TLS 1.1 have weaknesses that let somebody on the way read or change what is sent. RFC 8996
forbids them. A client that asks for one of them gets it also from a server that could do better.

## Fix
Use `ssl.create_default_context()`, or `ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)`: they choose the best version that both
sides have. If you must set one: `context.minimum_version = ssl.TLSVersion.TLSv1_2`.

## Known misses
Versions that are allowed by taking `OP_NO_TLSv1` out of the options. Versions in configuration files. A version that is
kept in a table and chosen later. Ciphers.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

WEAK = {
    **{f"ssl.PROTOCOL_{name}": name for name in ("SSLv2", "SSLv3", "TLSv1", "TLSv1_1")},
    **{f"ssl.TLSVersion.{name}": name for name in ("SSLv3", "TLSv1", "TLSv1_1", "MINIMUM_SUPPORTED")},
    **{f"OpenSSL.SSL.{name}_METHOD": name for name in ("SSLv2", "SSLv3", "TLSv1", "TLSv1_1")},
}
TAKERS = {
    "ssl.SSLContext": ("protocol", 0),
    "ssl.wrap_socket": ("ssl_version", 5),
    "ssl.get_server_certificate": ("ssl_version", 1),
    "OpenSSL.SSL.Context": ("method", 0),
}
TARGETS = frozenset({"ssl_version", "minimum_version", "ssl_minimum_version", "tls_version", "method", "version"})

EXAMPLE = """
    import ssl
    import urllib3

    ssl.SSLContext(ssl.PROTOCOL_TLSv1)  # flag
    urllib3.PoolManager(ssl_version=ssl.PROTOCOL_SSLv3)  # flag
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_1  # flag
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext(ssl.PROTOCOL_SSLv23)
    if context.protocol == ssl.PROTOCOL_TLSv1:
        context.close()
"""


def weak(value: Value | None) -> str:
    """Name the version that a value stands for, "" where it is none of the weak ones."""
    return WEAK.get(value.name, "") if value is not None else ""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(327, 326),
    needles=(
        Needle("PROTOCOL_", r"(?:SSLv[23]|TLSv1(?:_1)?)\b"),
        Needle("TLSVersion.", r"(?:SSLv3|TLSv1(?:_1)?|MINIMUM_SUPPORTED)\b"),
        *(Needle(f"{name}_METHOD", r"\b") for name in ("SSLv2", "SSLv3", "TLSv1", "TLSv1_1")),
    ),
    example=EXAMPLE,
)
def insecure_tls_version(code: Code) -> Iterator[Hit]:
    """Flag versions before TLS 1.2 where a context is made or told which versions it may use."""
    severity = Severity.LOW if in_tests(code.path) else None
    lines = set[int]()
    for call in code.calls(*TAKERS):
        if version := weak(call.argument(*TAKERS[call.name])):
            lines.add(call.location.line)
            yield Hit(call.location, f"{version} has known attacks", severity=severity)
    for given in code.assignments():
        named = given.kind in {"keyword", "default", "attribute"} and given.target in TARGETS
        if named and (version := weak(given.value)) and given.location.line not in lines:
            yield Hit(given.location, f"{version} has known attacks", severity=severity)

"""A TLS connection that believes any certificate.

## Why
Without verification everybody on the way can answer in the name of the other side, read what is sent and change what
comes back: the encryption then protects nothing.

## Fix
Leave verification on. For a private authority name its file: `verify="/etc/ssl/our-ca.pem"`, or
`ssl.create_default_context(cafile=…)`.

## Known misses
Verification that is switched off by an attribute or by the environment. Clients without a library model.
"""

from collections.abc import Collection, Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

CLIENTS = ("requests.*", "httpx.*", "urllib3.*", "aiohttp.*", "ssl.*", "imaplib.*", "smtplib.*", "ftplib.*", "http.*")
OFF = frozenset({"verify", "verify_ssl", "ssl_verify", "check_hostname"})
NO_CERTIFICATE = frozenset({"CERT_NONE", "NONE"})  # words that urllib3 takes for ssl.CERT_NONE

EXAMPLE = """
    import ssl
    import requests

    requests.get("https://example.com", verify=False)  # flag
    requests.get("https://example.com", verify=0)  # flag
    context = ssl._create_unverified_context()  # flag
    context.check_hostname = False  # flag
    context.verify_mode = ssl.CERT_NONE  # flag
    session = requests.Session()
    session.verify = False  # flag
    ssl._create_default_https_context = ssl._create_unverified_context  # flag
    requests.get("https://example.com", verify="/etc/ssl/our-ca.pem")
    requests.get("https://example.com", verify=None)
    context.verify_mode = ssl.CERT_REQUIRED
    validate(verify=False)


    def fetch(url, verify=False):
        return requests.get(url, verify=verify)  # flag
"""


def no(value: Value) -> bool:
    """Tell whether a switch is set to False, 0 or ""; None stands for the default, which verifies."""
    return value.known and value.constant is not None and not value.constant


def off_in_call(call: Call) -> bool:
    """Tell whether an argument of a client's call switches verification off."""
    if call.name == "ssl._create_unverified_context":
        return True
    return any(
        (name in OFF and no(value))
        or (name == "cert_reqs" and (value.name == "ssl.CERT_NONE" or value.constant in NO_CERTIFICATE))
        or (name == "ssl" and value.constant is False and call.name.startswith("aiohttp."))
        for name, value in call.keywords
    )


def off_by_default(call: Call, defaults: Collection[tuple[str, str]]) -> bool:
    """Tell whether a call verifies only where the caller of its function asks for it."""
    return any(name in OFF and (call.function, value.text) in defaults for name, value in call.keywords)


def off_in_assignment(given: Assignment) -> bool:
    """Tell whether an attribute that clients and contexts have is set to off."""
    if given.kind != "attribute":
        return False
    if given.target in {"check_hostname", "verify"}:
        return no(given.value)
    return given.value.name in {"ssl.CERT_NONE", "ssl._create_unverified_context"}


def severity(code: Code, given: Assignment) -> Severity:
    """Say how bad it is: where only the name is not looked at, and less where the only authority is one's own."""
    if given.target != "check_hostname":
        return Severity.HIGH
    own = any(call.function == given.function for call in code.calls("ssl.SSLContext.load_verify_locations"))
    bare = any(call.function == given.function for call in code.calls("ssl.SSLContext"))
    return Severity.INFO if own and bare else Severity.MEDIUM


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    cwe=295,
    needles=(
        *(Needle(name, r"""["']?\s*[=:]""") for name in ("verify", "verify_ssl", "check_hostname", "ssl", "cert_reqs")),
        *("CERT_NONE", "_create_unverified_context"),
    ),
    capabilities=(Capability.NET_CONNECT,),
    example=EXAMPLE,
)
def disabled_tls_verification(code: Code) -> Iterator[Hit]:
    """Flag calls and attributes that switch the verification of certificates off."""
    calls, most = list(code.calls(*CLIENTS)), Severity.LOW if in_tests(code.path) else Severity.HIGH
    found = {call.location: Severity.HIGH for call in calls if off_in_call(call)}
    if any(code.imports("ssl", "requests", "httpx", "urllib3", "aiohttp")):
        given = list(code.assignments())
        found |= {one.location: severity(code, one) for one in given if off_in_assignment(one)}
        defaults = {
            (one.function, one.target) for one in given if one.kind == "default" and one.value.constant is False
        }
        for call in calls:
            if off_by_default(call, defaults):
                message = "any certificate is believed where the caller says nothing"
                yield Hit(call.location, message, severity=min(Severity.MEDIUM, most))
    for place, bad in sorted(found.items()):
        what = "any certificate is" if bad is Severity.HIGH else "a certificate for any other name is"
        yield Hit(place, f"{what} believed from here on", severity=min(bad, most))

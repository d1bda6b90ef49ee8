"""A password, or what a program asks and is told, that travels through the network in the clear.

## Why
Everybody on the way can read it: the neighbours in a wireless network, the provider, whoever got into a router. A
password that was read once is good until it is changed, and often good elsewhere. An answer can be changed on the way:
the program then believes, shows or installs what somebody else wrote.

## Fix
`ftplib.FTP_TLS`, SFTP or HTTPS for files; SSH instead of Telnet; `https://`; for mail `smtplib.SMTP_SSL`, or
`starttls(context=ssl.create_default_context())` before `login`, the same for IMAP and POP.

## Known misses
Addresses and passwords that are put together at run time. Databases and directories. What is read or sent without a
password is a note of severity info, and none in tests. `starttls` anywhere in a file counts for all of it.
"""

import re
from collections.abc import Iterator, Mapping

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

MAIL = {
    "smtplib.SMTP.login": "smtplib.SMTP.starttls",
    "imaplib.IMAP4.login": "imaplib.IMAP4.starttls",
    "poplib.POP3.pass_": "poplib.POP3.stls",
}
MAKERS = {
    "smtplib.SMTP.login": "smtplib.SMTP",
    "imaplib.IMAP4.login": "imaplib.IMAP4",
    "poplib.POP3.pass_": "poplib.POP3",
}
CLIENTS = ("requests.*", "httpx.*", "urllib.request.*", "urllib3.*")
CONNECTIONS = (
    "http.client.HTTPConnection",
    "urllib3.HTTPConnectionPool",
    "urllib3.connectionpool.HTTPConnectionPool",
    "urllib3.connection.HTTPConnection",
)
SAYING = ("telnetlib.Telnet.write", "telnetlib.Telnet.interact")
FETCHES = frozenset(
    {
        "delete", "get", "head", "open", "options", "patch", "post", "put", "request", "Request", "retrieve", "stream",
        "urlopen", "urlretrieve",
    }
)  # fmt: skip
SECOND = ("requests.Request", "requests.models.Request")  # whose first argument is the method
HERE = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$")
PLAIN = re.compile(rb"(?:http|ftp)://")
UNSIGNED = "what is asked and answered here can be read and changed on the way"
ADDRESS = re.compile(r"(?:http|ftp)://(?:(?P<user>[^/@:]*):[^/@]*@)?(?P<host>\[[^\]]*\]|[^/:?#]*)")

EXAMPLE = """
    import ftplib
    import smtplib
    import requests

    ftplib.FTP("ftp.example.com", "ada", password)  # flag
    ftplib.FTP("ftp.example.com").login("ada", password)  # flag
    requests.get("http://ada:secret@example.com/")  # flag
    requests.get("http://example.com/", auth=("ada", password))  # flag
    requests.get("http://example.com/")  # flag
    server = smtplib.SMTP("mail.example.com")
    server.login("ada", password)  # flag
    ftplib.FTP("ftp.example.com").login()
    ftplib.FTP_TLS("ftp.example.com", "ada", password)
    requests.get("https://example.com/", auth=("ada", password))
    requests.get("http://localhost:8000/", auth=("ada", password))
"""


def text(value: Value | None) -> str:
    """Give a text as far as its beginning is known."""
    if value is None:
        return ""
    return value.constant if isinstance(value.constant, str) else value.prefix


def signs_in(call: Call) -> bool:
    """Tell whether FTP is given a name and a password that are somebody's."""
    first = 1 if call.name == "ftplib.FTP" else 0
    user, password = call.argument("user", first), call.argument("passwd", first + 1)
    host = call.argument("host", 0) if first else None
    named = user is not None and password is not None and user.constant not in {"", "anonymous", None}
    return named and HERE.match(text(host)) is None


def address(call: Call, defaults: Mapping[tuple[str, str], str]) -> re.Match[str] | None:
    """Give the address without TLS on another machine that a client is told, also as the default of an argument."""
    second = call.name in SECOND or call.name.rpartition(".")[2] in {"request", "stream"}
    url = call.argument("url", 1 if second else 0)
    known = text(url) or (defaults.get((call.function, url.text), "") if url is not None else "")
    found = ADDRESS.match(known)
    return found if found and found["host"] and not HERE.match(found["host"]) else None


def signs(call: Call, found: re.Match[str]) -> bool:
    """Tell whether a password goes with a request."""
    auth = call.argument("auth")
    return bool(found["user"]) or (auth is not None and auth.constant is not None)


def connects(call: Call) -> bool:
    """Tell whether a connection without TLS to another machine, which is named, is made."""
    host = text(call.argument("host", 0))
    return bool(host) and HERE.match(host) is None


def at_home(code: Code, maker: str) -> frozenset[str]:
    """Give the functions that connect to their own machine."""
    made = code.calls(maker)
    return frozenset(call.function for call in made if HERE.match(text(call.argument("host", 0)) or "localhost"))


def mail(code: Code) -> Iterator[Call]:
    """Yield where a mail server on another machine is signed in to, in a file that never asks it for TLS."""
    for name, tls in MAIL.items():
        if not any(code.calls(tls)):
            home = at_home(code, MAKERS[name])
            yield from (call for call in code.calls(name) if call.function not in home)


def telnet(code: Code) -> Iterator[Hit]:
    """Yield where Telnet connects; where the program only listens to the end it tells nobody anything."""
    made = [call for call in code.calls("telnetlib.Telnet") if call.positional or call.keywords]
    says = made and any(True for _ in code.calls(*SAYING))
    listening = [call.function for call in code.calls("telnetlib.Telnet.read_all")] if made else []
    for call in made:
        if says or call.function not in listening:
            severity = Severity.INFO if in_tests(code.path) else None
            yield Hit(call.location, "all that is said by Telnet travels in the clear", severity=severity)
        elif not in_tests(code.path):
            yield Hit(call.location, UNSIGNED, severity=Severity.INFO)


@rule(
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    cwe=(319, 523),
    needles=(
        *(Needle(name, "", name) for name in ("ftplib", "telnetlib", "smtplib", "imaplib", "poplib")),
        *(Needle("http://"), Needle("ftp://"), Needle("HTTPConnection", r"(?:Pool)?\s*\(")),
    ),
    example=EXAMPLE,
)
def cleartext_transport(code: Code) -> Iterator[Hit]:
    """Flag passwords that are sent by FTP, Telnet, HTTP, or to a mail server without TLS."""
    test = Severity.INFO if in_tests(code.path) else None
    found = [call for call in code.calls("ftplib.FTP", "ftplib.FTP.login") if signs_in(call)]
    yield from telnet(code)
    asked = list(code.calls(*CLIENTS))
    given = [one for one in code.assignments(near=PLAIN) if one.kind == "default"] if asked else []
    defaults = {(one.function, one.target): text(one.value) for one in given}
    for call in asked:
        if there := address(call, defaults):
            if signs(call, there):
                found.append(call)
            elif test is None and call.name.rpartition(".")[2] in FETCHES:
                yield Hit(call.location, UNSIGNED, severity=Severity.INFO)
    for call in (*found, *mail(code)):
        yield Hit(call.location, "what signs in travels in the clear", severity=test)
    for call in code.calls(*CONNECTIONS):
        if test is None and connects(call):
            yield Hit(call.location, UNSIGNED, severity=Severity.INFO)

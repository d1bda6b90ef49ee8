r"""Text from outside becomes part of a header.

## Why
A line break ends a header. What follows is the next header, or the body: whoever sends it sets cookies, puts a page of
their own into a cache, or writes the text of a mail.

## Fix
Refuse line breaks before: `if "\r" in value or "\n" in value: abort(400)`, or take them out. Frameworks such as Flask
and Django refuse them by themselves; `http.server` writes what it is given. For mail use `email.message.EmailMessage`,
which refuses them, in the place of `MIMEText` and `MIMEMultipart`.

## Known misses
Ways through functions that are not modelled, where a server or framework checks headers itself.
Answers that are put together as text and written to a socket. Names of headers in a dictionary that is passed whole.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Code, FlowHit
from casemate.rules import judge, rule

# What http.server took from one line of the request; a line break comes into it by decoding only.
ONE_LINE = frozenset({"the path of a request", "a header of a request"})
# Set on a message of its own to take a header line apart, as PEP 594 advises: no mail has them from outside.
TAKEN_APART = frozenset({"content-type", "content-disposition"})
COOKIES = (".set_cookie", "HttpResponse.__setitem__")  # which refuse line breaks, or quote what they are given
START = "wsgiref.types.StartResponse.__call__"
DECODERS = tuple(f"urllib.parse.{name}" for name in ("unquote", "unquote_plus", "parse_qs", "parse_qsl"))

EXAMPLE = """
    from email.message import EmailMessage
    from email.mime.text import MIMEText
    from http.server import BaseHTTPRequestHandler
    from urllib.parse import unquote


    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            place = unquote(self.path)
            self.send_response(302)
            self.send_header("Location", place)  # flag
            self.send_header("Content-Length", str(len(place)))
            self.end_headers()
            letter = MIMEText("text")
            letter["Subject"] = place  # flag
            letter = EmailMessage()
            letter["Subject"] = place
"""


def served(found: FlowHit) -> bool:
    """Tell whether a header of `http.server` is written."""
    return found.sink.startswith("http.server.")


def validated(code: Code, found: FlowHit) -> bool:
    """Tell whether the application is wrapped in what refuses line breaks in headers."""
    if found.sink != START:
        return False
    wrapped = {call.positional[0].text for call in code.calls("wsgiref.validate.validator") if call.positional}
    return any(call.function in wrapped for call in code.calls(START) if call.location == found.location)


def taken_apart(code: Code) -> frozenset[Location]:
    """Give where a message gets a header only for its parameters to be read."""
    calls = code.calls("email.message.Message.__setitem__")
    names = ((call.location, call.argument("name", 0)) for call in calls)
    return frozenset(place for place, name in names if name is not None and str(name.constant).lower() in TAKEN_APART)


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=113,
    kinds=("header",),
    example=EXAMPLE,
)
def header_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in headers; those of a mail are refused when it is written by newer Pythons."""
    flows = [found for found in judge.worst(code, "header") if found.trust.far]
    decodes = any(found.source in ONE_LINE and served(found) for found in flows) and any(code.calls(*DECODERS))
    apart = taken_apart(code) if any(found.sink.startswith("email.") for found in flows) else frozenset[Location]()
    for found in flows:
        if found.source in ONE_LINE and served(found) and not decodes:
            continue
        if validated(code, found):
            continue
        if found.sink.startswith("email."):
            if found.location in apart:
                continue
            message = "{source} becomes a header of a mail; Python before 3.13.12 lets its line breaks end the headers"
            yield judge.hit(found, message, Severity.LOW)
        elif found.sink.endswith(COOKIES):
            yield judge.hit(found, "{source} chooses which cookie {sink} sets", Severity.LOW)
        elif found.sure or served(found):  # other servers refuse line breaks: a guess is no finding
            yield judge.hit(found, "{source} becomes part of a header that {sink} writes", Severity.MEDIUM)

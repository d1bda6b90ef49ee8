"""Somebody outside chooses where this program connects to.

## Why
The program stands inside: it reaches the metadata service of the cloud, databases, and services of its own host that
trust whoever can reach them.

## Fix
Let the client choose a name, and look up the address in a dictionary of yours. Where a URL must come from outside,
compare `urlsplit(url).netloc` with a list, refuse redirects, and withhold the rest from outside the program
(`casemate run`).

## Known misses
Values of the starter of the program (arguments, environment) are not reported: the starter has the same rights. Names
that resolve to inside addresses, and redirects, cannot be seen in the text of a program.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from urllib.parse import urlsplit
    import requests
    from flask import Flask, request

    app = Flask(__name__)
    ALLOWED = {"api.example.com"}
    PLACES = {"a": "https://a.example.com/"}


    @app.route("/fetch")
    def fetch():
        url = request.args["url"]
        requests.get(url)  # flag
        requests.get("https://" + url + "/status")  # flag
        requests.get("https://api.example.com/find", params={"q": url})
        requests.get("https://api.example.com/" + url)
        requests.get(PLACES[url])
        if urlsplit(url).netloc in ALLOWED:
            requests.get(url)
        return ""
"""


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe=918,
    kinds=("url",),
    capabilities=(Capability.NET_CONNECT,),
    example=EXAMPLE,
)
def server_side_request_forgery(code: Code) -> Iterator[Hit]:
    """Report flows of remote values into the address of a connection."""
    message = "{source} chooses where {sink} connects to"
    return judge.flows(code, "url", message=message, remote=Severity.HIGH)

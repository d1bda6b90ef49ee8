"""Somebody outside chooses where this site sends its visitors.

## Why
A link to your site that leads to another is believed, because it begins with your name: a password typed there is
lost.

## Fix
Redirect to `url_for(…)`, or to a path that begins with one `/` of your own, or compare the host with a list.

## Known misses
Values of the starter of the program (arguments, environment) are not reported: the starter has the same rights.
Redirects that a page makes with JavaScript or a `meta` element.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from flask import Flask, redirect, request, url_for

    app = Flask(__name__)


    @app.route("/login")
    def login():
        if request.args["plain"]:
            return redirect(request.args["next"])  # flag
        if request.args["home"]:
            return redirect("/home")
        if request.args["page"]:
            return redirect("/pages/" + request.args["page"])
        return redirect(url_for("login", next=request.args["next"]))
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe=601,
    kinds=("redirect",),
    example=EXAMPLE,
)
def open_redirect(code: Code) -> Iterator[Hit]:
    """Report flows of remote values into the target of a redirect."""
    message = "{source} chooses where the visitor is sent"
    return judge.flows(code, "redirect", message=message, remote=Severity.MEDIUM)

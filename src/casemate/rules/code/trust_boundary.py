"""A value from outside is kept in the session as it came.

## Why
What stands in a session is later read as something the program itself has put there. A value that nobody looked at when
it came is then believed: a name, a role, an address to return to. A key from outside overwrites entries that decide who
is signed in.

## Fix
Keep what the program has found out, not what was sent: the id of the user whose password was right, one of your own
words. Check before you store, and never let a request choose the key.

## Known misses
Sessions of libraries without a model. Checks that the analysis does not see as such are no checks here.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from flask import Flask, request, session

    app = Flask(__name__)


    @app.post("/enter")
    def enter():
        session["role"] = request.form["role"]  # flag
        session["page"] = int(request.form["page"])
        language = request.form["language"]
        if language in ("de", "en"):
            session["language"] = language
        session["signed_in"] = True
        return ""
"""


@rule(severity=Severity.LOW, confidence=Confidence.LOW, cwe=501, kinds=("session",), example=EXAMPLE)
def trust_boundary(code: Code) -> Iterator[Hit]:
    """Report remote values that are stored in a session."""
    message = "{source} is kept in the session as it came"
    return judge.flows(code, "session", message=message, remote=Severity.LOW)

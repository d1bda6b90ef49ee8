"""Bytes from outside are turned into objects by a format that calls functions.

## Why
A pickle is a program: it names functions and calls them while it is read. Whoever writes the bytes runs code as you,
before you see a value. The same holds for marshal, shelve, dill, joblib and jsonpickle.

## Fix
Use JSON, msgpack or a schema. If it must be a pickle of your own, verify an HMAC first, with a key that is not in the
bytes' reach. A `find_class` that forbids names has been got around more than once.

## Known misses
Formats without a library model. A file that somebody else can write, read by a constant name.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    import base64
    import json
    import pickle
    from flask import Flask, request

    app = Flask(__name__)


    @app.route("/restore")
    def restore():
        text = base64.b64decode(request.cookies["state"])
        pickle.loads(text)  # flag
        json.loads(text)
        pickle.loads(pickle.dumps({}))
        return ""
"""


@rule(
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    cwe=502,
    kinds=("deserialization",),
    capabilities=(Capability.CODE_DESERIALIZE,),
    example=EXAMPLE,
)
def unsafe_deserialization(code: Code) -> Iterator[Hit]:
    """Report every flow into a format that calls functions."""
    message = "{source} is turned into objects by {sink}, which runs the code that it names"
    for found in judge.worst(code, "deserialization"):
        # marshal is the form of compiled programs, and to name a program that is then run is what a starter does
        local = judge.started(found, Severity.LOW) if found.sink.startswith("marshal.") else Severity.MEDIUM
        yield judge.hit(found, message, Severity.CRITICAL if found.trust.far else local)

"""Text from outside becomes part of a regular expression.

## Why
Python's `re` goes back and tries again. For `(a+)+$` and a line of thirty letters it tries a thousand million ways: one
request keeps a processor busy for minutes, and no other thread of the program runs meanwhile. An expression from
outside also decides what a check lets through.

## Fix
Search for the text itself with `in`, or escape it: `re.search(re.escape(word), line)`. If users must write expressions,
use an engine without going back (RE2), or a process of its own with a limit of time.

## Known misses
Constant expressions that are slow on long input. Expressions of databases and of libraries without a model. Values of
the starter of the program are not reported.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    import re
    from flask import Flask, request

    app = Flask(__name__)
    LINES = ["one", "two"]


    @app.route("/search")
    def search():
        word = request.args["word"]
        found = [line for line in LINES if re.search(word, line)]  # flag
        re.compile(f"^{word}$")  # flag
        re.compile(rf"\\b{re.escape(word)}\\b")
        re.fullmatch(r"[a-z]+", word)
        return found
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(1333, 400),
    kinds=("regex",),
    capabilities=(Capability.RES_CPU,),
    example=EXAMPLE,
)
def regular_expression_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in patterns."""
    message = "{source} becomes part of the regular expression that {sink} runs"
    return judge.flows(code, "regex", message=message, remote=Severity.MEDIUM)

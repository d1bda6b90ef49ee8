"""Text from outside is run as Python.

## Why
`eval` and `exec` give the text everything that the process has. Emptied `__builtins__` do not help: every object
leads back to them. A module name from outside runs whatever module is found.

## Fix
Use `ast.literal_eval` for literals, a dictionary of functions for commands, a real parser for formulas. If code of
others must run, run it in a confined process (`casemate run`).

## Known misses
A module that the starter of the program chooses (arguments, environment) is not reported: the starter could run it
too. What the starter's values may become in code that is not modelled is a note of severity info. Expression engines
without a library model. Code that is written to a file and imported later.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    import ast
    import importlib
    from flask import Flask, request

    app = Flask(__name__)


    @app.route("/sum")
    def total():
        formula = request.args["formula"]
        eval(formula)  # flag
        exec("x = " + formula)  # flag
        importlib.import_module(request.args["module"])  # flag
        eval("1 + 1")
        return str(ast.literal_eval(formula))
"""


@rule(
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    cwe=(94, 95),
    kinds=(
        "code",
        "import",
    ),
    capabilities=(
        Capability.CODE_EVAL,
        Capability.CODE_IMPORT,
    ),
    example=EXAMPLE,
)
def code_injection(code: Code) -> Iterator[Hit]:
    """Report every flow into code, and remote values that choose a module."""
    for found in judge.worst(code, "code"):
        severity = Severity.CRITICAL if found.trust.far else judge.started(found, Severity.LOW)
        yield judge.hit(found, "{source} is run as Python by {sink}", severity)
    yield from judge.flows(code, "import", message="{source} chooses the module for {sink}", remote=Severity.CRITICAL)

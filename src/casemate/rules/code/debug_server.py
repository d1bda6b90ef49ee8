"""A development server or debug mode that is switched on in the code.

## Why
Werkzeug's debugger is a Python prompt in the browser: whoever reaches the page and gets past its PIN runs code as
you. Debug pages show settings, variables and source text to everybody who can cause an error.

## Fix
Leave debug off in the code and switch it on from outside: `flask --debug run`. Serve with gunicorn, uWSGI or another
server made for it.

## Known misses
Debug that is switched on by the environment or a configuration file, or by position in a variable whose name does not
say so.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Code, Value
from casemate.rules import rule
from casemate.rules.naming import in_tests

SWITCHES = {
    "flask.Flask.run": ("debug", "use_debugger"),
    "werkzeug.serving.run_simple": ("use_debugger",),
    "bottle.run": ("debug",),
    "bottle.debug": ("mode",),
    "tornado.web.Application": ("debug",),
    "sanic.Sanic.run": ("debug",),
    "aiohttp_debugtoolbar.setup": (),
}
TOLD = re.compile(rb"(?i)debug|true|\*\*")  # in a call that switches something on

EXAMPLE = """
    from flask import Flask

    app = Flask(__name__)
    app.debug = True  # flag
    app.config["DEBUG"] = True  # flag
    app.run(debug=True)  # flag
    app.run(debug=1)  # flag
    app.run(debug=False)
    app.run(debug=options.debug)
    logger.run(debug=True)
"""


def on(value: Value) -> bool:
    """Tell whether a switch is given True, or a number that stands for it."""
    return value.constant is True or (isinstance(value.constant, int) and value.constant > 0)


def switched_on(given: Assignment, *, settings: bool) -> bool:
    """Tell whether `app.debug`, `config["DEBUG"]` or, in a settings module, `DEBUG` is switched on."""
    if not on(given.value):
        return False
    if settings:
        return given.target == "DEBUG" and given.kind == "name" and not given.function
    return (given.target, given.kind) in {("debug", "attribute"), ("DEBUG", "key")}


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    cwe=(489, 94),
    needles=(
        *(Needle(name, r"""["']?(?:\s*\]){0,2}\s*[=:]""") for name in ("debug", "DEBUG", "use_debugger")),
        Needle("run", r"\s*\([^()]{0,200},[^()]{0,200},"),
        Needle("bottle", "", "bottle"),
    ),
    capabilities=(Capability.CODE_EVAL,),
    example=EXAMPLE,
)
def debug_server(code: Code) -> Iterator[Hit]:
    """Flag debug switches of web frameworks that are on in the text of the program."""
    test = Severity.LOW if in_tests(code.path) else None
    for call in code.calls(*SWITCHES, having=TOLD):
        for name in SWITCHES[call.name]:
            value = call.argument(name)
            if value is not None and on(value):
                yield Hit(call.location, "the debugger is open to whoever reaches this server", severity=test)
    settings = PurePath(code.path).name.startswith("settings") and not any(code.imports("flask"))
    if settings or any(code.imports("flask")):
        for given in code.assignments():
            if switched_on(given, settings=settings):
                severity = test or (Severity.MEDIUM if settings else None)
                yield Hit(given.location, "debug mode is switched on in the code", severity=severity)

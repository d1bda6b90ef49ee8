"""Templates of a web program that write values into a page as they are.

## Why
`jinja2.Environment` escapes nothing unless it is told to: a value that holds `<script>` becomes a script of the page.
One template that forgets `|e` is enough.

## Fix
`jinja2.Environment(autoescape=jinja2.select_autoescape())`, or the templates of the framework, which escape by
themselves. Declare what is markup with `markupsafe.Markup`.

## Known misses
`jinja2.Template(text)` escapes nothing either: what is put into its page is reported as a flow, cross-site-scripting.
Sandboxed environments, and those whose switch is a variable. In files that import no web framework an environment is a
note of severity info: what it makes may be no page.
"""

import re
from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests

SILENT = frozenset({"jinja2.Environment"})  # which escape nothing unless they are told to
MAKO = "mako.lookup.TemplateLookup"  # the same where no filter is named, but its templates may name one
MAKERS = (
    *SILENT, MAKO, "jinja2.sandbox.SandboxedEnvironment", "jinja2.sandbox.ImmutableSandboxedEnvironment",
    "aiohttp_jinja2.setup", "tornado.web.Application", "tornado.template.Loader", "tornado.template.Template",
)  # fmt: skip
WEB = (
    "aiohttp", "bottle", "cherrypy", "django", "falcon", "fastapi", "flask", "http.server", "pyramid", "quart", "sanic",
    "starlette", "tornado", "webapp2", "webob", "werkzeug",
)  # fmt: skip
SWITCH = re.compile(rb"autoescape")
MARKED = ("block_start_string", "variable_start_string")  # not the signs of a page: LaTeX, configuration, code

EXAMPLE = """
    import jinja2
    from flask import Flask
    from mako.lookup import TemplateLookup

    app = Flask(__name__)
    jinja2.Environment(loader=loader)  # flag
    jinja2.Environment(loader=loader, autoescape=False)  # flag
    app.jinja_options["autoescape"] = False  # flag
    TemplateLookup(directories=["pages"])  # flag
    jinja2.Environment(loader=loader, autoescape=True)
    jinja2.Environment(loader=loader, autoescape=jinja2.select_autoescape())
    jinja2.Environment(loader=loader, variable_start_string="<<")
    jinja2.Environment(**options)
    TemplateLookup(directories=["pages"], default_filters=["h"])
"""


def escapes_nothing(call: Call) -> bool:
    """Tell whether an environment is told to escape nothing, or nothing at all."""
    if any(call.argument(name) is not None for name in MARKED):
        return False
    if call.name == MAKO:
        return call.argument("default_filters") is None and not call.starred
    switch = call.argument("autoescape")
    if switch is None:
        return call.name in SILENT and not call.starred
    return (switch.constant is not None or call.name.startswith("tornado.")) and not switch.constant


def switches_off(given: Assignment) -> bool:
    """Tell whether the environment of a framework is told to escape nothing: `app.jinja_env.autoescape = False`."""
    return given.target == "autoescape" and given.kind in {"key", "attribute"} and given.value.constant is False


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe=(79, 116),
    needles=("jinja2", "TemplateLookup", Needle("autoescape", r"""["']?(?:\s*\]){0,2}\s*[=:]\s*(?:False|None)""")),
    example=EXAMPLE,
)
def autoescape_off(code: Code) -> Iterator[Hit]:
    """Flag environments of templates in web programs that escape nothing, and note them in others."""
    web = any(code.imports(*WEB))
    worst = Severity.INFO if not web else Severity.LOW if in_tests(code.path) else Severity.MEDIUM
    message = "what these templates are given is written into the page as it is"
    for call in code.calls(*MAKERS):
        if escapes_nothing(call):
            yield Hit(call.location, message, severity=worst if call.name != MAKO else min(worst, Severity.LOW))
    for given in code.assignments(near=SWITCH):
        if switches_off(given):
            yield Hit(given.location, message, severity=worst)

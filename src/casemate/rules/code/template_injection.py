"""Text from outside becomes part of a template.

## Why
A template is a program. In Jinja2 `{{ cycler.__init__.__globals__.os.popen("id").read() }}` runs a command, and `{{
config }}` shows the keys.

## Fix
Keep templates constant and give them values: `render_template_string("<p>{{ name }}</p>", name=name)`. If users must
write templates, use a language without code (`string.Template`), or a SandboxedEnvironment inside a confined process.

## Known misses
Template engines without a library model; templates that are stored first and rendered later.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from flask import Flask, render_template, render_template_string, request
    from jinja2 import Environment, Template

    app = Flask(__name__)


    @app.route("/card")
    def card():
        text = request.args["text"]
        render_template_string("<p>" + text + "</p>")  # flag
        Template(text).render()  # flag
        Environment(autoescape=True).from_string(f"Dear {text}")  # flag
        render_template_string("<p>{{ text }}</p>", text=text)
        return render_template("card.html", text=text)
"""


@rule(
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    cwe=1336,
    kinds=("template",),
    capabilities=(Capability.CODE_EVAL,),
    example=EXAMPLE,
)
def template_injection(code: Code) -> Iterator[Hit]:
    """Report every flow into the text of a template."""
    message = "{source} becomes part of the template that {sink} runs"
    return judge.flows(code, "template", message=message, remote=Severity.CRITICAL, local=Severity.LOW)

"""Text from outside becomes part of a page without being escaped.

## Why
Whoever writes the text writes HTML and JavaScript, which run in the browser of whoever looks at the page, with that
person's session.

## Fix
Render a template whose autoescaping is on (Flask: files that end in .html), or escape with `markupsafe.escape` where
the page is made by hand. `Markup` and `|safe` are for text of your own.

## Known misses
Escaping does not help inside `<script>`, `style`, unquoted attributes and `href`. Templates are not read yet. A text
that passes through a function without a model is not reported.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from flask import Flask, make_response, render_template, request
    from markupsafe import Markup, escape

    app = Flask(__name__)


    @app.route("/hello")
    def hello():
        name = request.args["name"]
        return f"<p>Hello, {name}</p>"  # flag


    @app.route("/greet")
    def greet():
        return make_response("<p>" + request.args["name"] + "</p>")  # flag


    @app.route("/bold")
    def bold():
        return render_template("bold.html", name=Markup("<b>" + request.args["name"] + "</b>"))  # flag


    @app.route("/escaped")
    def escaped():
        return f"<p>Hello, {escape(request.args['name'])}</p>"


    @app.route("/template")
    def template():
        return render_template("hello.html", name=request.args["name"])


    @app.route("/json")
    def json():
        return {"name": request.args["name"]}
"""


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe=79,
    kinds=("html",),
    example=EXAMPLE,
)
def cross_site_scripting(code: Code) -> Iterator[Hit]:
    """Report flows into a page that nothing escaped; what an unknown function made of a value is unknown."""
    message = "{source} becomes part of a page without being escaped"
    for found in judge.worst(code, "html"):
        if found.sure:
            yield judge.hit(found, message, Severity.HIGH if found.trust.far else Severity.LOW)

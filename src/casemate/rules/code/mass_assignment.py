"""Somebody else names the attribute that is overwritten.

## Why
`setattr(user, name, value)` with names from a request sets what no form has shown: `is_admin`, `owner_id`, or a method
of the object. So does `User(**fields)`, where `fields` is what was sent. Whoever sends one more field gives themselves
rights. In `User.objects.filter(**fields)` the names choose what is looked at: `password__startswith` finds a hash
letter by letter.

## Fix
Write down which names may be set: `for name in ("title", "text"): setattr(post, name, form[name])`. Or read the request
with a form or a schema that has these fields only.

## Known misses
Whole dictionaries that are passed as one argument: `query.update(fields)`, `defaults=fields`. Functions of the program
that take `**fields` and pass them on.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from django.db import models
    from flask import Flask, request

    app = Flask(__name__)


    class Post(models.Model):
        title = models.TextField()


    @app.post("/profile")
    def profile():
        user = load_user()
        for name, value in request.form.items():
            setattr(user, name, value)  # flag
        for name in ("city", "street"):
            setattr(user, name, request.form[name])
        for name, value in request.form.items():
            if name in {"city", "street"}:
                setattr(user, name, value)
        Post(**request.get_json())  # flag
        Post(title=request.get_json()["title"])
        return ""
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe=915,
    kinds=("assignment",),
    capabilities=(Capability.RT_PATCH,),
    example=EXAMPLE,
)
def mass_assignment(code: Code) -> Iterator[Hit]:
    """Report remote values that choose which attributes are set."""
    message = "{source} chooses which attributes or fields {sink} takes"
    return judge.flows(code, "assignment", message=message, remote=Severity.MEDIUM)

"""Somebody else names the attribute that is overwritten.

## Why
`setattr(user, name, value)` with names from a request sets what no form has shown: `is_admin`, `owner_id`, or a method
of the object. Whoever sends one more field gives themselves rights.

## Fix
Write down which names may be set: `for name in ("title", "text"): setattr(post, name, form[name])`. Or read the request
with a form or a schema that has these fields only.

## Known misses
Models that are built or updated from a whole dictionary: `User(**fields)`, `query.update(fields)`,
`user.__dict__.update(fields)`.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    from flask import Flask, request

    app = Flask(__name__)


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
    message = "{source} chooses which attributes {sink} overwrites"
    return judge.flows(code, "assignment", message=message, remote=Severity.MEDIUM)

"""Text from outside is used as a format string.

## Why
A format string reads attributes: `"{user.__init__.__globals__[CONFIG]}".format(user=user)` shows the variables of the
module in which the class of `user` stands, keys and passwords too. `"{0:9999999999}"` takes all memory.

## Fix
Keep the format constant and pass the text as an argument: `"Dear {name}".format(name=name)`. If users must write
patterns, use `string.Template`, which knows names only.

## Known misses
`%` of a text from outside reads no attributes, and raises at worst: it is not reported, and
neither is a format to which only texts and numbers are passed. Loggers whose style is `{`.
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
    KEY = "a key of the program"


    class User:
        def __init__(self, name):
            self.name = name


    @app.route("/greet")
    def greet():
        pattern = request.args["pattern"]
        user = User("Ada")
        first = pattern.format(user=user)  # flag
        second = ("Dear " + pattern).format_map({"user": user})  # flag
        third = "Dear {}".format(pattern)
        fourth = pattern.format(name="Ada")
        return {"texts": [first, second, third, fourth]}
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=134,
    kinds=("format",),
    capabilities=(Capability.SECRET_READ,),
    example=EXAMPLE,
)
def format_string_injection(code: Code) -> Iterator[Hit]:
    """Report remote values that are formats, where something is passed that has attributes."""
    message = "{source} is the format of {sink}, which reads attributes of what is passed"
    return judge.flows(code, "format", message=message, remote=Severity.MEDIUM)

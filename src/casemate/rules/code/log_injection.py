r"""Text from outside is logged as it is.

## Why
A line break in the text begins a new line of the log: whoever sends it writes entries that never happened. Escape
sequences change what a terminal shows.

## Fix
Log the representation: `logger.info("login of %r", name)`. Or take line breaks out: `name.replace("\n", "")`. Or set up
a formatter that writes JSON, then this rule can be left out for the project.

## Known misses
Headers and addresses of requests are notes of severity info: servers refuse line breaks in them. How the log is
formatted is not looked at: with a formatter that escapes, findings are harmless. Loggers without a model. Ways through
functions that are not modelled. Log files that a page shows without escaping.
"""

import re
from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code, Value
from casemate.rules import judge, rule

ONE_LINE = frozenset({"a header of a request", "the address of a request"})  # as it came: servers refuse line breaks
CONVERSION = re.compile(r"%[-+ #0]*+(?:\*|\d+)?(?:\.(?:\*|\d+))?([a-zA-Z%])")
QUOTED = frozenset({"bytes", "bytearray", "dict", "list", "tuple", "set", "frozenset"})  # str() of them is repr()

EXAMPLE = """
    import logging
    from flask import Flask, request

    app = Flask(__name__)
    logger = logging.getLogger(__name__)


    @app.route("/login")
    def login():
        name = request.args["name"]
        logger.info("login of %s", name)  # flag
        logging.warning(f"no such person: {name}")  # flag
        logger.info("login of %r", name)
        logger.info("login number %d", int(name))
        logger.info("fields %s", {"name": name})
        return ""
"""


def quoted(call: Call) -> bool:
    """Tell whether every argument is written with `%r`, or is of a type whose text is its representation."""
    place = call.parameters.index("msg") if "msg" in call.parameters else 0
    message = call.argument("msg", place)
    if message is None or not isinstance(message.constant, str) or call.starred:
        return False
    letters = [letter for letter in CONVERSION.findall(message.constant) if letter != "%"]
    arguments = call.positional[place + 1 :]
    if len(letters) != len(arguments):
        return False
    return all(letter != "s" or represented(value) for letter, value in zip(letters, arguments, strict=True))


def represented(value: Value) -> bool:
    """Tell whether `%s` of a value cannot hold a line break: it is a container, or holds nothing from outside."""
    return value.known or value.items is not None or value.entries is not None or value.type in QUOTED


def shown(call: Call, argument: str) -> bool:
    """Tell whether the message itself is a container, which is logged as its representation."""
    message = call.argument(argument)
    return message is not None and not message.known and represented(message)


def logged(code: Code) -> dict[Location, Call]:
    """Give the calls that log, by place."""
    return {call.location: call for call in code.calls(tag="log")}


@rule(
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    cwe=117,
    kinds=("log",),
    example=EXAMPLE,
)
def log_injection(code: Code) -> Iterator[Hit]:
    """Report remote values that are logged and that neither `%r` nor a type quotes."""
    calls: dict[Location, Call] | None = None
    for found in judge.worst(code, "log"):
        if not found.sure or not found.trust.far:
            continue
        calls = logged(code) if calls is None else calls
        call = calls.get(found.location)
        if call is not None and (quoted(call) if found.argument == "*args" else shown(call, found.argument)):
            continue
        if found.source in ONE_LINE:
            yield judge.hit(found, "{source} is logged by {sink} as it came", Severity.INFO)
        else:
            yield judge.hit(found, "{source} is logged by {sink} with the line breaks it may hold", Severity.LOW)

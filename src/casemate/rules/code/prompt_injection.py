"""Text from outside stands in the instructions of a language model.

## Why
A model follows its system or developer message before all others. Whoever writes a part of it changes what the model is
there for: it gives away the rest of the message, or calls its tools for somebody else.

## Fix
Keep instructions constant, and pass what users write as a message of the role `user`. Choose parts that vary from words
of your own. Trust the answer no more than the least trusted text that the model has read.

## Known misses
Text of users in messages of the role `user` is not reported, and can steer a model too. Only the first message of a
list is looked at, and only where its role is written beside it. Text that was stored before.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity, Trust
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Code, FlowHit, Value
from casemate.rules import judge, rule

LISTS = frozenset({"messages", "input"})
INSTRUCTING = frozenset({"system", "developer"})

EXAMPLE = """
    from flask import Flask, request
    from openai import OpenAI

    app = Flask(__name__)
    client = OpenAI()


    @app.route("/ask")
    def ask():
        tone, question = request.args["tone"], request.args["question"]
        system = {"role": "system", "content": f"Answer in a {tone} tone."}
        user = {"role": "user", "content": question}
        client.chat.completions.create(model="m", messages=[system, user])  # flag
        client.responses.create(model="m", instructions="Be " + tone, input=question)  # flag
        client.responses.create(model="m", instructions="Be kind.", input=question)
        client.chat.completions.create(model="m", messages=[user])
        return ""
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.LOW,
    cwe=1427,
    kinds=("prompt",),
    capabilities=(Capability.NET_CONNECT,),
    example=EXAMPLE,
)
def prompt_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in the system or developer instructions."""
    places: dict[Location, FlowHit] = {}
    for found in sorted(code.flows("prompt"), key=judge.rank):
        if found.trust is Trust.REMOTE and (found.argument not in LISTS or first_instructs(code, found)):
            places.setdefault(found.location, found)
    for found in places.values():
        yield judge.hit(found, "{source} becomes part of the instructions that {sink} gives", Severity.MEDIUM)


def first_instructs(code: Code, found: FlowHit) -> bool:
    """Tell whether the first message of the list is one that instructs."""
    lists = (given.items for call in code.ends(found) if (given := call.argument(found.argument)) is not None)
    return any(role(messages[0]) in INSTRUCTING for messages in lists if messages)


def role(message: Value) -> str:
    """Give the role of a message, "" where it is not written."""
    given = dict(message.entries or ()).get("role")
    return given.constant if given is not None and isinstance(given.constant, str) else ""

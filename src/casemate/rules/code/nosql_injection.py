"""An object from outside becomes part of a query to a document database.

## Why
In a MongoDB query an object is an operator: `{"password": {"$ne": ""}}` matches every password but the empty one, and
`{"$where": "…"}` is JavaScript that the server runs. JSON from outside can hold such objects wherever a text is
expected.

## Fix
Make a text of it, `{"name": str(data["name"])}`, or check its type. Choose the keys and the operators yourself, and
never put text from outside into `$where`, `$function` or `bson.Code`.

## Known misses
Texts that are parsed as JSON and then looked up in (`json.loads(request.args["q"])["name"]`) within a filter whose keys
are fixed, and sources that are known as texts although a framework can make objects of them. Patterns of `$regex` that
match too much. Values of the starter of the program. Collections that are reached as attributes, where their type is
not known.
"""

from collections.abc import Iterator
from dataclasses import replace

from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Code, FlowHit, Value
from casemate.rules import judge, rule

OPERATORS = frozenset({"$where", "$function", "$accumulator"})  # what is below them is run by the server
LITERAL = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})  # compare with an object as it is
WHOLE = frozenset({"code", "command", "where_clause"})  # arguments of which every text counts
PARSERS = frozenset({"json.loads", "flask.json.loads", "bson.json_util.loads", "ast.literal_eval", "yaml.safe_load"})
STORED = "stored in a container"  # the step of `query["name"] = text`: a value, in a dict of the program
CONTAINERS = frozenset({"dict", "list", "tuple", "set"})
TEXTS = frozenset(
    [
        "a cookie", "a field of a form", "a form", "a header of a request", "a parameter of a request",
        "a parameter of the route", "the address of a request", "the name of an uploaded file", "the path of a request",
        "the query string",
    ]
)  # fmt: skip
EXAMPLE = """
    import json
    from bson import ObjectId
    from flask import Flask, request
    from pymongo import MongoClient

    app = Flask(__name__)
    users = MongoClient()["shop"]["users"]


    @app.route("/login", methods=["POST"])
    def login():
        data = request.get_json()
        users.find_one({"name": data["name"]})  # flag
        users.find(data)  # flag
        users.find(json.loads(request.args["filter"]))  # flag
        users.find({"$where": "this.age > " + request.args["age"]})  # flag
        users.find_one({"name": str(data["name"])})
        users.find_one({"name": request.args["name"]})
        users.find_one({"_id": ObjectId(data["id"])})
        users.update_one({"name": "guest"}, {"$set": {"language": data["language"]}})
        return ""
"""


@rule(severity=Severity.HIGH, confidence=Confidence.HIGH, cwe=943, kinds=("nosql",), example=EXAMPLE)
def nosql_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in queries, unless they are texts in the place of a value."""
    places: dict[Location, FlowHit] = {}
    for flow in code.flows("nosql"):
        found = weighed(code, flow) if flow.trust.far else None
        if found is not None:
            known = places.get(found.location, found)
            places[found.location] = min(known, found, key=judge.rank)
    for found in places.values():
        yield judge.hit(found, "{source} chooses what {sink} looks for, and how", Severity.HIGH)


def weighed(code: Code, flow: FlowHit) -> FlowHit | None:
    """Give a flow that brings more than a text; unsure where a text may stand within something that is not known."""
    value = next((value for call in code.ends(flow) if (value := call.argument(flow.argument)) is not None), None)
    text = flow.source in TEXTS
    if flow.argument in WHOLE:
        return flow
    if value is None:
        return replace(flow, sure=flow.sure and not text)
    if value.type == "str":
        return None
    if value.entries is None and (value.items is None or value.open):
        if text and value.type == "dict" and any(step.message == STORED for step in flow.flow.steps):
            return None
        chosen = not text or value.call in PARSERS or bool(value.type)
        return replace(flow, sure=flow.sure and chosen)
    return flow if opens(value, text=text) else None


def opens(value: Value, *, text: bool, code: bool = False) -> bool:
    """Tell whether a part of a query is left open to objects, or, where it is code, to anything."""
    if value.entries is not None:
        return any(
            opens(part, text=text, code=(code and key != "args") or key in OPERATORS)
            for key, part in value.entries
            if key not in LITERAL
        )
    if value.items is not None and not value.open:
        return any(opens(part, text=text, code=code) for part in value.items)
    if value.known or code:
        return not value.known
    if value.type and value.type not in CONTAINERS:
        return False
    return not text or value.call in PARSERS

"""Pages of every origin may read what a server answers to its visitor.

## Why
A browser keeps the scripts of one site from reading the answers of another. A server that answers every origin, and
takes the cookies of the visitor as well, gives that away: a page of somebody else then reads what only the visitor may
see, tokens of forms among it, and acts in their name.

## Fix
Name the origins that your own pages have: `allow_origins=["https://shop.example"]`, or leave the credentials out:
`allow_credentials=False` for what everybody may read.

## Known misses
Headers that are set by hand. Origins from a configuration. An answer to every origin without credentials is of severity
low as a setting of Django, and not reported elsewhere: what is public may be read by all.
"""

import re
from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code, Value
from casemate.rules import rule
from casemate.rules.naming import for_development

MIDDLEWARE = frozenset({"starlette.middleware.cors.CORSMiddleware", "fastapi.middleware.cors.CORSMiddleware"})
ADDING = frozenset(
    {
        "fastapi.FastAPI.add_middleware",
        "starlette.applications.Starlette.add_middleware",
        "starlette.middleware.Middleware",
        "fastapi.middleware.Middleware",
    }
)
FLASK = ("flask_cors.CORS", "flask_cors.cross_origin", "flask_cors.CORS.init_app")
SETTINGS = frozenset({"CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"})
NEAR = re.compile(rb"CORS_ALLOW_ALL_ORIGINS|CORS_ORIGIN_ALLOW_ALL|CORS_ALLOW_CREDENTIALS")
ALL = re.compile(r"\^?(?:https?\??(?::|\\:)(?://|\\/\\/))?\.[*+]\$?")  # as a regular expression
TO_THE_VISITOR = "scripts of every page may read what this server answers to the visitor"

EXAMPLE = """
    from fastapi import FastAPI
    from fastapi.middleware.cors import CORSMiddleware
    from flask_cors import CORS

    CORS_ALLOW_ALL_ORIGINS = True  # flag
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)  # flag
    app.add_middleware(CORSMiddleware, allow_origin_regex=".*", allow_credentials=True)  # flag
    CORSMiddleware(app, allow_origins=["*"], allow_credentials=True)  # flag
    CORS(shop, supports_credentials=True)  # flag
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"], allow_credentials=True)
    CORS(shop)
    CORS(shop, origins=["https://example.org"], supports_credentials=True)
"""


def all_of(origins: Value | None) -> bool:
    """Tell whether origins are `*`, or a list that has it."""
    return origins is not None and any(part.constant == "*" for part in origins.items or (origins,))


def of_middleware(call: Call) -> bool:
    """Tell whether the middleware of Starlette lets every origin read answers with the credentials of the visitor."""
    if call.name in ADDING and not (call.positional and call.positional[0].name in MIDDLEWARE):
        return False
    given = dict(call.keywords)
    pattern, credentials = given.get("allow_origin_regex"), given.get("allow_credentials")
    every = pattern is not None and isinstance(pattern.constant, str) and ALL.fullmatch(pattern.constant) is not None
    return credentials is not None and credentials.constant is True and (every or all_of(given.get("allow_origins")))


def of_flask(call: Call) -> bool:
    """Tell whether Flask-CORS does so; without origins it means all."""
    given = dict(call.keywords)
    credentials, origins, resources = (given.get(name) for name in ("supports_credentials", "origins", "resources"))
    if credentials is None or credentials.constant is not True or call.starred:
        return False
    inner = [dict(part.entries or ()).get("origins") for _, part in (resources and resources.entries) or ()]
    return all_of(origins) or any(map(all_of, inner)) or (origins is None and resources is None)


def of_django(code: Code) -> Iterator[tuple[Assignment, bool]]:
    """Yield the settings of Django that let every origin read answers; whether with credentials."""
    given = [one for one in code.assignments(near=NEAR) if one.kind == "name" and one.value.constant is True]
    trusted = any(one.target == "CORS_ALLOW_CREDENTIALS" and not one.function for one in given)
    yield from ((one, trusted) for one in given if one.target in SETTINGS and not one.function)


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(942, 346),
    needles=(
        *(Needle(name, r"""["']?(?:\s*\]){0,2}\s*(?::[^=\n]{0,80})?=""") for name in sorted(SETTINGS)),
        *(Needle(name, r"\s*=\s*True") for name in ("allow_credentials", "supports_credentials")),
    ),
    example=EXAMPLE,
)
def any_cors_origin(code: Code) -> Iterator[Hit]:
    """Flag middleware and settings that let every origin read answers."""
    if for_development(code.path):
        return
    for call in (*code.calls(*MIDDLEWARE, *ADDING), *code.calls(*FLASK)):
        if of_flask(call) if call.name in FLASK else of_middleware(call):
            yield Hit(call.location, TO_THE_VISITOR)
    for given, trusted in of_django(code):
        message = TO_THE_VISITOR if trusted else "scripts of every page may read what this server answers to everybody"
        yield Hit(given.location, message, severity=None if trusted else Severity.LOW)

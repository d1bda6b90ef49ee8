"""A cookie that travels in the clear, or that scripts of the page can read.

## Why
A cookie without `Secure` is sent with the first plain-text request to the same host, and everybody on the way can read
it. A cookie without `HttpOnly` can be read by any script that gets into the page. Whoever has the session cookie is the
user.

## Fix
Say `secure=True, httponly=True, samesite="Lax"` where you set it. For the session of a framework:
`SESSION_COOKIE_SECURE = True` and `SESSION_COOKIE_HTTPONLY = True`; for Starlette
`SessionMiddleware(…, https_only=True)`.

## Known misses
Cookies whose headers are written by hand. Sessions of a framework whose settings say nothing. A missing `secure` is
only reported where the name of the cookie says that it stands for a user, and where the object is known to be a
response.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code
from casemate.rules import rule
from casemate.rules.cookies import FRAMEWORKS, METHODS, Cookie, cookies
from casemate.rules.naming import in_tests, inside, session_like, words

SAFE_AT_ONCE = ("falcon.", "sanic.")  # whose cookies are secure unless somebody says otherwise
SWITCHES = frozenset({"secure", "httponly", "http_only"})
SETTINGS = frozenset(
    f"{what}_COOKIE_{switch}"
    for what in ("SESSION", "CSRF", "REMEMBER", "JWT", "SECURITY", "LANGUAGE")
    for switch in ("SECURE", "HTTPONLY")
) - {"CSRF_COOKIE_HTTPONLY", "LANGUAGE_COOKIE_SECURE", "LANGUAGE_COOKIE_HTTPONLY"}  # fmt: skip
CALLED = re.compile(rb"\.(?:set_cookie|set_signed_cookie|set_secure_cookie|add_cookie)\([^()]*(?:\([^()]*\)[^()]*)*\)")
SET = re.compile(rb"_COOKIE_(?:SECURE|HTTPONLY)|https_only")
DEVELOPMENT = frozenset({"dev", "devel", "development", "local", "test", "tests", "testing", "debug", "docker", "ci"})

EXAMPLE = """
    from flask import make_response

    response = make_response("")
    response.set_cookie("theme", "dark", secure=False)  # flag
    response.set_cookie("session_id", token, secure=True, httponly=False)  # flag
    response.set_cookie("session_id", token)  # flag
    other.set_cookie("a", "b", httponly=False)  # flag
    app.config["SESSION_COOKIE_SECURE"] = False  # flag
    response.set_cookie("session_id", token, secure=True, httponly=True)
    response.set_cookie("theme", "dark")
    response.set_cookie("session_id", "", max_age=0)
    app.config["SESSION_COOKIE_SECURE"] = True
"""


def switched_off(call: Call) -> tuple[str, ...]:
    """Name the switches that a call sets to False."""
    return tuple(name for name, value in call.keywords if name in SWITCHES and value.constant is False)


def missing(cookie: Cookie) -> tuple[str, ...]:
    """Name the switches that a call leaves out although the cookie stands for a user."""
    call, value = cookie.call, cookie.value
    if call.starred or value is None or value.constant in {"", None} or call.name.startswith(SAFE_AT_ONCE):
        return ()
    if not session_like(cookie.name) or any(given.constant == 0 for given in (call.argument("max_age"),) if given):
        return ()
    readable = {"csrf", "xsrf"}.intersection(words(cookie.name))  # which a script of the page must read
    wanted = ("secure",) if readable else ("secure", "httponly")
    return tuple(switch for switch in wanted if call.argument(switch) is None)


def for_development(code: Code, given: Assignment) -> bool:
    """Tell whether a setting is meant for the machine of a developer."""
    place = (*PurePath(code.path).parts[-2:], given.function)
    return any(DEVELOPMENT.intersection(words(part)) for part in place)


def names_setting(code: Code, given: Assignment) -> bool:
    """Tell whether what is given a value is a switch of a framework's session."""
    if given.target == "https_only":
        return given.kind == "keyword" and any(code.imports("starlette", "fastapi"))
    return given.target in SETTINGS


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(614, 1004),
    needles=(*(Needle(f".{method}", r"\(") for method in METHODS), "_COOKIE_SECURE", "_COOKIE_HTTPONLY", "https_only"),
    example=EXAMPLE,
)
def insecure_cookie(code: Code) -> Iterator[Hit]:
    """Flag cookies whose protection is switched off, and cookies of users that have none."""
    test, known = Severity.LOW if in_tests(code.path) else None, [cookie.call for cookie in cookies(code)]
    for cookie in cookies(code):
        if off := switched_off(cookie.call):
            yield Hit(cookie.call.location, f"the cookie is set without {' and '.join(off)}", severity=test)
        elif left := missing(cookie):
            message = f"this cookie stands for a user and is not {' and not '.join(left)}"
            yield Hit(cookie.call.location, message, severity=Severity.LOW, confidence=Confidence.MEDIUM)
    if any(code.imports(*FRAMEWORKS)):
        in_known = inside(call.location for call in known)
        for given in code.assignments(near=CALLED):
            switched = given.kind == "keyword" and given.target in SWITCHES and given.value.constant is False
            if switched and not in_known(given.location):
                yield Hit(given.location, f"the cookie is set without {given.target}", severity=test)
    settings = [given for given in code.assignments(near=SET) if given.kind != "compare"]
    on = {given.target for given in settings if given.value.constant is True}
    for given in settings:
        if given.value.constant is False and names_setting(code, given):
            severity = Severity.LOW if given.target in on or for_development(code, given) else test
            yield Hit(given.location, f"{given.target} is switched off", severity=severity)

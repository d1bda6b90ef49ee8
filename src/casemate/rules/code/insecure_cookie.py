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
Cookies whose headers are written by hand. Sessions of a framework whose settings say nothing. A missing `secure` or
`httponly` is of severity low where the name of the cookie says that it stands for a user, and a note of severity info
for every other cookie, as is a missing `samesite`; it is only seen where the object is known to be a response.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code
from casemate.rules import rule
from casemate.rules.cookies import FRAMEWORKS, METHODS, Cookie, cookies
from casemate.rules.naming import DEVELOPMENT, in_tests, inside, session_like, words

SAFE_AT_ONCE = ("falcon.", "sanic.")  # whose cookies are secure unless somebody says otherwise
LAX_AT_ONCE = ("falcon.", "sanic.", "starlette.", "fastapi.")
SWITCHES = frozenset({"secure", "httponly", "http_only"})
SESSION_MAKERS = tuple(  # whose cookies stand for a user, and are neither secure nor httponly unless somebody says so
    f"pyramid.{name}"
    for name in (
        "authentication.AuthTktCookieHelper", "authentication.AuthTktAuthenticationPolicy",
        "session.SignedCookieSessionFactory", "session.BaseCookieSessionFactory",
    )
)  # fmt: skip
SETTINGS = frozenset(
    f"{what}_COOKIE_{switch}"
    for what in ("SESSION", "CSRF", "REMEMBER", "JWT", "SECURITY", "LANGUAGE")
    for switch in ("SECURE", "HTTPONLY")
) - {"CSRF_COOKIE_HTTPONLY", "LANGUAGE_COOKIE_SECURE", "LANGUAGE_COOKIE_HTTPONLY"}  # fmt: skip
OF_A_USER = "this cookie stands for a user and"
CALLED = re.compile(
    rb"\.[\s\\]*(?:set_cookie|set_signed_cookie|set_secure_cookie|add_cookie)[\s\\]*\([^()]*(?:\([^()]*\)[^()]*)*\)"
)
SET = re.compile(rb"_COOKIE_(?:SECURE|HTTPONLY)|https_only")

EXAMPLE = """
    from flask import make_response

    response = make_response("")
    response.set_cookie("theme", "dark", secure=False)  # flag
    response.set_cookie("session_id", token, secure=True, httponly=False)  # flag
    response.set_cookie("session_id", token)  # flag
    other.set_cookie("a", "b", httponly=False)  # flag
    app.config["SESSION_COOKIE_SECURE"] = False  # flag
    response.set_cookie("session_id", token, secure=True, httponly=True, samesite="Strict")
    response.set_cookie("theme", "dark")  # flag
    response.set_cookie("theme", "dark", secure=True, httponly=True, samesite="Lax")
    response.set_cookie("session_id", "", max_age=0)
    app.config["SESSION_COOKIE_SECURE"] = True
"""


def switched_off(call: Call) -> tuple[str, ...]:
    """Name the switches that a call sets to False."""
    return tuple(name for name, value in call.keywords if name in SWITCHES and value.constant is False)


def deletes(cookie: Cookie) -> bool:
    """Tell whether a cookie is set to nothing, or to end at once."""
    age = cookie.call.argument("max_age")
    return cookie.value is None or cookie.value.constant in {"", None} or (age is not None and age.constant == 0)


def missing(cookie: Cookie) -> tuple[str, ...]:
    """Name the switches that a call leaves out."""
    call = cookie.call
    if call.starred or deletes(cookie) or call.name.startswith(SAFE_AT_ONCE):
        return ()
    readable = {"csrf", "xsrf"}.intersection(words(cookie.name))  # which a script of the page must read
    return left_out(call, () if readable else ("httponly", "http_only"))


def left_out(call: Call, for_scripts: tuple[str, ...]) -> tuple[str, ...]:
    """Name the switches that a call says nothing of; the second goes by two names."""
    secure = () if call.argument("secure") else ("secure",)
    return secure + (for_scripts[:1] if not any(map(call.argument, for_scripts)) else ())


def for_all_sites(cookie: Cookie) -> bool:
    """Tell whether a cookie is also sent with requests that other sites make, in browsers that need to be told."""
    site = cookie.call.argument("samesite")
    if cookie.call.starred or deletes(cookie):
        return False
    if site is None:
        return not cookie.call.name.startswith(LAX_AT_ONCE)
    return site.constant is None or (isinstance(site.constant, str) and site.constant.lower() == "none")


def for_development(code: Code, given: Assignment) -> bool:
    """Tell whether a setting is meant for the machine of a developer."""
    place = (*PurePath(code.path).parts[-2:], given.function)
    return any((DEVELOPMENT | {"docker"}).intersection(words(part)) for part in place)


def names_setting(code: Code, given: Assignment) -> bool:
    """Tell whether what is given a value is a switch of a framework's session."""
    if given.target == "https_only":
        return given.kind == "keyword" and any(code.imports("starlette", "fastapi"))
    return given.target in SETTINGS


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(614, 1004),
    needles=(
        *(Needle(method, r"\s*\(") for method in METHODS),
        *("_COOKIE_SECURE", "_COOKIE_HTTPONLY", "https_only", "AuthTkt", "CookieSessionFactory"),
    ),
    example=EXAMPLE,
)
def insecure_cookie(code: Code) -> Iterator[Hit]:
    """Flag cookies whose protection is switched off, and cookies of users that have none."""
    test, known = Severity.LOW if in_tests(code.path) else None, [cookie.call for cookie in cookies(code)]
    yield from (*of_calls(code, test), *of_sessions(code, test))
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


def of_calls(code: Code, test: Severity | None) -> Iterator[Hit]:
    """Flag cookies that are set with a protection switched off, and note those that nobody protects."""
    for cookie in cookies(code):
        place, user = cookie.call.location, session_like(cookie.name)
        if off := switched_off(cookie.call):
            yield Hit(place, f"the cookie is set without {' and '.join(off)}", severity=test)
        elif left := missing(cookie):
            message = f"{OF_A_USER if user else 'this cookie'} is not {' and not '.join(left)}"
            severity = Severity.LOW if user else Severity.INFO
            yield Hit(place, message, severity=severity, confidence=Confidence.MEDIUM)
        elif for_all_sites(cookie):
            message = "this cookie is sent with the requests of other sites, unless the browser forbids it"
            yield Hit(place, message, severity=Severity.INFO, confidence=Confidence.MEDIUM)


def of_sessions(code: Code, test: Severity | None) -> Iterator[Hit]:
    """Flag what keeps a session in cookies that are not protected."""
    for call in code.calls(*SESSION_MAKERS):
        if off := switched_off(call):
            yield Hit(call.location, f"the cookie is set without {' and '.join(off)}", severity=test)
        elif not call.starred and (left := left_out(call, ("httponly", "http_only"))):
            message = f"{OF_A_USER} is not {' and not '.join(left)}"
            yield Hit(call.location, message, severity=Severity.LOW, confidence=Confidence.MEDIUM)
        elif (site := call.argument("samesite")) is not None and site.constant is None:
            yield Hit(call.location, f"{OF_A_USER} is sent with the requests of other sites", severity=Severity.LOW)

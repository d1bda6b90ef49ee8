"""A setting that takes a protection of the framework away.

## Why
`ALLOWED_HOSTS = ["*"]` lets whoever sends a request choose the host that links in mails and pages lead to.
`CORS_ALLOW_ALL_ORIGINS = True` lets scripts of every page read answers; with credentials they read them as the visitor.
A session serializer that pickles turns a leaked `SECRET_KEY` into code of somebody else. A fast hash in front of
`PASSWORD_HASHERS` gives stolen passwords away. `X_FRAME_OPTIONS = "ALLOWALL"` lets every page show yours in a frame and
steal clicks.

## Fix
Name the hosts and origins. Keep `JSONSerializer`, keep the default hashers, keep `DENY` or `SAMEORIGIN`. Write a new
`SECRET_KEY` for every installation, and take it from the environment.

## Known misses
Settings that are put together, or read from the environment with such a default. Settings of classes and of files that
say by their name that they are for development or tests.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests

NAMES = (
    "ALLOWED_HOSTS",
    "CORS_ALLOW_ALL_ORIGINS",
    "CORS_ORIGIN_ALLOW_ALL",
    "PASSWORD_HASHERS",
    "SESSION_SERIALIZER",
    "X_FRAME_OPTIONS",
)
NEAR = re.compile("|".join((*NAMES, "CORS_ALLOW_CREDENTIALS", "django-insecure-")).encode())
ANY_HOST = re.compile(r"""[\[(]\s*["']\*["']\s*,?\s*[\])]""")
FAST_HASH = re.compile(r"""[\[(]\s*["'][\w.]*\b(?:Unsalted)?(?:MD5|SHA1)PasswordHasher["']""")
DEVELOPMENT = frozenset({"dev", "devel", "develop", "development", "local", "test", "tests", "testing", "ci", "debug"})
ALLOWING = ("starlette.middleware.cors.CORSMiddleware", "fastapi.middleware.cors.CORSMiddleware")
ADDING = (
    "fastapi.FastAPI.add_middleware",
    "starlette.applications.Starlette.add_middleware",
    "starlette.middleware.Middleware",
    "fastapi.middleware.Middleware",
)

MEANING = {
    "ALLOWED_HOSTS": ("whoever sends a request chooses the host that links lead to", Severity.LOW),
    "PASSWORD_HASHERS": ("passwords are stored with a hash that is fast to guess", Severity.MEDIUM),
    "SECRET_KEY": ("this key was made for development, and whoever reads the source knows it", Severity.MEDIUM),
    "SESSION_SERIALIZER": ("whoever learns the key of sessions runs code here", Severity.MEDIUM),
    "X_FRAME_OPTIONS": ("every page may show this site in a frame", Severity.LOW),
}

EXAMPLE = """
    import os

    from fastapi import FastAPI
    from fastapi.middleware.cors import CORSMiddleware

    SECRET_KEY = "django-insecure-key"  # flag
    ALLOWED_HOSTS = ["*"]  # flag
    CORS_ALLOW_ALL_ORIGINS = True  # flag
    SESSION_SERIALIZER = "django.contrib.sessions.serializers.PickleSerializer"  # flag
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # flag
    X_FRAME_OPTIONS = "ALLOWALL"  # flag
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)  # flag
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"], allow_credentials=True)
    CORSMiddleware(app, allow_origins=["*"], allow_credentials=True)  # flag
    ALLOWED_HOSTS = ["example.org"]
    ALLOWED_HOSTS = os.environ["HOSTS"].split(",")
    PASSWORD_HASHERS = ["app.hashers.Argon2", "django.contrib.auth.hashers.MD5PasswordHasher"]
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher"]
    X_FRAME_OPTIONS = "DENY"
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(1188, 942, 16),
    needles=(
        *(Needle(name, r"[^=\n]{0,40}=") for name in NAMES),
        *("django-insecure-", Needle("allow_credentials", r"\s*=\s*True")),
    ),
    example=EXAMPLE,
)
def insecure_setting(code: Code) -> Iterator[Hit]:
    """Flag settings of web frameworks whose written value takes a protection away, unless they are for development."""
    if in_tests(code.path) or DEVELOPMENT.intersection(re.split(r"\W|_", PurePath(code.path).stem.lower())):
        return
    given = [one for one in code.assignments(near=NEAR) if one.kind == "name" and not one.function]
    trusted = any(one.target == "CORS_ALLOW_CREDENTIALS" and one.value.constant is True for one in given)
    for one in given:
        message, severity = judged(one, trusted=trusted)
        if message:
            yield Hit(one.location, message, severity=severity)
    for call in code.calls(*ALLOWING, *ADDING):
        if open_to_all(call):
            yield Hit(call.location, "scripts of every page may read what this server answers to the visitor")


def judged(given: Assignment, *, trusted: bool) -> tuple[str, Severity]:
    """Give what a setting lets others do, "" where it is harmless, and how bad that is."""
    text = given.value.constant if isinstance(given.value.constant, str) else ""
    if given.target in {"CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"} and given.value.constant is True:
        who = "to the visitor" if trusted else "to everybody"
        message = f"scripts of every page may read what this server answers {who}"
        return message, Severity.MEDIUM if trusted else Severity.LOW
    found = {
        "ALLOWED_HOSTS": ANY_HOST.fullmatch(given.value.text) is not None,
        "PASSWORD_HASHERS": FAST_HASH.match(given.value.text) is not None,
        "SECRET_KEY": text.startswith("django-insecure-"),
        "SESSION_SERIALIZER": text.endswith("PickleSerializer"),
        "X_FRAME_OPTIONS": text.upper() == "ALLOWALL",
    }
    return MEANING[given.target] if found.get(given.target) else ("", Severity.INFO)


def open_to_all(call: Call) -> bool:
    """Tell whether a call lets every origin read answers with the credentials of the visitor."""
    adds = call.name in ADDING
    if adds and not (call.positional and call.positional[0].name in ALLOWING):
        return False
    given = dict(call.keywords)
    origins, credentials = given.get("allow_origins"), given.get("allow_credentials")
    if origins is None or credentials is None or credentials.constant is not True:
        return False
    return any(part.constant == "*" for part in origins.items or ())

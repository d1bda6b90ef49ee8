"""A setting that takes a protection of the framework away.

## Why
`ALLOWED_HOSTS = ["*"]` lets whoever sends a request choose the host that links in mails and pages lead to.
A session serializer that pickles turns a leaked `SECRET_KEY` into code of somebody else. A fast hash in front of
`PASSWORD_HASHERS` gives stolen passwords away. `X_FRAME_OPTIONS = "ALLOWALL"` lets every page show yours in a frame and
steal clicks.

## Fix
Name the hosts. Keep `JSONSerializer`, keep the default hashers, keep `DENY` or `SAMEORIGIN`. Write a new
`SECRET_KEY` for every installation, and take it from the environment.

## Known misses
Settings that are put together, or read from the environment with such a default. Settings of classes and of files that
say by their name that they are for development or tests.
"""

import re
from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Code
from casemate.rules import rule
from casemate.rules.naming import for_development

NAMES = (
    "ALLOWED_HOSTS",
    "PASSWORD_HASHERS",
    "SESSION_SERIALIZER",
    "X_FRAME_OPTIONS",
)
NEAR = re.compile("|".join((*NAMES, "django-insecure-")).encode())
ASIDE = re.compile(r"""#[^\n"']*\n|\\\n""")  # comments, and ends of lines
ANY_HOST = re.compile(r"""[\[(]\s*["']\*["']\s*,?\s*[\])]""")
FAST_HASH = re.compile(r"""[\[(]\s*["'][\w.]*\b(?:Unsalted)?(?:MD5|SHA1)PasswordHasher["']""")

MEANING = {
    "ALLOWED_HOSTS": ("whoever sends a request chooses the host that links lead to", Severity.LOW),
    "PASSWORD_HASHERS": ("passwords are stored with a hash that is fast to guess", Severity.MEDIUM),
    "SECRET_KEY": ("this key was made for development, and whoever reads the source knows it", Severity.MEDIUM),
    "SESSION_SERIALIZER": ("whoever learns the key of sessions runs code here", Severity.MEDIUM),
    "X_FRAME_OPTIONS": ("every page may show this site in a frame", Severity.LOW),
}

EXAMPLE = """
    import os

    SECRET_KEY = "django-insecure-key"  # flag
    ALLOWED_HOSTS = ["*"]  # flag
    SESSION_SERIALIZER = "django.contrib.sessions.serializers.PickleSerializer"  # flag
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # flag
    X_FRAME_OPTIONS = "ALLOWALL"  # flag
    ALLOWED_HOSTS = ["example.org"]
    ALLOWED_HOSTS = os.environ["HOSTS"].split(",")
    PASSWORD_HASHERS = ["app.hashers.Argon2", "django.contrib.auth.hashers.MD5PasswordHasher"]
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher"]
    X_FRAME_OPTIONS = "DENY"
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(1188, 16),
    needles=(
        *(Needle(name, r"""["']?(?:\s*\]){0,2}\s*(?::[^=\n]{0,80})?[-+]?=""") for name in NAMES),
        "django-insecure-",
    ),
    example=EXAMPLE,
)
def insecure_setting(code: Code) -> Iterator[Hit]:
    """Flag settings of web frameworks whose written value takes a protection away, unless they are for development."""
    if for_development(code.path):
        return
    for given in code.assignments(near=NEAR):
        message, severity = judged(given) if given.kind == "name" and not given.function else ("", None)
        if message:
            yield Hit(given.location, message, severity=severity)


def judged(given: Assignment) -> tuple[str, Severity]:
    """Give what a setting lets others do, "" where it is harmless, and how bad that is."""
    text = given.value.constant if isinstance(given.value.constant, str) else ""
    written = ASIDE.sub("", given.value.text)
    found = {
        "ALLOWED_HOSTS": ANY_HOST.fullmatch(written) is not None,
        "PASSWORD_HASHERS": FAST_HASH.match(written) is not None,
        "SECRET_KEY": text.startswith("django-insecure-"),
        "SESSION_SERIALIZER": text.endswith("PickleSerializer"),
        "X_FRAME_OPTIONS": text.upper() == "ALLOWALL",
    }
    return MEANING[given.target] if found.get(given.target) else ("", Severity.INFO)

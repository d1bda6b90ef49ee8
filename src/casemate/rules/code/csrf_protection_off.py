"""Requests that another site makes in the name of a visitor are not refused.

## Why
A browser sends the cookies of a site with every request to it, also with one that a page of somebody else starts. Such
a page can then change a password, send money, or delete things, in the name of whoever looks at it.

## Fix
Leave the protection of the framework on, and send its token with every form. For an interface for programs use a token
in a header instead of cookies: then nothing is left to protect.

## Known misses
Programs that never switch a protection on. Middleware that is left out of a list. A view that is exempt because it
checks a signature or a token of its own is reported although it is right.
"""

from collections.abc import Iterator, Sequence

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests, words

SETTINGS = frozenset({"WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT", "CSRF_ENABLED"})
NEAR = 10  # lines between settings of one configuration
BY_HAND = frozenset({"WTF_CSRF_CHECK_DEFAULT"})  # the program says itself where it asks for a token
EXEMPTIONS = ("django.views.decorators.csrf.csrf_exempt", "flask_wtf.CSRFProtect.exempt")
OF_PYRAMID = frozenset({"require_csrf", "check_origin"})

EXAMPLE = """
    from django.views.decorators.csrf import csrf_exempt
    from flask import Flask

    app = Flask(__name__)
    app.config["WTF_CSRF_ENABLED"] = False  # flag
    app.config["WTF_CSRF_ENABLED"] = True


    @csrf_exempt  # flag
    def pay(request):
        return None


    class TestingConfig:
        WTF_CSRF_ENABLED = False
"""


def for_tests(code: Code, given: Assignment) -> bool:
    """Tell whether a setting is meant for tests, which send no tokens: by its place, or by `TESTING = True`."""
    if in_tests(code.path) or {"test", "tests", "testing"}.intersection(words(given.function)):
        return True
    beside = [other for other in code.assignments() if (other.kind, other.function) == (given.kind, given.function)]
    said = nearest(given, [other for other in beside if other.target == "TESTING"])
    near = said is not None and abs(said.location.line - given.location.line) < NEAR
    mine = near and nearest(said, [other for other in beside if other.target == given.target]) == given
    return mine and said is not None and said.value.constant is True


def nearest(given: Assignment | None, others: Sequence[Assignment]) -> Assignment | None:
    """Give what stands nearest to an assignment."""
    if given is None:
        return None
    return min(others, key=lambda other: abs(other.location.line - given.location.line), default=None)


def switches_off(given: Assignment, *, pyramid: bool) -> bool:
    """Tell whether a form, a view or a program is told to ask for no token."""
    if given.value.constant is not False or given.kind == "compare":
        return False
    if given.target == "csrf":  # class Meta: csrf = False, or meta={"csrf": False}
        return given.kind == "key" or (given.kind == "name" and given.function.endswith("Meta"))
    names = {"csrf_enabled", *(OF_PYRAMID if pyramid else ())}
    return given.target in SETTINGS or (given.target in names and given.kind == "keyword")


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=352,
    needles=(
        "csrf_exempt",
        *(
            Needle(name, r"""["']?(?:\s*\]){0,2}\s*[=:]\s*False""")
            for name in (*SETTINGS, "csrf", "csrf_enabled", "require_csrf")
        ),
        Needle("check_origin", r"\s*=\s*False"),
        Needle("exempt", beside="flask_wtf"),
    ),
    example=EXAMPLE,
)
def csrf_protection_off(code: Code) -> Iterator[Hit]:
    """Flag protections that are switched off for a program or a form, and views that are left out of one."""
    pyramid = any(code.imports("pyramid"))
    for given in code.assignments():
        if switches_off(given, pyramid=pyramid) and not for_tests(code, given):
            severity = Severity.LOW if given.target in BY_HAND else None
            yield Hit(given.location, "forms of other sites are accepted", severity=severity)
    if in_tests(code.path):
        return
    for call in code.calls(*EXEMPTIONS):
        message = "this view accepts forms of other sites"
        yield Hit(call.location, message, severity=Severity.LOW, confidence=Confidence.MEDIUM)

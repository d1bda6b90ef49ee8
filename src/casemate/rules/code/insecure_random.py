"""A token, password or key made by a generator that can be predicted.

## Why
`random` is the Mersenne Twister: who has seen 624 of its numbers knows all the next ones. A reset token or session id
made with it can be computed by somebody who asks for a few of their own.

## Fix
Use `secrets.token_urlsafe()`, `secrets.choice(…)` or `random.SystemRandom()`.

## Known misses
Values whose name does not say what they are for. Generators of other libraries.
"""

from collections.abc import Iterator, Sequence

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Assignment, Call, Code
from casemate.rules import rule
from casemate.rules.naming import secret, within

EXAMPLE = """
    import random
    import secrets

    reset_token = "".join(random.choice("abcdef") for _ in range(20))  # flag
    session["api_key"] = random.getrandbits(128)  # flag

    def make_password():
        return str(random.randint(0, 10**8))  # flag

    banner = random.choice(["a", "b"])
    key = random.choice(list(table))
    token = secrets.token_hex(16)
    salt = "".join(random.SystemRandom().choice("abcdef") for _ in range(20))
"""


def purpose(call: Call, secrets: Sequence[Assignment]) -> str:
    """Name what the number becomes if that must not be guessed, or ""."""
    for given in secrets:
        if within(call.location, given.value.location):
            return given.target
    function = last(call.function)
    return function if secret(function) else ""


def last(path: str) -> str:
    """Give the last part of a dotted path."""
    return path.rpartition(".")[2]


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(330, 338),
    needles=(
        Needle("import", r"[ \t]+(?:[\w.]+[ \t]*,[ \t]*)*(?:\w+\.)*random\b"),
        Needle("from", r"[ \t]+(?:\w+\.)*random[ \t]"),
    ),
    example=EXAMPLE,
)
def insecure_random(code: Code) -> Iterator[Hit]:
    """Flag predictable numbers that reach a name that says secret."""
    secrets = [given for given in code.assignments() if given.kind != "compare" and secret(given.target)]
    if not secrets and not any(secret(last(path)) for path in code.functions()):
        return
    for call in code.calls(tag="weak-random"):
        if name := purpose(call, secrets):
            yield Hit(call.location, f"{name} is made by a generator that can be predicted")

"""The value of a secret, and a placeholder for it, made anew for each run.

It has the same length and the same kinds of letters, so that a program that looks at its form finds nothing odd.
"""

import os
import secrets
import string
from collections.abc import Mapping

from casemate.model.errors import Refused
from casemate.model.policy import Policy
from casemate.model.secret import LONGEST, SHORTEST, Injection, Secret

ALPHABETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def placed(
    policy: Policy, caller: Mapping[str, str], environment: Mapping[str, str], argv: tuple[str, ...]
) -> tuple[dict[str, str], tuple[Injection, ...]]:
    """Give the environment of a program with placeholders in it, and what stands behind them.

    Raises Refused where a value cannot be had, is not fit, or would reach the program another way; it never holds one.
    """
    made = {secret.name: _injection(secret, caller) for secret in policy.secrets}
    for name, one in made.items():
        if name in environment:
            raise Refused(f"the secret {name} and a variable that is passed or set have the same name")
        value = os.fsdecode(one.value)
        if holds := [other for other, text in environment.items() if value in text]:
            raise Refused(f"the variable {holds[0]} holds the value of the secret {name}: do not pass it on")
        if any(value in word for word in argv):
            raise Refused(f"an argument of the program holds the value of the secret {name}")
        for other, another in made.items():
            if name != other and one.to == another.to and one.value in another.value:
                raise Refused(f"the secret {other} holds the value of the secret {name}, and both go to {one.to}")
    placeholders = {name: os.fsdecode(one.placeholder) for name, one in made.items()}
    return dict(environment) | placeholders, tuple(made.values())


def _injection(secret: Secret, caller: Mapping[str, str]) -> Injection:
    value = _value(secret, caller)
    return Injection(secret.to, _placeholder(value), value)


def _value(secret: Secret, environment: Mapping[str, str]) -> bytes:
    """Read the value, and refuse one that cannot be told from other text, or is no text of one line."""
    kind, _, place = secret.source.partition(":")
    if kind == "env":
        if place not in environment:
            raise Refused(f"the secret {secret.name} comes from the variable {place}, which is not set")
        value = os.fsencode(environment[place])
    else:
        value = _content(secret.name, place)
    if len(value) > LONGEST:
        raise Refused(f"the secret {secret.name} is longer than {LONGEST} bytes")
    if any(byte < 0x20 or byte > 0x7E for byte in value):
        raise Refused(f"the secret {secret.name} is not one line of printable ASCII")
    if sum(chr(byte).isalnum() for byte in value) < SHORTEST:
        why = "it would be found by chance in other text"
        raise Refused(f"the secret {secret.name} has fewer than {SHORTEST} letters and digits: {why}")
    return value


def _content(name: str, path: str) -> bytes:
    """Read a file of one line; its line end is no part of it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            content = os.read(descriptor, LONGEST + 2)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Refused(f"the secret {name} cannot be read from {path}: {error.strerror}") from None
    return content.removesuffix(b"\n").removesuffix(b"\r")


def _placeholder(value: bytes) -> bytes:
    """Exchange every letter and digit for a random one of its kind."""
    made = value
    while made == value:
        made = bytes(ord(_another(chr(byte))) for byte in value)
    return made


def _another(character: str) -> str:
    return next((secrets.choice(letters) for letters in ALPHABETS if character in letters), character)

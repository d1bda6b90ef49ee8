"""Folding: operators and comparisons of constants, as far as the result stays small."""

from __future__ import annotations

import operator
from collections.abc import Callable

from casemate.readers.code.flow.values import Value, constant, join_all
from casemate.readers.code.view import Constant

LONGEST_TEXT = 10_000  # of a folded constant


def within(part: Constant, whole: Constant) -> bool:
    """Tell whether a text is part of another. Raises TypeError for what has no parts, or none of this type."""
    if isinstance(part, str) and isinstance(whole, str):
        return part in whole
    if isinstance(part, bytes | int) and isinstance(whole, bytes):
        return part in whole
    raise TypeError(f"{type(part).__name__} in {type(whole).__name__}")


# By name, as typeshed has no type for what takes any two constants and raises TypeError for those that do not fit.
ARITHMETIC: dict[str, Callable[[Constant, Constant], Constant]] = {
    sign: getattr(operator, name)
    for sign, name in {
        "+": "add",
        "-": "sub",
        "*": "mul",
        "//": "floordiv",
        "%": "mod",
        "&": "and_",
        "|": "or_",
        "^": "xor",
        "/": "truediv",
    }.items()
}
COMPARISONS: dict[str, Callable[[Constant, Constant], bool]] = {
    **{
        sign: getattr(operator, name)
        for sign, name in {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}.items()
    },
    "in": within,
    "not in": lambda a, b: not within(a, b),
    "is": lambda a, b: type(a) is type(b) and a == b,
    "is not": lambda a, b: type(a) is not type(b) or a != b,
}


def fold(sign: str, left: Value, right: Value) -> Value | None:
    """Compute with constants; None where something is unknown, tainted, or would become huge."""
    if left.constants is None or right.constants is None or left.taints or right.taints:
        return None
    compute = ARITHMETIC.get(sign)
    if compute is None or len(left.constants) * len(right.constants) > 16:
        return None
    found: list[Value] = []
    for _, one in sorted(left.constants, key=repr):
        for _, other in sorted(right.constants, key=repr):
            if sign in {"*", "%"} and not small(one, other, sign):
                return None
            try:
                result = compute(one, other)
            except (TypeError, ValueError, ArithmeticError, KeyError):
                return None
            if isinstance(result, str | bytes) and len(result) > LONGEST_TEXT:
                return None
            found.append(constant(result))
    return join_all(found) if found else None


def small(one: Constant, other: Constant, sign: str) -> bool:
    """Tell whether a product or a formatted text stays small."""
    if sign == "%":
        return not isinstance(one, str | bytes) or not any(letter.isdigit() or letter == "*" for letter in str(one))
    numbers = [value for value in (one, other) if isinstance(value, int)]
    texts = [value for value in (one, other) if isinstance(value, str | bytes)]
    return all(abs(number) < 1000 for number in numbers) and all(len(text) < 100 for text in texts)

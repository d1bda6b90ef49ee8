"""JSON without the module `json`, which takes longer to load than Python takes to start: by the C functions below it."""

import _json
from _collections_abc import Mapping

from casemate.model.sandbox import Json


class _Reading:
    """What the scanner of the standard library asks of its decoder."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 -- the scanner takes it as it is


def written(value: Json) -> str:
    """Write a value as JSON, in ASCII."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _json.encode_basestring_ascii(str(value))
        case int() | float():
            return repr(value)
        case Mapping():
            return "{" + ",".join([f"{written(key)}:{written(item)}" for key, item in value.items()]) + "}"
        case _:
            return "[" + ",".join([written(item) for item in value]) + "]"


def understood(text: str) -> Json:
    """Read one value. Raises ValueError."""
    try:
        value, end = _json.make_scanner(_Reading())(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if end != len(text):
        raise ValueError("more than one value")
    return value

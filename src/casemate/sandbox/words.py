"""JSON without the module `json`, whose loading takes longer than starting Python: by the C functions below it."""

import _json
from _collections_abc import Mapping
from binascii import a2b_base64, b2a_base64

from casemate.model.sandbox import Json

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from collections.abc import Callable


class _Reading:
    """What the scanner of the standard library asks of its decoder."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = parse_constant = float
    parse_int = int
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
    scan: Callable[[str, int], tuple[Json, int]] = _json.make_scanner(_Reading())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- typeshed names its own class as the argument
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if end != len(text):
        raise ValueError("more than one value")
    return value


def spelled(data: bytes) -> str:
    """Give bytes as text that JSON can hold."""
    return b2a_base64(data, newline=False).decode()


class Told:
    """A JSON object whose members are asked for by name and type. Each raises ValueError for what is not that."""

    def __init__(self, value: Json) -> None:
        """Take an object. Raises ValueError for anything else."""
        if not isinstance(value, Mapping):
            raise ValueError("not an object")  # noqa: TRY004 -- what was written is wrong, not what was called
        self._value = value

    def __getitem__(self, name: str) -> Json:
        """Give any member."""
        if name not in self._value:
            raise ValueError(f"no {name}")
        return self._value[name]

    def text(self, name: str) -> str:
        """Give a text."""
        return _text(self[name])

    def number(self, name: str) -> int:
        """Give a number."""
        return _number(self[name])

    def flag(self, name: str) -> bool:
        """Give a truth value."""
        return self[name] is True

    def data(self, name: str) -> bytes:
        """Give bytes."""
        return a2b_base64(self.text(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Give a list of texts."""
        return tuple([_text(one) for one in _items(self[name])])

    def numbers(self, name: str) -> tuple[int, ...]:
        """Give a list of numbers."""
        return tuple([_number(one) for one in _items(self[name])])

    def items(self, name: str) -> "list[Json]":
        """Give a list of anything."""
        return _items(self[name])

    def pairs(self) -> dict[str, str]:
        """Give all members, which are texts."""
        return {name: _text(value) for name, value in self._value.items()}


def _items(value: Json) -> "list[Json]":
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 -- likewise
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 -- likewise
    return value


def _number(value: Json) -> int:
    if not isinstance(value, int):
        raise ValueError("not a number")  # noqa: TRY004 -- likewise
    return value

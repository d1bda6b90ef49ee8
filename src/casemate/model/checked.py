"""JSON that anybody may have written: each value is of the type that is expected, or raises ValueError."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

Plain: TypeAlias = "str | int | bool | Sequence[Plain] | dict[str, Plain] | None"
T = TypeVar("T")


def items(plain: Plain, count: int | None = None) -> Sequence[Plain]:
    """Give the items of a list, of which there must be so many."""
    if not isinstance(plain, list) or (count is not None and len(plain) != count):
        raise ValueError("not a list of the right length")
    return plain


def table(plain: Plain) -> Mapping[str, Plain]:
    """Give the entries of a table."""
    if not isinstance(plain, dict):
        raise ValueError("not a table")  # noqa: TRY004 -- what was written is wrong, not what was called
    return plain


def one(plain: Plain, kind: type[T]) -> T:
    """Give a value that must be of a type."""
    if not isinstance(plain, kind):
        raise ValueError(f"not {kind.__name__}")  # noqa: TRY004 -- likewise
    return plain


def number(plain: Plain) -> int:
    """Give a value that must be a number; true and false are none."""
    if isinstance(plain, bool):
        raise ValueError("not a number")  # noqa: TRY004 -- what was written is wrong, not what was called
    return one(plain, int)

"""What every start needs of `contextlib` and `functools`, whose loading takes longer than what it is needed for."""

from _collections_abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import suppress
    from functools import cache as once
else:

    class suppress:  # noqa: N801 -- as in the standard library
        """Let some errors pass inside `with`."""

        def __init__(self, *errors) -> None:  # noqa: ANN002 -- for type checkers it is the one of the standard library
            """Name the errors."""
            self.errors = errors

        def __enter__(self):  # noqa: ANN204 -- likewise
            """Begin."""

        def __exit__(self, kind, error, at):  # noqa: ANN001, ANN204 -- likewise
            """Tell whether what was raised is one of them."""
            return kind is not None and issubclass(kind, self.errors)

    def once(act):  # noqa: ANN001, ANN201 -- likewise
        """Remember what a function without arguments gave the first time."""
        known = []

        def asked():  # noqa: ANN202 -- likewise
            if not known:
                known.append(act())
            return known[0]

        asked.__doc__, asked.__name__ = act.__doc__, act.__name__
        asked.cache_clear = known.clear
        return asked


def each(act: Callable[[], object], *others: Callable[[], object]) -> None:
    """Do all of them in turn, whatever any of them raises; the last error is the one that is seen."""
    try:
        act()
    finally:
        if others:
            each(*others)


__all__ = ["each", "once", "suppress"]

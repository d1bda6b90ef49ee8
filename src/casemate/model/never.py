"""`assert_never` of `typing`, which takes longer to load than a small program to run."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never


def assert_never(value: "Never") -> "Never":
    """Say to type checkers, and to whoever gets here, that every case was looked at before."""
    raise AssertionError(f"no case looks at {value!r}")

"""How a child of ours begins: forked without a warning, and unable to load code."""

import os
import sys


def fork() -> int:
    """Fork, whatever threads the caller has: the child uses nothing that they could hold."""
    if "threading" not in sys.modules:
        return os.fork()
    import warnings  # noqa: PLC0415 -- whoever has threads has loaded it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def load_nothing_more() -> None:
    """Let no module be loaded in this process any more: once the root has changed it would be one of the target's."""
    sys.meta_path.clear()
    sys.path.clear()

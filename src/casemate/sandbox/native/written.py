"""Copies out every layer of a run, and says in lines what reached the host and what did not."""

from casemate.model.visible import visible
from casemate.sandbox.native.contract import CommitLayer, Outside


def copy_out(layers: tuple[CommitLayer, ...], outside: Outside) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the paths that were committed, and "PATH: reason" for those that were refused.

    Only to be called when nobody inside lives any more.
    """
    if not layers:
        return (), ()
    from casemate.sandbox.native.commit import commit  # noqa: PLC0415 -- only where something may be written

    mask = umask()
    results = [commit(layer, outside.deny, persist=outside.persist, umask=mask) for layer in layers]
    committed = tuple(visible(path) for result in results for path in result.committed)
    refused = tuple(f"{visible(entry.path)}: {entry.reason}" for result in results for entry in result.refused)
    return committed, refused


def umask() -> int:
    """Read the file mode mask of this process; the system call can only exchange it, which threads would notice."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 -- the kernel's, not a user's
        for line in file:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o077

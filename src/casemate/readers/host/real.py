"""Where paths lead, as `os.path.realpath` says; while one run is prepared each folder is looked at once.

Many of the paths of a plan lie in the same folders, and to look at each of them anew took a third of the preparation.
What is remembered is forgotten with the preparation: nothing is believed for longer than that, and what is bound in the
end is looked at once more by its descriptor (sandbox/native/root.py).
"""

import os
import stat

ODD = frozenset({"", ".", ".."})  # what these mean behind a loop of links is the library's to say
_known: list[dict[str, str]] = []  # the memory of each preparation that is under way; the last one is used


def real(path: str) -> str:
    """Resolve every link of a path, as far as it exists."""
    for memory in reversed(_known):
        first, *names = path.split("/")
        if not first and not ODD.intersection(names):
            return _resolved(path, memory)
    return os.path.realpath(path)


class Remembering:
    """Looks at each folder only once, inside `with`. Of several at a time, in threads, the last one is used by all."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._memory = dict[str, str]()

    def __enter__(self) -> None:
        """Remember from now on."""
        _known.append(self._memory)

    def __exit__(self, *_error: object) -> None:
        """Forget everything."""
        _known[:] = [memory for memory in _known if memory is not self._memory]


def _resolved(path: str, known: dict[str, str]) -> str:
    """Resolve the folder first, which is known most of the time."""
    found = known.get(path)
    if found is None:
        found = known[path] = _looked_at(path, known)
    return found


def _looked_at(path: str, known: dict[str, str]) -> str:
    """Look at the last name of a path."""
    folder, _, name = path.rpartition("/")
    parent = _resolved(folder, known) if folder else ""
    here = f"{'' if parent == '/' else parent}/{name}"
    try:
        is_link = stat.S_ISLNK(os.lstat(here).st_mode)
    except OSError:
        return here  # it is not there, or cannot be seen: nothing follows
    return os.path.realpath(here) if is_link else here

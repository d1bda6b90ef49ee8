"""Parts of an audit that are analysed one after another, or side by side: folders, none of them too large.

A part starts from its own files only and reads any other file that it needs. What the parts are follows from the files
alone, never from the number of workers, so that the result is the same.
"""

from collections.abc import Iterator, Mapping, Sequence

LARGEST = 10_000_000  # bytes: twice as much would save little time, and take twice the memory


def split(sizes: Mapping[str, int], largest: int = LARGEST) -> tuple[tuple[str, ...], ...]:
    """Split files, given with their sizes in bytes, into parts; files of one folder stay together where they can."""
    return tuple(gathered(divided(list(sizes), 0, sizes, largest), sizes, largest))


def divided(paths: Sequence[str], depth: int, sizes: Mapping[str, int], largest: int) -> Iterator[list[str]]:
    """Yield the files below one folder whole; where they are too many, folder by folder, and file by file at last.

    `depth` is the number of parts of a path that all of them have in common.
    """
    if sum(sizes[path] for path in paths) <= largest or len(paths) == 1:
        yield list(paths)
        return
    here: list[str] = []
    folders: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split("/", depth + 1)
        if len(parts) <= depth + 1:
            here.append(path)
        else:
            folders.setdefault(parts[depth], []).append(path)
    if sum(sizes[path] for path in here) <= largest:
        yield from [here] if here else []
    else:
        yield from ([path] for path in sorted(here))
    for name in sorted(folders):
        yield from divided(folders[name], depth + 1, sizes, largest)


def gathered(parts: Iterator[list[str]], sizes: Mapping[str, int], largest: int) -> Iterator[tuple[str, ...]]:
    """Put small neighbours together."""
    waiting: list[str] = []
    weight = 0
    for part in parts:
        own = sum(sizes[path] for path in part)
        if waiting and weight + own > largest:
            yield tuple(waiting)
            waiting, weight = [], 0
        waiting += part
        weight += own
    if waiting:
        yield tuple(waiting)

"""What is written beside the files of an installed runtime: which files there are, and how to know them again.

One line for each file: sha256, size in bytes, inode, mtime and ctime in nanoseconds, path. Whoever reads it compares
the last four numbers first, and hashes the file only where they differ: nobody but the administrator sets a ctime.
"""

from _collections_abc import Iterable

from casemate.model.dataclass import dataclass

MANIFEST = "installed.txt"  # its name in the folder of a runtime


@dataclass(frozen=True, slots=True)
class Stamp:
    """How a file looks from outside: size in bytes, inode, and when it and what is said of it last changed (ns)."""

    size: int
    inode: int
    modified: int
    changed: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One installed file: its path below the folder, what is in it, and how it looked when that was hashed."""

    path: str
    sha256: str
    stamp: Stamp


def written(pieces: Iterable[Piece]) -> str:
    """Write a manifest."""
    return "".join(
        f"{one.sha256} {one.stamp.size} {one.stamp.inode} {one.stamp.modified} {one.stamp.changed} {one.path}\n"
        for one in pieces
    )


def read(text: str) -> tuple[Piece, ...]:
    """Read a manifest. Raises ValueError for anything that `written` does not write."""
    pieces = list[Piece]()
    for line in text.splitlines():
        sha256, size, inode, modified, changed, path = line.split(" ", 5)
        if len(sha256) != 64 or not path or path.startswith("/") or ".." in path.split("/"):
            raise ValueError(line)
        pieces.append(Piece(path, sha256, Stamp(int(size), int(inode), int(modified), int(changed))))
    if not pieces or not text.endswith("\n"):
        raise ValueError("cut off")
    return tuple(pieces)

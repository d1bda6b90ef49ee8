"""Keeps the images of layouts unpacked: a folder of the caller's own for each, named by the digest of its manifest.

It appears whole or not at all. The layout is read again for each run, as far as its manifest; layers only once. What
nobody has started for thirty days is thrown away when the next image is unpacked.
"""

import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path

from casemate.model import own
from casemate.model.dataclass import dataclass
from casemate.model.errors import InputError
from casemate.readers.images.layout import read
from casemate.services.whole import being_filled, lock, locked, own_folder, throw_away

OLD = 30 * 24 * 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Kept:
    """An unpacked image: its folder, and the variables of its configuration. It stays while this process lives."""

    folder: str
    environment: Mapping[str, str]


def kept(path: str, environment: Mapping[str, str]) -> Kept:
    """Give the image for this machine of the layout at a path, unpacked. Raises InputError, which names the layout."""
    try:
        layout = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            stored = read(layout, os.uname().machine)
            target = Path(own.image(environment, stored.digest))
            if not target.name:
                raise InputError("HOME names no folder, so there is no place to unpack it")
            place = own_folder(target.parent, environment)
            if not _in_use(target):
                from casemate.services.images.unpack import unpack  # noqa: PLC0415 -- once for each image

                with being_filled(place) as folder:
                    made = folder / "made"
                    made.mkdir(mode=0o755)
                    unpack(layout, stored, made)
                    with locked(place):
                        if not target.exists():
                            made.rename(target)
                        _remove_others(place, target)
                if not _in_use(target):
                    raise InputError(f"{target} is gone again")
        finally:
            os.close(layout)
    except InputError as error:
        raise InputError(f"fs.image {path}: {error}") from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise InputError(f"fs.image {path}: {where}{error.strerror}") from None
    return Kept(str(target), stored.environment)


def _in_use(target: Path) -> bool:
    """Keep an unpacked image for as long as this process lives, by a lock; false where there is none."""
    try:
        lock(target, fcntl.LOCK_SH)
        os.utime(target)
    except FileNotFoundError:
        return False
    return target.exists()


def _remove_others(place: Path, target: Path) -> None:
    for other in place.glob("sha256-*"):
        if other != target and time.time() - other.stat().st_mtime > OLD:
            throw_away(other)

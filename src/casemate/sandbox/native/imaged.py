"""An image as the root: what it must not hold, and what has to fit into it. Nothing of it is followed here."""

import os
import stat
from _collections_abc import Sequence

from casemate.model.errors import PolicyError, Refused
from casemate.model.tree import below
from casemate.sandbox.native.paths import Denied, above, look
from casemate.sandbox.native.steps import Bind, Folder, Image, Layered, Link, Private, Step

OWN = ("/dev", "/proc", "/sys")  # made for every program, and nothing in them can be granted


def shown(image: str, refused: tuple[Denied, ...], steps: tuple[Step, ...]) -> Image:
    """Give the step that shows an image below these steps. It is granted as a whole, so nothing denied may lie in it.

    Raises Refused and PolicyError.
    """
    try:
        seen, host = look(image), look("/")
    except OSError as error:
        raise Refused(f"fs.image {image}: {error.strerror}") from None
    if not seen.directory:
        raise PolicyError(f"fs.image {image}: it is no directory")
    if (seen.device, seen.inode) == (host.device, host.inode):
        raise PolicyError(f"fs.image {image}: it is the root of this host")
    for one in refused:
        if one.seen is not None and below(one.seen.path, seen.path):
            raise PolicyError(f"fs.image {image}: {one.path} lies in it and is denied: take one of them out")
    own = [step.path for step in steps if isinstance(step, Private)]
    for step in steps:
        _fits(step, image, own)
    return Image(seen)


def _fits(step: Step, image: str, own: Sequence[str]) -> None:
    """Refuse a grant for which something else of the image would have to give way than what has its very name.

    What is made for every program, and what lies in the folders `own`, stands in the place of what an image has there.
    """
    match step:
        case Bind() | Layered():
            path, directory = step.place, step.seen.directory
        case Link(path):
            directory = False
        case Folder(path):
            directory = True
        case _:
            return
    if any(below(path, folder) for folder in (*own, *OWN)):
        return
    for folder in reversed([*above(path)][:-1]):
        expected = directory if folder == path else True
        try:
            status = os.lstat(f"{image}{folder}")  # every folder above it is one: no link was passed
        except OSError:
            return
        if stat.S_ISDIR(status.st_mode) is not expected:
            what = "no directory" if expected else "a directory"
            raise PolicyError(f"{path} is granted, and {folder} is {what} in the image {image}")

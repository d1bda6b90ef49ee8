"""The root that the program sees in the guest: the steps of its plan, with the files that the host shares.

The host shows this guest a tree with more in it than the program is granted (the files of QEMU itself); only what the
plan names is mounted into the new root. Layers and covers of denied paths are the host's: what is written goes there at
once, and a file that the host covers is as unreadable here as there.
"""

import os

from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import mounting as m
from casemate.sandbox.native.root import Root, open_device
from casemate.sandbox.native.steps import Bind, Device, Layered, Step

SHARED, WRITTEN = "/host", "/written"


class GuestRoot(Root):
    """A root being built in the guest."""

    __slots__ = ()

    def open_source(self, step: Step) -> int:
        """Open what a step takes from the tree that the host shares, through no link. Raises OSError."""
        match step:
            case Bind(seen) | Layered(seen):
                read = isinstance(step, Bind) and not step.write
                top = os.open(SHARED if read else WRITTEN, k.O_PATH | os.O_CLOEXEC)
                try:
                    return m.open_within(top, seen.path)
                finally:
                    os.close(top)
            case Device(path):
                return open_device(path)
            case _:
                return -1

    def layer(self, step: Layered, source: int) -> None:
        """Mount what may be written: it is a layer on the host already."""
        self.target(step)
        self.place(source, step.place, m.ATTR_NOSUID | m.ATTR_NODEV | m.ATTR_NOEXEC)

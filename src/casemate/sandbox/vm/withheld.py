"""What the virtual machine withholds from its program, were all layers of the native backend around it away.

The machine is its own kernel, without a card and without a disk; what its init mounts for the program is what the plan
names, and the locks that the native backend puts in force stand there, too. Memory of the program is the guest's own
business: that it is not executable where it was writable, is withheld by the filter of the guest alone.
"""

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.classes import CLASSES
from casemate.model.dataclass import replace
from casemate.sandbox.coverage import MACHINE, Table
from casemate.sandbox.hosted import Guest

LAYER, FILTER = MACHINE, "seccomp in the guest"
OWN_MEMORY = frozenset({"native.wx.memory", "native.wx.twice", "native.wx.forced"})
COUNTED = (C.RES_CPU, C.RES_MEMORY, C.RES_FDS, C.RES_PROCS, C.RES_DISK, C.PROC_FORK, C.PROC_THREAD)
GUEST = Guest(
    layer=LAYER,
    classes=frozenset(CLASSES) - OWN_MEMORY,
    granted=frozenset({
        *("fs.exec.file", "proc.spawn.other", "proc.shell.sh"),
        *("net.connect.tcp", "net.listen.tcp", "net.udp.send"),
        *("net.unix.path", "net.unix.abstract", "net.fdpass.sent"),
    }),
    needs=frozenset({C.NATIVE_WX, C.PROC_SPAWN}),
)  # fmt: skip


def completed(table: Table) -> Table:
    """Say of the table of both what QEMU itself needs otherwise: its limits are not those of the program."""
    return replace(
        table,
        classes={**table.classes, **dict.fromkeys(OWN_MEMORY, (FILTER,))},
        budgets={**table.budgets, **dict.fromkeys(COUNTED, (LAYER,))},
        whole_run=(*table.whole_run, LAYER),
    )

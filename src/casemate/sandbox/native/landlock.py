"""Landlock: a second lock on the same doors, that the target itself carries. landlock(7).

The rules name paths of the new root; a right that this kernel does not know is left out and said so in the coverage.
"""

import _struct as struct
import os
from _collections_abc import Iterable, Iterator

from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import names
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.steps import Bind, Device, Folder, Image, Layered, Private, Synthetic

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK = 16, 32, 64, 128, 256, 512
MAKE_FIFO, MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = 1024, 2048, 4096, 8192, 16384, 32768
READ = READ_FILE | READ_DIR
CHANGE = REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER
WRITE = READ | WRITE_FILE | TRUNCATE | CHANGE
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
KNOWN = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
BIND_TCP, CONNECT_TCP = 1, 2
SCOPE_ABSTRACT, SCOPE_SIGNAL = 1, 2
KVM = "/dev/kvm"  # only in the plan of a virtual machine


def abi() -> int:
    """Give the version that this kernel has; 0 for none."""
    try:
        return k.call("landlock_create_ruleset", k.LANDLOCK_CREATE, None, 0, 1)
    except OSError:
        return 0


def rules(plan: NativePlan) -> Iterator[tuple[str, int]]:
    """Yield every path that stays open inside, and how far."""
    for step in plan.steps:
        match step:
            case Bind(write=write):
                yield step.place, WRITE if write else READ
            case Layered():
                yield step.place, WRITE
            case Private(path, _):
                yield path, WRITE
            case Synthetic(path, _):
                yield path, READ
            case Image():
                yield "/", READ
            case Folder(path, listed=True):
                yield path, READ_DIR
            case Device():
                yield step.place, READ_FILE | WRITE_FILE | (IOCTL_DEV if step.path == KVM else 0)
            case _:
                continue
    yield "/proc", READ
    yield from ((path, EXECUTE | READ_FILE) for path in plan.runnable)


def ruleset(
    plan: NativePlan, version: int, extra: Iterable[tuple[str, int]] = (), *, without: frozenset[str] = frozenset()
) -> int:
    """Make the ruleset, before any identity is dropped; give its descriptor. Raises OSError.

    `without` names parts that are not to be had.
    """
    return ruleset_of((*rules(plan), *extra), version, inet=plan.filter.inet, without=without)


def ruleset_of(opened: Iterable[tuple[str, int]], version: int, *, inet: bool, without: frozenset[str]) -> int:
    """Make a ruleset of paths and how far each stays open; `inet` leaves TCP open. Raises OSError."""
    handled, ports, scoped = asked(version, without)
    descriptor = made(handled, 0 if inet else ports, scoped)
    for path, rights in opened:
        _allow(descriptor, path, rights & handled)
    return descriptor


def asked(version: int, without: frozenset[str] = frozenset()) -> tuple[int, int, int]:
    """Give what is withheld in files, ports and scopes. A right that this version does not know would be EINVAL."""
    handled = KNOWN[min(version, max(KNOWN))]
    handled &= ~(TRUNCATE if names.TRUNCATE in without else 0) & ~(IOCTL_DEV if names.IOCTL in without else 0)
    ports = BIND_TCP | CONNECT_TCP if version >= 4 and names.LANDLOCK_NET not in without else 0
    scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL if version >= 6 and names.SCOPES not in without else 0
    return handled, ports, scoped


def made(handled: int, ports: int, scoped: int) -> int:
    """Make an empty ruleset; what is 0 at the end is left out, since older kernels know a shorter structure."""
    attributes = struct.pack("QQQ", handled, ports, scoped)
    size = 24 if scoped else 16 if ports else 8
    return k.call("landlock_create_ruleset", k.LANDLOCK_CREATE, attributes, size, 0)


def _allow(descriptor: int, path: str, rights: int) -> None:
    there = os.open(path, k.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(f"/proc/self/fd/{there}"):  # noqa: PTH112 -- start-up path
            rights &= OF_A_FILE
        beneath = struct.pack("=Qi", rights, there)
        k.call(f"landlock_add_rule {path}", k.LANDLOCK_ADD, descriptor, 1, beneath, 0)
    finally:
        os.close(there)


def restrict(descriptor: int) -> None:
    """Lock this process, and all that come of it, for good. Needs no_new_privs."""
    k.call("landlock_restrict_self", k.LANDLOCK_RESTRICT, descriptor, 0)

"""The target's last steps before its own code: each layer is put in force here, and execve is the end.

Nothing of the target is read, imported or run before that, and execve is given exactly the planned environment.
"""

import errno
import fcntl
import os
from _collections_abc import Callable, Mapping, Sequence

from casemate.model.dataclass import dataclass
from casemate.model.exits import Exit
from casemate.model.policy import Limits
from casemate.sandbox.native import arguments, identity, landlock, names, selftest, watched
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.entering import Entrances, enter
from casemate.sandbox.native.init import Failed
from casemate.sandbox.native.selftest import SelfTest
from casemate.sandbox.native.world import DEFAULTS

NOT_FOUND = (errno.ENOENT, errno.ENOTDIR)
PAGE = 4096
TIOCSCTTY = 0x540E  # ioctl_tty(2); the same on both architectures
LOWEST, HIGHEST = 1 << 32, 1 << (46 if k.COLUMN == 0 else 38)  # where addresses nobody can guess are taken from


@dataclass(frozen=True, slots=True)
class Locks:
    """What was prepared before the identity was dropped."""

    proc: int  # a procfs with sysctls, attached nowhere
    ruleset: int  # Landlock, or -1 where the kernel has none and that was accepted
    filter: bytes  # the list of system calls, or b"" likewise
    uid: int  # the identity to take, or -1 to stay who we are
    mdwe: bool
    limits: Limits  # of each process
    without: frozenset[str] = frozenset()  # the layers of names.py that are missing, and accepted so
    witness: int = -1  # where the listener of the filter goes: sensor.py
    entrances: Entrances = Entrances()
    test: SelfTest | None = None


def must(layer: str, act: Callable[..., object], *arguments: object) -> None:
    """Do one step of a layer; a failure names the layer."""
    try:
        act(*arguments)
    except (OSError, ValueError) as error:
        raise Failed(layer, str(error)) from None


def become_target(plan: NativePlan, environment: Mapping[str, str], locks: Locks, late: int) -> None:
    """Put everything in force and execute. It returns by Failed only. `late` is a group that is still to be entered."""
    os.setsid()
    must("cgroups", enter, locks.entrances, late)
    if locks.entrances.descriptors and names.CGROUP not in locks.without:  # the groups are the root of all it sees
        must("namespaces", k.unshare, k.CLONE_NEWCGROUP)
    take_terminal()
    _lose_identity(locks)
    lock_and_execute(plan, environment, locks)


def lock_and_execute(plan: NativePlan, environment: Mapping[str, str], locks: Locks) -> None:
    """Put on all that a process puts on itself, try it, and execute. It returns by Failed only."""
    must("working directory", os.chdir, plan.directory)
    seen = plan.environment if names.ENVIRONMENT not in locks.without else tuple(environment)
    addresses = _lay_out(plan, environment, seen)
    _limit(locks)
    if locks.mdwe and not plan.filter.wx:
        must("memory", k.prctl, k.PR_SET_MDWE, 1)
    if names.AT_EXEC not in locks.without:
        must("descriptors", k.close_on_exec, 3)
    if locks.ruleset >= 0:
        must("landlock", landlock.restrict, locks.ruleset)
    token = locks.test.ground.token if locks.test is not None else 0
    if locks.filter:
        code = arguments.assemble(plan.filter, addresses)
        must("seccomp", watched.install, locks.filter, code, locks.witness, token)
    if locks.test is not None:
        selftest.perform(locks.test)
    if names.LIMITS not in locks.without:
        must("limits", identity.limit_last, locks.limits)
    if plan.waits:
        _wait(plan, addresses[1])
    _execute(plan, addresses)


def _limit(locks: Locks) -> None:
    if names.LIMITS not in locks.without:
        must("limits", identity.limit, locks.limits)
    if names.CORES not in locks.without:
        must("limits", identity.dump_nothing)
    must("limits", identity.go_first, locks.proc)


def _lose_identity(locks: Locks) -> None:
    last, drop = names.USER not in locks.without, names.CAPABILITIES not in locks.without
    if drop and not last:  # with root's id the right to do so goes as well, and no namespace brings it back
        must("capabilities", identity.lock_privileges)
    if locks.uid >= 0:
        must("identity", identity.become, locks.uid)
    else:
        must("identity", k.prctl, k.PR_SET_DUMPABLE, 1)
    if last:
        must("user namespace", identity.last_namespace, locks.proc)
    if drop:
        must("capabilities", identity.drop_privileges if last else identity.have_none)
    must("new privileges", identity.gain_nothing)
    if names.KEYRING not in locks.without:
        must("session keyring", identity.new_keyring)


def take_terminal() -> None:
    """Let the terminal, where a stream is one, be the controlling one of this session."""
    for number in (0, 1, 2):
        if os.isatty(number):
            must("terminal", fcntl.ioctl, number, TIOCSCTTY, 0)
            return


def _lay_out(plan: NativePlan, environment: Mapping[str, str], seen: Sequence[str]) -> arguments.Addresses:
    """Put what execve needs at three addresses that cannot be guessed: the filter knows the first execve by them."""
    name = os.fsencode(plan.executable) + b"\0"
    argv = [os.fsencode(part) for part in plan.command]
    values = DEFAULTS | dict(environment)
    envp = [os.fsencode(f"{key}={values[key]}") for key in seen if key in values]
    if any(b"\0" in part for part in (name[:-1], *argv, *envp)):
        raise Failed("execve", "an argument or a variable holds a NUL byte")
    words = _reserved() if plan.waits else _strings(argv)
    return _place(len(name), lambda _: name), words, _strings(envp)


def _strings(parts: Sequence[bytes]) -> int:
    return _place(_length(parts), lambda address: _vector(parts, address))


def _length(parts: Sequence[bytes]) -> int:
    return 8 * (len(parts) + 1) + sum(len(part) + 1 for part in parts)


def _vector(parts: Sequence[bytes], address: int) -> bytes:
    """Spell a vector of strings as it lies at an address."""
    pointers, at = list[int](), address + 8 * (len(parts) + 1)
    for part in parts:
        pointers.append(at)
        at += len(part) + 1
    return b"".join((*(pointer.to_bytes(8, "little") for pointer in (*pointers, 0)), *(part + b"\0" for part in parts)))


def _reserved() -> int:
    """Take room for arguments that are told when the filter stands: it knows their address."""
    from casemate.sandbox.waiting import RESERVED  # noqa: PLC0415 -- loaded before the fork where a run waits

    return _place(RESERVED, lambda _: b"")


def _wait(plan: NativePlan, address: int) -> None:
    """Wait for the arguments that are still to come, and put them where the filter expects them."""
    from casemate.sandbox.waiting import RESERVED, told  # noqa: PLC0415 -- likewise

    try:
        argv = [*map(os.fsencode, plan.command), *told(0)]
    except (ValueError, EOFError) as error:
        raise Failed("waiting", str(error)) from None
    if _length(argv) > RESERVED:
        raise Failed("waiting", f"the arguments take more than {RESERVED} bytes")
    k.fill(address, _vector(argv, address))


def _place(size: int, fill: Callable[[int], bytes]) -> int:
    length = -(-size // PAGE) * PAGE
    for _ in range(64):
        address = (LOWEST + int.from_bytes(os.urandom(8), "little") % (HIGHEST - LOWEST - length)) & ~(PAGE - 1)
        if k.map_at(address, length):
            data = fill(address)
            k.fill(address, data)
            return address
    raise Failed("execve", "no memory for its arguments")


def _execute(plan: NativePlan, addresses: arguments.Addresses) -> None:
    try:
        k.call("execve", k.number("execve"), *addresses)
    except OSError as error:
        code = Exit.NOT_FOUND if error.errno in NOT_FOUND else Exit.NOT_EXECUTABLE
        raise Failed("execve", f"{plan.executable}: {os.strerror(error.errno or 0)}", code) from None

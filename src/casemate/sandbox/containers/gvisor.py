"""gVisor: runsc starts the program in a kernel of its own, in user space; the host's kernel never sees its calls.

Nothing of ours runs inside: there is no Landlock there and no descriptor can be handed in. So the steward's pid 1 tells
of the run in the helper's place, the filter is put on by gVisor itself (guest_calls.py), and what may be executed or
mapped so is a matter of the host's mounts, from which gVisor maps.
"""

import os
import resource
import select
from _collections_abc import Callable

from casemate.model.csignal import signal
from casemate.model.dataclass import dataclass, replace
from casemate.model.small import suppress
from casemate.sandbox.containers.guest_bundle import bundle
from casemate.sandbox.containers.launch import STATE, become, in_memory, last_words, prepare, ways_in, write
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.init import Failed, say
from casemate.sandbox.native.root import NEW, seal
from casemate.sandbox.native.steward import World
from casemate.sandbox.native.target import must, take_terminal

TYPE_CHECKING = False  # `types` itself takes its time
if TYPE_CHECKING:
    from types import FrameType

CONTAINER, BUNDLE, STARTED = "casemate", STATE, f"{STATE}/pid"
GLOBAL = (
    *("--rootless", "--platform=ptrace", "--ignore-cgroups", "--oci-seccomp"),
    *("--host-uds=none", "--overlay2=none", "--root", f"{STATE}/containers"),
)
SETGID, SETUID = 6, 7  # capabilities(7)
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM)
LOOK = 10  # milliseconds between looks whether the program has started
LAST_LOOKS = 50  # until all of it has ended, which most often it has at once
NOT_STARTED = 128  # the exit code of runsc for what is wrong with a container
KILLED = 128
ERRORS = 2  # standard error
KEPT = 1 << 16  # bytes of words of runsc


def launch(world: World, program: str) -> None:
    """Be pid 1 around runsc: start it, pass signals on, tell how the program ended."""
    ends, target = world.ends, world.target
    prepare((), target)
    must("root", _read_only, world.plan)
    entrances = ways_in(target)
    log = in_memory("log", b"")
    errors, error = os.pipe2(os.O_CLOEXEC)
    going, goes = os.pipe2(os.O_CLOEXEC)
    changed, changes = os.pipe2(os.O_CLOEXEC)
    if on_terminal():  # what keys mean is told to us, and not to every process of gVisor
        os.setsid()
        take_terminal()
    child = os.fork()
    if child == 0:
        _be_runsc(program, _Told(log, error, goes, changes, entrances), world)
    k.close_all_but((ERRORS, ends.lifeline, ends.status, log, errors, going, changed))
    os.read(changed, 1)  # before that no signal would reach it from who has the identity of the run
    os.close(changed)
    k.keep_capabilities((SETGID, SETUID))  # what sends signals to the program has the identity of the run, too
    _Watch(child, world, _Sources(program, log, errors, going)).until_over()


def on_terminal() -> bool:
    """Tell whether the program gets a terminal: gVisor knows one for all three streams, or for none."""
    return all(map(os.isatty, (0, 1, 2)))


def _read_only(plan: NativePlan) -> None:
    """Let nobody write to the root itself. gVisor cannot do that for itself to a mount that came with flags."""
    seal(NEW, image=plan.image)


@dataclass(frozen=True, slots=True)
class _Told:
    """Where runsc logs, its standard error where that is no terminal, and the ways into the groups of the run.

    `goes` is closed when it is executed, `changes` when the identity of the run was taken.
    """

    log: int
    error: int
    goes: int
    changes: int
    entrances: tuple[int, ...]


def _be_runsc(program: str, told: _Told, world: World) -> None:
    """Become runsc, in the groups of the run: its kernel does the program's work, and its memory is the program's."""
    try:
        os.setsid()
        for entrance in told.entrances:
            os.write(entrance, b"0")
        become(world.target.uid)
        os.close(told.changes)
        if seconds := world.plan.outside.limits.cpu_seconds:
            # What a bundle says of it, gVisor notes and does not keep; its processes inherit ours, and die of it.
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        terminal = on_terminal()
        if not terminal:
            os.dup2(told.error, ERRORS)
        k.close_all_but((0, 1, 2, told.log, told.goes))
        plan = _with_what_is_told(world.plan) if world.plan.waits else world.plan
        config = bundle(plan, world.environment, world.prepared, terminal=terminal)
        write({"config.json": config}, world.target.uid)
        os.set_inheritable(told.log, True)  # noqa: FBT003 -- the signature is os's
        words = ("run", "--bundle", BUNDLE, "--pid-file", STARTED, CONTAINER)
        options = ("--log-fd", str(told.log), network_of(plan), *GLOBAL)
        os.execve(program, ("runsc", *options, *words), _OWN)  # noqa: S606 -- what we are for
    except OSError as error:
        os.write(told.log, f"{program}: {error.strerror}\n".encode())
    except (ValueError, EOFError) as error:
        os.write(told.log, f"{error}\n".encode())
    finally:
        os._exit(125)


def _with_what_is_told(plan: NativePlan) -> NativePlan:
    """Wait for the arguments that are still to come: config.json holds all of them. gVisor's kernel starts after that.

    Raises ValueError and EOFError.
    """
    from casemate.sandbox.waiting import told  # noqa: PLC0415 -- loaded before the fork where a run waits

    return replace(plan, command=(*plan.command, *map(os.fsdecode, told(0))))


def network_of(plan: NativePlan) -> str:
    """Choose that of the steward, where the broker's sockets are, or one of gVisor's own that leads nowhere."""
    return "--network=host" if plan.outside.connect or plan.outside.forwards else "--network=none"


_OWN = {"PATH": STATE, "HOME": STATE}


@dataclass(frozen=True, slots=True)
class _Sources:
    """runsc, where it logs, and the end of a pipe that is its standard error, and the program's.

    `going` ends when runsc is executed.
    """

    program: str
    log: int
    errors: int
    going: int


def _keys() -> int:
    """Give a descriptor on which the signals come that a terminal makes of keys and of a change of its size."""
    told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH):
        signal.signal(number, _noted)
    return told


def _noted(_number: int, _frame: "FrameType | None") -> None:
    """Let the descriptor say it."""


class _Watch:
    """runsc, seen from pid 1 around it.

    What comes on standard error before the program has started are words of runsc; the rest is passed on as it comes.
    """

    def __init__(self, child: int, world: World, sources: _Sources) -> None:
        self._child, self._world, self._sources = child, world, sources
        self._said, self._errors = b"", sources.errors
        os.set_blocking(sources.errors, False)
        self._lifeline, self._status = world.ends.lifeline, world.ends.status
        self._started = False
        self._pidfd = os.pidfd_open(child)
        self._waiting = select.poll()
        self._keys = _keys()
        self._patience: int | None = None  # nothing is looked for before runsc is there
        for descriptor in (self._pidfd, self._lifeline, sources.errors, sources.going, self._keys):
            self._waiting.register(descriptor, select.POLLIN)

    def until_over(self) -> None:
        """Come back when the program has ended, or when nobody outside holds the lifeline any more."""
        while True:
            ready = dict(self._waiting.poll(self._patience))
            if self._sources.going in ready:
                self._waiting.unregister(self._sources.going)
                self._patience = LOOK
            self._look()
            if self._errors in ready:
                self._pass_on()
            if self._pidfd in ready:
                self._tell()
                return
            if self._keys in ready:
                self._as_the_run(_type if self._started else self._stop, os.read(self._keys, 4096))
            if self._lifeline in ready and not self._deliver():
                return

    def _look(self) -> None:
        """Say that the program has started, once runsc has noted its number."""
        if not self._started and os.path.exists(STARTED):  # noqa: PTH110 -- start-up path
            self._started, self._patience = True, None
            say(self._status, "started")
            self._wrote(self._said)

    def _pass_on(self) -> None:
        """Pass on what came on standard error, or keep it while runsc may be the one that speaks."""
        with suppress(BlockingIOError):
            while self._errors >= 0:
                part = os.read(self._errors, 65536)
                self._said = (self._said + part)[-KEPT:]
                if not part or (self._started and not self._wrote(part)):
                    self._waiting.unregister(self._errors)
                    os.close(self._errors)  # nobody is left who writes, or who reads: then the program is told
                    self._errors = -1

    def _wrote(self, data: bytes) -> bool:
        """Write to the standard error of the run; false when nobody reads it."""
        try:
            while data:
                data = data[os.write(ERRORS, data) :]
        except BrokenPipeError:
            return False
        return True

    def _tell(self) -> None:
        """Tell how it ended: runsc ends as the program did, with 128 + N for a signal."""
        code = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        usage = _used()
        self._pass_on()
        words = last_words(self._sources.log)
        if not self._started or (code == NOT_STARTED and "starting container" in words):
            if code < 0:
                raise Failed("runsc", f"signal {-code} came before the program had started")
            said = self._said.decode(errors="backslashreplace").strip().partition("\n")[0]
            raise Failed("runsc", said or words or f"it ended with {code} and said nothing")
        how = f"signal {code - KILLED}" if KILLED < code <= KILLED + 64 else f"code {code}"
        how = f"signal {-code}" if code < 0 else how
        say(self._status, f"ended {how} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")

    def _deliver(self) -> bool:
        """Pass signals on; false when nobody outside holds the lifeline any more."""
        numbers = os.read(self._lifeline, 4096)
        self._as_the_run(self._kill if self._started else self._stop, numbers)
        return bool(numbers)

    def _as_the_run(self, send: Callable[[int], None], numbers: bytes) -> None:
        """Send signals with the run's own identity, which its processes have. Nothing waits for it but we."""
        for number in numbers:
            child = os.fork()
            if child == 0:
                try:
                    become(self._world.target.uid)
                    send(number)
                finally:
                    os._exit(125)
            os.waitpid(child, 0)

    def _stop(self, number: int) -> None:
        """Send a signal to who is about to start the program, if it is one that ends it."""
        if number in ENDING:
            os.kill(self._child, number)

    def _kill(self, number: int) -> None:
        """Be runsc, which sends a signal to the program."""
        os.dup2(self._sources.log, ERRORS)
        words = ("runsc", *GLOBAL, "kill", CONTAINER, str(number))
        os.execve(self._sources.program, words, _OWN)  # noqa: S606 -- likewise


def _used() -> resource.struct_rusage:
    """Give what runsc has used, and the processes in which the program ran: they come to us where it was ended."""
    with suppress(ChildProcessError):
        for _ in range(LAST_LOOKS):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
            select.poll().poll(LOOK)
    return resource.getrusage(resource.RUSAGE_CHILDREN)


def _type(number: int) -> None:
    """Send a signal to gVisor itself: with a terminal its kernel passes it on to whoever is in front."""
    if (kernel := k.text(STARTED)).isdigit():
        os.kill(int(kernel), number)

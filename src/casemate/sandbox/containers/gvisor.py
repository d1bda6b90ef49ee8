"""gVisor: runsc starts the program in a kernel of its own, in user space; the host's kernel never sees its calls.

Nothing of ours runs inside: there is no Landlock there and no descriptor can be handed in. So the steward's pid 1 tells
of the run in the helper's place, the filter is put on by gVisor itself (guest_calls.py), and what may be executed or
mapped so is a matter of the host's mounts, from which gVisor maps.
"""

import os
import resource
import select
from _collections_abc import Iterator, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.sandbox import Json
from casemate.model.small import suppress
from casemate.sandbox.containers.guest_calls import filter_of
from casemate.sandbox.containers.launch import STATE, become, in_memory, last_words, prepare, ways_in, write
from casemate.sandbox.native import kernel as k
from casemate.sandbox.native import names
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.init import Failed, say
from casemate.sandbox.native.root import NEW, seal
from casemate.sandbox.native.steps import Bind, Layered, Private
from casemate.sandbox.native.steward import Prepared, World
from casemate.sandbox.native.target import must
from casemate.sandbox.native.world import DEFAULTS, NAME
from casemate.sandbox.words import written

CONTAINER, BUNDLE, STARTED = "casemate", STATE, f"{STATE}/pid"
CAPABILITIES = ("bounding", "effective", "inheritable", "permitted", "ambient")
GLOBAL = (
    *("--rootless", "--network=none", "--platform=ptrace", "--ignore-cgroups", "--oci-seccomp"),
    *("--host-uds=none", "--overlay2=none", "--root", f"{STATE}/containers"),
)
SETGID, SETUID = 6, 7  # capabilities(7)
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
    must("root", _read_only)
    entrances = ways_in(target)
    config = bundle(world.plan, world.environment, world.prepared)
    must("root", write, {"config.json": config}, target.uid)
    log = in_memory("log", b"")
    errors, error = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.dup2(error, ERRORS)
        _be_runsc(program, log, entrances, world)
    k.close_all_but((ERRORS, ends.lifeline, ends.status, log, errors))
    k.keep_capabilities((SETGID, SETUID))  # what sends signals to the program has the identity of the run, too
    _Watch(child, world, _Sources(program, log, errors)).until_over()


def _read_only() -> None:
    """Let nobody write to the root itself. gVisor cannot do that for itself to a mount that came with flags."""
    seal(NEW)


def _be_runsc(program: str, log: int, entrances: tuple[int, ...], world: World) -> None:
    """Become runsc, in the groups of the run: its kernel does the program's work, and its memory is the program's."""
    try:
        for entrance in entrances:
            os.write(entrance, b"0")
        become(world.target.uid)
        if seconds := world.plan.outside.limits.cpu_seconds:
            # What a bundle says of it, gVisor notes and does not keep; its processes inherit ours, and die of it.
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        k.close_all_but((0, 1, 2, log))
        os.set_inheritable(log, True)  # noqa: FBT003 -- the signature is os's
        words = ("run", "--bundle", BUNDLE, "--pid-file", STARTED, CONTAINER)
        os.execve(program, ("runsc", "--log-fd", str(log), *GLOBAL, *words), _OWN)  # noqa: S606 -- what we are for
    except OSError as error:
        os.write(log, f"{program}: {error.strerror}\n".encode())
    finally:
        os._exit(125)


_OWN = {"PATH": STATE, "HOME": STATE}


@dataclass(frozen=True, slots=True)
class _Sources:
    """runsc, where it logs, and the end of a pipe that is its standard error, and the program's."""

    program: str
    log: int
    errors: int


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
        for descriptor in (self._pidfd, self._lifeline, sources.errors):
            self._waiting.register(descriptor, select.POLLIN)

    def until_over(self) -> None:
        """Come back when the program has ended, or when nobody outside holds the lifeline any more."""
        while True:
            ready = dict(self._waiting.poll(None if self._started else LOOK))
            self._look()
            if self._errors in ready:
                self._pass_on()
            if self._pidfd in ready:
                self._tell()
                return
            if self._lifeline in ready and not self._deliver():
                return

    def _look(self) -> None:
        """Say that the program has started, once runsc has noted its number."""
        if not self._started and os.path.exists(STARTED):  # noqa: PTH110 -- start-up path
            self._started = True
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
            said = self._said.decode(errors="backslashreplace").strip().partition("\n")[0]
            raise Failed("runsc", said or words or f"it ended with {code} and said nothing")
        how = f"signal {code - KILLED}" if KILLED < code <= KILLED + 64 else f"code {code}"
        how = f"signal {-code}" if code < 0 else how
        say(self._status, f"ended {how} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")

    def _deliver(self) -> bool:
        """Pass signals on; false when nobody outside holds the lifeline any more."""
        numbers = os.read(self._lifeline, 4096)
        for number in numbers:
            self._kill(number)
        return bool(numbers)

    def _kill(self, number: int) -> None:
        """Let runsc send a signal to the program. It takes its time, and nothing waits for it but we."""
        child = os.fork()
        if child == 0:
            try:
                become(self._world.target.uid)
                os.dup2(self._sources.log, ERRORS)
                words = ("runsc", *GLOBAL, "kill", CONTAINER, str(number))
                os.execve(self._sources.program, words, _OWN)  # noqa: S606 -- likewise
            finally:
                os._exit(125)
        os.waitpid(child, 0)


def _used() -> resource.struct_rusage:
    """Give what runsc has used, and the processes in which the program ran: they come to us where it was ended."""
    with suppress(ChildProcessError):
        for _ in range(LAST_LOOKS):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
            select.poll().poll(LOOK)
    return resource.getrusage(resource.RUSAGE_CHILDREN)


_KERNEL: tuple[Json, ...] = (  # gVisor's own; without a word it shows a /sys and a network card of its own
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "tmpfs", "source": "none", "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/dev/net", "type": "tmpfs", "source": "none", "options": ["ro", "nosuid", "noexec", "nodev"]},
)


def bundle(plan: NativePlan, environment: Mapping[str, str], prepared: Prepared) -> str:
    """Write config.json: the program itself, the granted paths as mounts, the filter, the limits."""
    values = DEFAULTS | dict(environment)
    seen = plan.environment if names.ENVIRONMENT not in prepared.without else tuple(environment)
    said: Json = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0, "umask": 0o077},
            "args": [plan.executable, *plan.command[1:]],
            "env": [f"{name}={values[name]}" for name in seen if name in values],
            "cwd": plan.directory,
            "capabilities": dict.fromkeys(CAPABILITIES, ()),
            "rlimits": list(_limits(plan)),
            "noNewPrivileges": True,
        },
        "root": {"path": NEW, "readonly": False},
        "hostname": NAME,
        "mounts": [*_KERNEL, *_mounts(plan)],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "seccomp": filter_of(plan.filter),
        },
    }
    return written(said)


def _mounts(plan: NativePlan) -> Iterator[Json]:
    """Yield a mount for each tree and file of the root: gVisor refuses for itself what the host's mount refuses too."""
    for step in plan.steps:
        match step:
            case Bind(_, execute, write):
                options = ("rw" if write else "ro", *(() if execute else ("noexec",)))
                yield _mount(step.place, options)
            case Layered():
                yield _mount(step.place, ("rw", "noexec"))
            case Private(path, _):
                yield _mount(path, ("rw", "noexec"))
            case _:
                continue


def _mount(path: str, options: tuple[str, ...]) -> Json:
    return {
        "destination": path,
        "type": "bind",
        "source": f"{NEW}{path}",
        "options": ["rbind", "nosuid", "nodev", *options],
    }


def _limits(plan: NativePlan) -> Iterator[Json]:
    """Yield the limits of each process, which gVisor's kernel keeps."""
    limits = plan.outside.limits
    for name, soft, hard in (
        ("CPU", limits.cpu_seconds, limits.cpu_seconds + 1),
        ("NPROC", limits.processes, limits.processes),
        ("FSIZE", limits.disk_bytes, limits.disk_bytes),
        ("NOFILE", limits.fds, limits.fds),
        ("AS", limits.memory_bytes, limits.memory_bytes),
    ):
        if soft:
            yield {"type": f"RLIMIT_{name}", "soft": soft, "hard": hard}
    for name in ("CORE", "MEMLOCK", "MSGQUEUE"):
        yield {"type": f"RLIMIT_{name}", "soft": 0, "hard": 0}

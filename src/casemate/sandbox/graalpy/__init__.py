"""The graalpy backend: GraalPy in a polyglot context of a JVM, in the native backend."""
# ruff: noqa: PTH120 -- a path stays the string that was written

import os
from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.classes import CLASSES
from casemate.model.dataclass import replace
from casemate.model.errors import Refused
from casemate.model.policy import MIB, Grant, Limits, Policy
from casemate.model.sandbox import Boundary, Command, Operation, Outcome, Plan
from casemate.sandbox import ours
from casemate.sandbox.coverage import Table
from casemate.sandbox.graalpy import java
from casemate.sandbox.graalpy.prepare import prepare
from casemate.sandbox.hosted import Guest, HostedPlan
from casemate.sandbox.invocation import Invocation, Kind, invocation
from casemate.sandbox.native import world
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.other_python import GUEST, REFUSES, OtherPython, packages
from casemate.sandbox.streams import RunInput

VERSION = "GraalPy 25.2.4 (Python 3.12.8, SandboxPolicy.CONSTRAINED) on Java 25.0.2"
NOT_OFFERED = (
    "Its vendor does not offer it for this: GraalPy's SECURITY.md says that it does not currently support the "
    "execution of untrusted or adversarial code, and GraalVM's SandboxPolicy.CONSTRAINED is for trusted code."
)
RESIDUAL = (
    NOT_OFFERED,
    "A hole in GraalPy or the JVM leads into the process of the JVM, which the native backend confines.",
    "The guest shares the heap of its JVM: there is no isolate between them.",
    "The guest's Python is 3.12.8, whatever the program's own is.",
    "C extensions, threads, sockets, signal handlers and child processes are absent.",
)
KNOWN = frozenset("BEIPqsu")  # options of Python that mean something here, or nothing anywhere
# What native alone withholds: a crash is the JVM's, and what a program may write it may also name so.
NATIVE_ALONE = frozenset({"kernel.cores", "fs.persist.names"})
BUDGETS = frozenset({C.PROC_FORK, C.PROC_THREAD, C.RES_PROCS, C.RES_MEMORY, C.RES_CPU})
OWN_MEMORY = 640 * MIB  # bytes of address space of the JVM beside the guest's heap, of which it touches a third
LEAST_HEAP = 128 * MIB  # bytes: GraalPy itself takes half of them
THREADS, OWN_SECONDS = 32, 60  # of the JVM itself


class GraalPy(OtherPython):
    """GraalPy in a JVM, confined by the native backend: no C extensions, threads, sockets, processes."""

    name = "graalpy"
    guest = Guest(
        layer="graalpy",
        classes=frozenset(CLASSES) - NATIVE_ALONE,
        budgets=BUDGETS,
        needs=frozenset({C.NATIVE_WX}),
        refuses=REFUSES,
    )

    boundary = Boundary.JVM
    version_of_all = VERSION
    remains = RESIDUAL
    offered = False
    fewest_fds = 64

    def outer_policy(self, policy: Policy) -> Policy:
        """Give the JVM what the guest is granted, its own files, and memory that is executable: it compiles."""
        folder = self.installed().folder
        given = tuple(grant for grant in policy.grants if grant.capability is not C.ENV_READ)
        grants = (Grant(C.NATIVE_WX, ""), *ours.grants(), *java.grants(folder))
        kept = os.path.dirname(os.path.dirname(folder))  # denied to the guest, and the runtime lies there
        return replace(
            replace(policy, grants=given, settings=(), secrets=()).plus(*grants),
            deny=tuple(path for path in policy.deny if path != kept),
            limits=_limits(policy.limits),
        )

    def outer_command(self, command: Command, policy: Policy) -> Command:
        """Start the JVM with what the guest sees, and which program it becomes. Raises Refused."""
        called = invocation(command, self.name)
        self._refuse(called, policy)
        folder = self.installed().folder
        wait = ("wait",) if command.waits else ()
        words = (*_seen(policy, folder), *wait, "--", *_program(called, command, policy))
        argv = (
            *java.command(folder, heap=policy.limits.memory_bytes),
            f"home={java.quoted(f'{folder}/{java.HOME}')}",
            *words,
        )
        return Command(argv, java.executable(folder), command.directory)

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused for what the guest cannot be granted."""
        self.refuse(policy)
        made = super().plan(command, policy)
        if not isinstance(made, HostedPlan) or not isinstance(made.native, NativePlan):
            raise TypeError(type(made).__name__)
        names = world.variables(policy)
        inner = (*(GUEST + name for name in names), *java.VARIABLES)
        operations = (*made.operations, Operation("vendor", {"says": NOT_OFFERED}))  # for --dry-run and the record
        native = replace(made.native, environment=inner)
        return replace(made, native=native, environment=names, operations=operations)

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan of this backend; the JVM's own environment holds nothing that a policy could name."""
        values = {**world.DEFAULTS, **run.environment}
        inner = {GUEST + name: value for name, value in values.items()}
        outcome = super().start(plan, replace(run, environment={**inner, **java.VARIABLES}))
        return replace(outcome, denials=())  # the guest makes no system call of its own: these are the JVM's

    def finish(self, folder: str) -> None:
        """Make ready what was fetched: the guest's classes, Python's library, and what Java remembers of a start."""
        prepare(self._native, folder)

    def _table(self) -> Table:
        """Leave out what native limits to more than the policy says, since the JVM needs it."""
        table, only = super()._table(), (self.guest.layer,)
        return replace(
            table,
            budgets={**table.budgets, **dict.fromkeys(BUDGETS, only)},
            whole={**table.whole, **WHOLE},
            partly={
                **table.partly,
                C.RES_FDS: "descriptors of the JVM; what GraalPy only counts (dup, pipe) costs none",
            },
            whole_run=(*table.whole_run, self.guest.layer),
        )

    def _refuse(self, called: Invocation, policy: Policy) -> None:
        """Raise Refused for what the JVM cannot be asked for."""
        limits = policy.limits
        if unknown := [option for option in called.options if not KNOWN.issuperset(option[1:])]:
            raise Refused(f"the {self.name} backend cannot give Python its option {unknown[0]}")
        if limits.memory_bytes and limits.memory_bytes < LEAST_HEAP:
            raise Refused(f"res.memory {limits.memory_bytes}: the {self.name} backend itself needs {LEAST_HEAP} bytes")


WHOLE = {
    C.RES_CPU: "the time of the guest; the JVM beside it has a limit of its own",
    C.RES_MEMORY: "the heap of the guest; the JVM beside it has a limit of its own",
    C.RES_PROCS: "the guest has one process and one thread, whatever it may have",
}


def _limits(limits: Limits) -> Limits:
    """Give the limits of the JVM: what the guest's boundary limits itself is only kept from being too little."""
    return replace(
        limits,
        cpu_seconds=limits.cpu_seconds and limits.cpu_seconds + OWN_SECONDS,
        memory_bytes=limits.memory_bytes and limits.memory_bytes + OWN_MEMORY,
        processes=limits.processes and max(limits.processes, THREADS),
    )


def _seen(policy: Policy, folder: str) -> Iterator[str]:
    """Yield what the guest sees of the root inside: where it reads, where it writes, and what is hidden from it.

    The runtime may lie in a folder that is shown, such as /tmp: the guest sees Python's library of it alone.
    """
    read = [*world.FILES, world.LOCALTIME, NULL]
    read += [grant.resource for kind in (C.FS_READ, C.FS_LIST) for grant in policy.of(kind)]
    write = [*PRIVATE, NULL, *(grant.resource for grant in policy.of(C.FS_WRITE))]
    hidden = [folder, *(path for path in policy.deny if path.startswith("/"))]
    if policy.limits.cpu_seconds:
        yield f"cpu={policy.limits.cpu_seconds}"
    for name, paths in (("read", read), ("write", write), ("deny", hidden)):
        yield from (f"{name}={java.quoted(path)}" for path in dict.fromkeys(paths))


PRIVATE = ("/tmp", world.HOME, "/dev/shm")  # noqa: S108 -- its own
NULL = "/dev/null"  # the other devices are not files that GraalPy can read: it finds them empty


def _program(called: Invocation, command: Command, policy: Policy) -> Iterator[str]:
    """Yield the words of start.py: flags, folders of packages, what is executed, its arguments."""
    letters = called.flags
    flags = "".join(sorted(letters)) + ("EPs" if "I" in letters else "")
    folders = tuple(packages(command.executable, policy))
    for word in (flags, str(len(folders)), *folders, KINDS[called.kind], called.what, *called.arguments):
        yield java.quoted(word)


KINDS = {Kind.CODE: "code", Kind.MODULE: "module", Kind.FILE: "file", Kind.STDIN: "stdin"}

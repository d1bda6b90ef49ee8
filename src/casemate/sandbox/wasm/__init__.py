"""The wasm backend: CPython compiled to WebAssembly, in wasmtime, in the native backend."""
# ruff: noqa: PTH112, PTH118 -- a path stays the string that was written

import json
import os
from collections.abc import Iterator, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.classes import CLASSES
from casemate.model.dataclass import replace
from casemate.model.errors import Refused
from casemate.model.policy import Grant, Limits, Policy
from casemate.model.sandbox import Boundary, Command, Coverage, Gap, Json, Operation, Outcome, Plan
from casemate.model.tree import below
from casemate.sandbox import ours
from casemate.sandbox.coverage import Table
from casemate.sandbox.hosted import Guest, HostedPlan
from casemate.sandbox.invocation import Invocation, Kind, invocation
from casemate.sandbox.native import world
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.steps import Step, describe
from casemate.sandbox.other_python import GUEST, REFUSES, OtherPython, packages
from casemate.sandbox.streams import RunInput
from casemate.sandbox.wasm.parts import COMPILED, DRIVER, EXECUTABLE, LIBRARY, PYTHON
from casemate.sandbox.wasm.view import PREFIX, RUNTIME, SHOWN, Shown, View, view

VERSION = "CPython 3.12.0 for WASI in wasmtime 50.0.1"
ADDRESSES = 5 << 30  # bytes of address space of the driver: wasmtime reserves 4 GiB for the guest, and guards
WORD = 30_000  # letters: Linux takes arguments of 128 KiB at most, and a letter has up to four bytes
THREADS = 32  # of the driver: wasmtime's own
# However many processors there are: each thread would reserve addresses of its own (malloc(3), tokio).
QUIET = {"TOKIO_WORKER_THREADS": "1", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
WRITING = ("fs.write.", "fs.delete.", "fs.meta.")
FILES = ("fs.read.", "fs.list.", *WRITING)
NATIVE_ALONE = frozenset({"kernel.cores"})  # a crash is one of the driver
WHOLE: Mapping[C, str] = {
    C.PROC_FORK: "WASI has no processes",
    C.PROC_THREAD: "WASI has no threads",
    C.RES_MEMORY: "the memory of the guest; wasmtime itself takes some 40 MB more",
}
RESIDUAL = (
    "A hole in wasmtime leads into the process of the driver, which the native backend confines.",
    "The guest's Python is 3.12.0, whatever the program's own is; its standard library is not patched since.",
    "C extensions, threads, sockets and child processes are absent.",
)


class Wasm(OtherPython):
    """CPython for WASI in wasmtime, confined by the native backend: no C extensions, threads, sockets, processes."""

    name = "wasm"
    guest = Guest(
        layer="wasm",
        classes=frozenset(CLASSES) - NATIVE_ALONE,
        budgets=frozenset({C.PROC_FORK, C.PROC_THREAD, C.RES_PROCS, C.RES_MEMORY}),
        needs=frozenset({C.NATIVE_WX}),
        refuses=REFUSES,
    )

    boundary = Boundary.WASM
    version_of_all = VERSION
    remains = RESIDUAL
    fewest_fds = 32

    def outer_policy(self, policy: Policy) -> Policy:
        """Give the driver what the guest is granted, an interpreter, and memory that is made executable."""
        given = tuple(grant for grant in policy.grants if grant.capability is not C.ENV_READ)
        without = replace(policy, grants=given, settings=(), secrets=(), limits=_limits(policy.limits))
        return without.plus(Grant(C.NATIVE_WX, ""), *ours.grants(), Grant(C.FS_READ, DRIVER))

    def outer_command(self, command: Command, policy: Policy) -> Command:
        """Start the driver with the job: which program, and which folders. Raises Refused."""
        called, seen = invocation(command, self.name), view(policy, command.directory)
        if "S" in called.flags:
            raise Refused("the wasm backend cannot give Python its option -S: the guest begins by a module of site")
        job = self._job(called, command, policy, seen)
        told = json.dumps(job, ensure_ascii=False)
        words = (told[at : at + WORD] for at in range(0, len(told), WORD))
        argv = (ours.interpreter(), *EXECUTABLE, *words)
        return Command(argv, ours.interpreter(), world.HOME)

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused for what the guest cannot be granted."""
        self.refuse(policy)
        made = super().plan(command, policy)
        if not isinstance(made, HostedPlan) or not isinstance(made.native, NativePlan):
            raise TypeError(type(made).__name__)
        native, names = made.native, world.variables(policy)
        try:
            steps = tuple(view(policy, command.directory).steps(native.steps, self.installed().folder))
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}") from None
        inner = replace(native, steps=steps, environment=(*QUIET, *(GUEST + name for name in names)))
        return replace(
            made,
            native=inner,
            environment=names,
            operations=tuple(_operations(made.operations, native.steps, steps)),
        )

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan of this backend; the driver's own environment holds nothing that a policy could name."""
        values = {**world.DEFAULTS, **run.environment}
        told = QUIET | {GUEST + name: value for name, value in values.items()}
        return super().start(plan, replace(run, environment=told))

    def finish(self, folder: str) -> None:
        """Compile the guest for this machine and take its standard library out, inside the native backend."""
        from casemate.sandbox.wasm.prepare import prepare  # noqa: PLC0415 -- once, when it is installed

        prepare(self._native, folder)

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        """Say for every capability which layers withhold it from the guest."""
        return super(Wasm, self._under(policy)).coverage(policy)

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        """Yield what is denied to the guest and cannot be withheld here."""
        return super(Wasm, self._under(policy)).gaps(policy)

    def _table(self) -> Table:
        """Leave out what native limits to more than the policy says, since the driver needs it."""
        table, only = super()._table(), (self.guest.layer,)
        return replace(
            table,
            budgets={**table.budgets, **dict.fromkeys(self.guest.budgets, only)},
            whole={**table.whole, **WHOLE},
            whole_run=(*table.whole_run, self.guest.layer),
        )

    def _under(self, policy: Policy) -> "Wasm":
        """Give the backend as it is under a policy: where folders are shown as a whole, it claims less."""
        if not (lost := frozenset(_not_alone(policy))):
            return self
        under = Wasm(without=self._without)
        under.guest = replace(self.guest, classes=self.guest.classes - lost)
        return under

    def _job(self, called: Invocation, command: Command, policy: Policy, seen: View) -> dict[str, Json]:
        what = called.what
        name = what if called.kind is Kind.FILE else ""
        program: Mapping[Kind, tuple[str, ...]] = {
            Kind.CODE: ("-c", what),
            Kind.MODULE: ("-m", what),
            Kind.FILE: (os.path.join(command.directory, what),),
            Kind.STDIN: ("-",),
        }
        settings = {
            "CASEMATE_CWD": command.directory,
            "CASEMATE_NAME": name,
            "CASEMATE_SITE": ":".join(packages(command.executable, policy)),
            "CASEMATE_WAIT": "yes" if command.waits else "",
        }
        folders: list[Json] = [
            {"host": one.host, "guest": one.guest, "write": one.write}
            for one in (Shown(f"{RUNTIME}/{PYTHON}", f"{PREFIX}/lib", write=False), *seen.folders.values())
        ]
        return {
            "library": f"{RUNTIME}/{LIBRARY}",
            "module": f"{RUNTIME}/{COMPILED}",
            "argv": [f"{PREFIX}/bin/python", *called.options, *program[called.kind], *called.arguments],
            "before": GUEST,
            "settings": settings,
            "folders": folders,
            "memory": policy.limits.memory_bytes,
        }


def _not_alone(policy: Policy) -> Iterator[str]:
    """Yield the classes that only the native layers withhold: WASI shows whole folders, and what is denied in them.

    Where a file may be written beside others that may not, its folder is open to changes.
    """
    trees = [os.path.realpath(grant.resource) for kind in SHOWN for grant in policy.of(kind)]
    if any(below(os.path.realpath(path), tree) for path in policy.deny if path.startswith("/") for tree in trees):
        yield from (name for name in CLASSES if name.startswith(FILES))
    elif any(not os.path.isdir(grant.resource) for grant in policy.of(C.FS_WRITE)) and view(policy, "/").mixed:
        yield from (name for name in CLASSES if name.startswith(WRITING))


def _limits(limits: Limits) -> Limits:
    """Give the limits of the driver: what the guest's boundary limits itself is only kept from being too little."""
    return replace(
        limits,
        memory_bytes=limits.memory_bytes and ADDRESSES,
        processes=limits.processes and max(limits.processes, THREADS),
    )


def _operations(known: tuple[Operation, ...], before: tuple[Step, ...], after: tuple[Step, ...]) -> Iterator[Operation]:
    """Tell the steps as they are carried out, in the place of those that the native backend planned."""
    old, told = [describe(step) for step in before], False
    for operation in known:
        if operation not in old:
            yield operation
        elif not told:
            told = True
            yield from map(describe, after)

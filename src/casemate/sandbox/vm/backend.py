"""The vm backend: a virtual machine for each run, under the native backend."""

import json
import os
import time
from collections.abc import Callable, Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.dataclass import dataclass, replace
from casemate.model.errors import Refused
from casemate.model.policy import PRIVATE, Assurance, Policy
from casemate.model.sandbox import Boundary, Command, Json, Layer, Outcome, Plan, Runtime
from casemate.sandbox.coverage import Table
from casemate.sandbox.hosted import Hosted, HostedPlan
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.plan import compile_plan
from casemate.sandbox.native.steps import describe
from casemate.sandbox.streams import RunInput, Streams
from casemate.sandbox.vm import accelerator, host, image, job, needs, view, warming
from casemate.sandbox.vm.vector import Machine
from casemate.sandbox.vm.withheld import FILTER, GUEST, completed

Record = Callable[[Mapping[str, Json]], None]
PATIENCE = 180.0  # seconds for the start of a guest, which is translated: a loaded host may take so long
TRIES = 2
SLOW = 5  # translated, a Python starts twenty times slower, and has a guest to wait for
RESIDUAL = (
    "an error in QEMU (its processor, virtio-serial, 9p) leads from the guest into the native sandbox around it",
    "what one processor tells of another by timing",
)
TRANSLATED = (  # https://www.qemu.org/docs/master/system/security.html, "Non-virtualization Use Case"
    "Its vendor does not offer it where guests are translated (TCG): QEMU's security page says that users must not "
    "rely on it there for isolation or any security guarantee."
)
HABITS = frozenset({"get_mempolicy", "seccomp", "io_uring_setup"})  # what QEMU asks for at every start


@dataclass(frozen=True, slots=True)
class VmPlan(HostedPlan):
    """A plan with the guest of which a copy is started, and what was asked for: once more where KVM fails."""

    kept: image.Kept
    asked: Command
    policy: Policy


class Vm(Hosted):
    """A virtual machine of QEMU under the native backend."""

    name = "vm"
    guest = GUEST

    def __init__(self, *, without: frozenset[str] = frozenset(), patience: float = PATIENCE) -> None:
        """Take the native layers that this host has, but those in `without`; `patience` are seconds for a start."""
        super().__init__(without=without)
        self._patience = patience
        self._known: image.Kept | None = None
        self._slowly = ""  # why guests are translated

    def runtime(self) -> Runtime:
        """Say whether QEMU and a kernel are here."""
        try:
            kept = self._kept()
            version = image.version(kept) or host.version(kept.machine.qemu)
        except Refused as refused:
            return Runtime(Boundary.HYPERVISOR, available=False, why_not=str(refused), install=host.INSTALL)
        machine = Runtime(Boundary.HYPERVISOR, available=True, version=f"{version} (KVM)", residual=RESIDUAL)
        if not self._slowly:
            return machine
        how, residual = f"{version} (TCG: {self._slowly})", (TRANSLATED, *RESIDUAL)
        return replace(machine, version=how, residual=residual, slow=SLOW, assured=False)

    def outer_policy(self, policy: Policy) -> Policy:
        """Give the policy of QEMU."""
        return needs.to_run(policy, self._kept())

    def outer_command(self, command: Command, policy: Policy) -> Command:
        """Give the command that starts the driver, which wakes the guest and hands it the program. Raises Refused."""
        for grant in policy.of(C.NET_UNIX):
            if grant.resource != PRIVATE:
                raise Refused(f"net.unix {grant.resource}: the vm backend cannot grant it: no socket leads in")
        inner = compile_plan(command, policy, ())
        kept = self._kept()
        warm = (command.argv[0], *warming.WORDS) if command.waits and command.python else ()
        task = {
            "machine": kept.machine.plain(),
            "folder": kept.folder,
            "job": job.spelled(inner, warm),
            "largest": policy.limits.disk_bytes,
            "ways": (job.ways(inner.outside.connect), job.inward(inner.outside.forwards)),
        }
        return needs.command("run", json.dumps(task))

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused where something cannot be granted to the guest."""
        made = super().plan(command, policy)
        assert isinstance(made, HostedPlan)  # noqa: S101 -- for the type checker
        assert isinstance(made.native, NativePlan)  # noqa: S101 -- likewise
        whole = view.shown(made.native, compile_plan(command, policy, ()), self._kept().machine)
        shared = whole.steps[len(made.native.steps) :]
        return VmPlan(
            backend=made.backend,
            command=made.command,
            directory=made.directory,
            environment=made.environment,
            operations=(*made.operations, *map(describe, shared)),
            coverage=made.coverage,
            native=whole,
            kept=self._kept(),
            asked=command,
            policy=policy,
        )

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Make the guest first where it is not kept yet; then start a copy of it."""
        if not isinstance(plan, VmPlan):
            return super().start(plan, run)  # which refuses it
        if not self._prepared(plan.kept, run):
            if plan.policy.assurance is Assurance.BOUNDARY:
                raise Refused(f'vm: policy.assurance = "boundary" excludes it: {TRANSLATED}')
            self._known = None  # from now on without KVM
            return self.start(self.plan(plan.asked, plan.policy), run)
        outcome = super().start(plan, replace(run, record=_of_the_program(run.record)))
        return replace(outcome, denials=tuple(one for one in outcome.denials if one.resource not in HABITS))

    def layers(self) -> tuple[Layer, ...]:
        """Give the machine, the filter in it, and every layer of the native backend around it."""
        machine, *native = super().layers()
        inside = Layer(
            FILTER, machine.available, "put on by the guest's own kernel" if machine.available else machine.detail
        )
        return (machine, inside, *native)

    def _table(self) -> Table:
        return completed(super()._table())

    def _kept(self) -> image.Kept:
        """Say which guest a run is a copy of; it is looked for once. Raises Refused."""
        if self._known is None:
            kernel, top = host.kernel(), image.top(dict(os.environ))
            self._slowly = accelerator.why_not(top)
            kind = "tcg" if self._slowly else "kvm"
            machine = Machine(host.qemu(), kernel.image, "", kind, needs.guest_memory())
            self._known = image.place(kernel, machine, top)
        return self._known

    def _prepared(self, kept: image.Kept, run: RunInput) -> bool:
        """Make sure that the guest is there, whole; false where it does not start with KVM. Raises Refused."""
        try:
            if image.is_whole(kept):
                return True
            with image.Lock(kept.folder):
                if image.is_whole(kept):  # somebody else has made it meanwhile
                    return True
                made = self._make(kept, run)
                image.sweep(kept)
                return made
        except OSError as error:
            raise Refused(f"vm: the guest cannot be kept in {kept.folder}: {error}") from None

    def _make(self, kept: image.Kept, run: RunInput) -> bool:
        begun, kvm = time.monotonic(), kept.machine.accelerator == "kvm"
        _say(run, "vm: making the guest of which every run is a copy: once for a kernel and a version")
        whole = False
        try:
            for _ in range(1 if kvm else TRIES):
                image.begin(kept, host.kernel())
                if self._booted(kept, run):
                    image.finish(kept)
                    whole = True
                    _say(run, f"vm: made in {time.monotonic() - begun:.0f} s")
                    return True
        finally:
            if not whole:
                image.empty(kept)
        if not kvm:
            raise Refused("vm: the guest could not be started; see above")
        accelerator.note(image.top(dict(os.environ)), "no guest starts with it here")
        _say(run, "vm: no guest starts with KVM here; it is translated (TCG), and so until the next boot")
        return False

    def _booted(self, kept: image.Kept, run: RunInput) -> bool:
        """Boot a guest and put it aside, under the native backend."""
        machine = kept.machine
        patience = min(self._patience, accelerator.PATIENCE) if machine.accelerator == "kvm" else self._patience
        task = {"machine": machine.plain(), "folder": kept.folder, "patience": patience}
        policy = needs.to_make(machine, kept.folder)
        plan = self._native.plan(needs.command("make", json.dumps(task)), policy)
        assert isinstance(plan, NativePlan)  # noqa: S101 -- for the type checker
        plan = view.alone(plan, machine)
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            return self._native.start(plan, RunInput({}, Streams(nothing, nothing, run.streams.stderr))).code == 0
        finally:
            os.close(nothing)


def _of_the_program(record: Record | None) -> Record | None:
    """Leave out of a record what QEMU is refused at every start: it tells nothing of the program."""
    if record is None:
        return None
    left_out = 0

    def told(event: Mapping[str, Json]) -> None:
        nonlocal left_out
        if event["event"] == "denied" and event["resource"] in HABITS:
            left_out += 1
        elif event["event"] == "ended" and isinstance(count := event["denials"], int):
            record({**event, "denials": count - left_out})
        else:
            record(event)

    return told


def _say(run: RunInput, text: str) -> None:
    os.write(run.streams.stderr, f"casemate: {text}\n".encode())


__all__ = ["Vm"]

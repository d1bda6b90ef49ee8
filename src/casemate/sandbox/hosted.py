"""A runtime with a boundary of its own, which is itself a program under the native backend: one layer more.

The native backend builds the view that the policy grants and confines the runtime to it; the runtime shows that view to
its guest. What the guest reaches is withheld by the runtime and by the kernel; whoever leaves the guest is where any
program of the native backend is, with the runtime's own needs (`Guest.needs`) on top. Writes, quotas, the network and
its broker, streams, limits and the end of a run are the native backend's.
"""

from collections.abc import Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.dataclass import dataclass, field, replace
from casemate.model.errors import Refused, UsageError
from casemate.model.policy import Grant, Policy
from casemate.model.sandbox import Command, Coverage, Gap, Layer, Operation, Outcome, Plan, Runtime
from casemate.sandbox.coverage import Table, coverage, gaps
from casemate.sandbox.native import Native, layers
from casemate.sandbox.native.gaps import TABLE
from casemate.sandbox.native.plan import WAIT
from casemate.sandbox.streams import RunInput


@dataclass(frozen=True, slots=True)
class Guest:
    """What the boundary of a runtime withholds from its guest, were all layers of the native backend away.

    `layer` is its name. `classes` and `budgets` are withheld by it alone; `granted` are those of the classes that it
    still withholds where the policy grants something of their capability. `needs` are capabilities that the runtime has
    and the guest has not: for these classes no layer of the native backend counts. `refuses` are capabilities that
    cannot be granted to the guest, each with the reason.
    """

    layer: str
    classes: frozenset[str]
    budgets: frozenset[Capability] = frozenset()
    granted: frozenset[str] = frozenset()
    needs: frozenset[Capability] = frozenset()
    refuses: Mapping[Capability, str] = field(default_factory=dict[Capability, str])


@dataclass(frozen=True, slots=True)
class HostedPlan(Plan):
    """A plan of which the native backend carries out its part: the runtime, which starts the command."""

    native: Plan


class Hosted:
    """A backend whose runtime runs under the native backend. Subclasses say what the runtime is and how it starts."""

    name = ""
    guest: Guest

    def __init__(self, *, without: frozenset[str] = frozenset()) -> None:
        """Take the native layers that this host has, but those named in `without`: see Native."""
        self._without = without
        self._native = Native(without=without)

    @property
    def never(self) -> Mapping[Capability, str]:
        """Say what cannot be granted to the guest, and why."""
        return self.guest.refuses

    def runtime(self) -> Runtime:
        """Say whether the runtime is here, and what installs it."""
        raise NotImplementedError

    def outer_policy(self, policy: Policy) -> Policy:
        """Give the policy of the runtime: that of the guest, and what the runtime itself needs."""
        raise NotImplementedError

    def outer_command(self, command: Command, policy: Policy) -> Command:
        """Give the command that starts the runtime, which starts the guest's. Raises Refused.

        Where `command.waits`, the runtime gets ready and then waits as sandbox/waiting.py says.
        """
        raise NotImplementedError

    def version(self) -> str:
        """Name the runtime in its version."""
        return self.runtime().version

    def guest_layer(self) -> Layer:
        """Say what the runtime is, as a layer."""
        runtime = self.runtime()
        return Layer(self.guest.layer, runtime.available, runtime.version if runtime.available else runtime.why_not)

    def layers(self) -> tuple[Layer, ...]:
        """Give the boundary of the runtime, and every layer of the native backend around it."""
        return (self.guest_layer(), *self._native.layers())

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        """Say for every capability which layers withhold it from the guest."""
        return coverage(policy, self._table(), layers.missing(self._without))

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        """Yield what is denied to the guest and cannot be withheld here."""
        return gaps(policy, self._table(), layers.missing(self._without))

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused where something cannot be granted to the guest."""
        if policy.image:
            raise Refused(f"fs.image {policy.image}: the {self.name} backend has no root but that of its guest")
        for grant in policy.grants:
            if reason := self.never.get(grant.capability):
                what = f"{grant.capability} {grant.resource}".rstrip()
                raise Refused(f"{what}: the {self.name} backend cannot grant it: {reason}")
        outer = self.outer_command(command, policy)  # where the run waits, the runtime does, when it is ready
        native = self._native.plan(replace(outer, waits=False), self.outer_policy(policy))
        guest = Operation("guest", {"by": self.guest.layer, "runtime": self.version()})
        return HostedPlan(
            backend=self.name,
            command=command.argv,
            directory=command.directory,
            environment=native.environment,
            operations=(*native.operations, guest, *((WAIT,) if command.waits else ())),
            coverage=self.coverage(policy),
            native=native,
        )

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan of this backend. Raises Refused."""
        if not isinstance(plan, HostedPlan) or plan.backend != self.name:
            raise UsageError(f"this plan is for the backend {plan.backend}, not for {self.name}")
        return self._native.start(plan.native, replace(run, told=plan))

    def _table(self) -> Table:
        """Put the layers of both together, class by class."""
        guest, needs = self.guest, self.guest.needs

        def native(name: str) -> tuple[str, ...]:
            if name in TABLE.given and TABLE.given[name] in needs:
                return ()
            if name in TABLE.when_granted and not needs.isdisjoint(TABLE.when_granted[name][0]):
                return TABLE.when_granted[name][1]
            return TABLE.classes[name]

        def inner(name: str, held: frozenset[str]) -> tuple[str, ...]:
            return (guest.layer,) if name in held else ()

        return replace(
            TABLE,
            classes={name: (*inner(name, guest.classes), *native(name)) for name in TABLE.classes},
            budgets={
                budget: (*((guest.layer,) if budget in guest.budgets else ()), *held)
                for budget, held in TABLE.budgets.items()
            },
            when_granted={
                name: (by, (*inner(name, guest.granted), *held), note)
                for name, (by, held, note) in TABLE.when_granted.items()
            },
        )


def plus(policy: Policy, **grants: tuple[str, ...]) -> Policy:
    """Give a policy with more to read, execute or map: `read`, `execute` and `libraries` are paths."""
    kinds = {"read": Capability.FS_READ, "execute": Capability.FS_EXEC, "libraries": Capability.NATIVE_EXT}
    return policy.plus(*(Grant(kinds[kind], path) for kind, paths in grants.items() for path in paths))

"""What the backends beside the native one share: its plan, its steward, its loop outside; another program inside."""

from _collections_abc import Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.dataclass import replace
from casemate.model.errors import Refused, UsageError
from casemate.model.policy import Policy
from casemate.model.sandbox import Boundary, Command, Coverage, Gap, Layer, Outcome, Plan, Runtime
from casemate.sandbox import coverage
from casemate.sandbox.containers.found import found
from casemate.sandbox.coverage import Table
from casemate.sandbox.native import RESIDUAL, cgroups, demand, gaps, layers, names, prepared, selftest
from casemate.sandbox.native.cgroups import Place
from casemate.sandbox.native.contract import NativePlan, RunInput
from casemate.sandbox.native.plan import compile_plan
from casemate.sandbox.native.start import start
from casemate.sandbox.native.steward import First, Prepared

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import ClassVar


class Beside:
    """A backend in which an external program makes the world of the target, around a root that the steward built."""

    name: str
    program: str
    boundary: "ClassVar[Boundary]" = Boundary.KERNEL
    table: "ClassVar[Table]" = gaps.TABLE
    residual: "ClassVar[tuple[str, ...]]" = RESIDUAL
    slow: "ClassVar[int]" = 1  # see Runtime
    install: str

    def __init__(self) -> None:
        """Look for nothing yet."""
        self._covered: tuple[Policy, tuple[Coverage, ...]] | None = None

    @property
    def never(self) -> Mapping[Capability, str]:
        """Keep nothing from every program: what a policy grants is given."""
        return {}

    def first(self, program: str) -> First:
        """Say what the steward's pid 1 does with the external program. Raises OSError."""
        raise NotImplementedError

    def refuse(self, policy: Policy) -> None:
        """Raise Refused where the policy grants what there is not in this backend."""

    def found(self) -> tuple[str, str]:
        """Give the program, or "" and why there is none."""
        return found(self.program)

    def runtime(self) -> Runtime:
        """Say which program this backend stands on here. It is not started: every run asks (see `version`)."""
        program, why = self.found()
        why = why or self.lacks()
        return Runtime(
            self.boundary,
            available=not why,
            why_not=why,
            install=self.install if not program else "",
            residual=self.residual,
            slow=self.slow,
        )

    def version(self) -> str:
        """Ask the program for its version; "" where there is none."""
        from casemate.sandbox.containers.version import version  # noqa: PLC0415 -- a run does not ask

        program, _ = self.found()
        return version(program) if program else ""

    def missing(self) -> Mapping[str, str]:
        """Name the layers that are not to be had here, and why."""
        return layers.missing()

    def lacks(self) -> str:
        """Say what of this host the backend cannot do without is missing; "" for nothing."""
        lacking = self.missing()
        return next((f"{layer}: {lacking[layer]}" for layer in (*names.ALWAYS, names.USER) if layer in lacking), "")

    def layers(self) -> tuple[Layer, ...]:
        """Give every layer; each was tried in a child."""
        return layers.tried()

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        """Say for every capability which layers withhold it here."""
        if self._covered is None or self._covered[0] is not policy:  # a run asks twice
            self._covered = policy, coverage.coverage(policy, gaps.of_policy(policy, self.table), self.missing())
        return self._covered[1]

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        """Yield what is denied and cannot be withheld here."""
        return coverage.gaps(policy, gaps.of_policy(policy, self.table), self.missing(), self.coverage(policy))

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused (125, 126, 127) or PolicyError."""
        self.refuse(policy)
        return replace(compile_plan(command, policy, self.coverage(policy)), backend=self.name)

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan of this backend. Raises Refused."""
        if not isinstance(plan, NativePlan) or plan.backend != self.name:
            raise UsageError(f"this plan is for the backend {plan.backend}, not for {self.name}")
        program, why = self.found()
        if not program:
            raise Refused(f"{self.name}: {why} (install: {self.install})")
        lacking = self.missing()
        demand((*gaps.needed(plan), names.USER), lacking)
        try:
            test = self.test(plan)
        except OSError as error:
            raise Refused(f"{self.name}: the run cannot be prepared: {error}") from None
        return self.begin(plan, run, prepared(plan, lacking, self.places(lacking), test), program)

    def begin(self, plan: NativePlan, run: RunInput, prepared: Prepared, program: str) -> Outcome:
        """Start what is prepared. Raises Refused."""
        try:
            first = self.first(program)
        except OSError as error:
            raise Refused(f"{self.name}: the run cannot be prepared: {error}") from None
        return start(plan, run, prepared, first)

    def test(self, plan: NativePlan) -> selftest.SelfTest | None:
        """Prepare the self-test. Raises OSError."""
        return selftest.of(plan)

    def places(self, lacking: Mapping[str, str]) -> tuple[Place, ...]:
        """Give where the run is counted."""
        return cgroups.used(lacking)

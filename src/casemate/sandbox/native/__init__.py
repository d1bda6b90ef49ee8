"""The native backend: namespaces, a root of granted paths only, Landlock, seccomp, limits."""

import os
from _collections_abc import Iterable, Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.errors import Refused, UsageError
from casemate.model.policy import Policy
from casemate.model.sandbox import Boundary, Command, Coverage, Gap, Layer, Outcome, Plan, Runtime
from casemate.sandbox.native import cgroups, gaps, landlock, layers, names, seccomp, selftest
from casemate.sandbox.native.contract import NativePlan, RunInput
from casemate.sandbox.native.plan import compile_plan
from casemate.sandbox.native.start import start
from casemate.sandbox.native.steward import Prepared

RESIDUAL = ("the program calls the host's own kernel: a defect in a call that is left open can give it the host",)


class Native:
    """Confinement by the Linux kernel alone, as root and as an ordinary user."""

    name = "native"

    def __init__(self, *, without: frozenset[str] = frozenset()) -> None:
        """Take the layers that this host has, but those named in `without`: a test looks what the others hold alone.

        No command line and no policy can say so. Raises ValueError for a layer that there is not.
        """
        if unknown := without - names.NAMES:
            raise ValueError(f"there is no layer {', '.join(sorted(unknown))}")
        self._without = without
        self._covered: tuple[Policy, tuple[Coverage, ...]] | None = None

    @property
    def never(self) -> Mapping[Capability, str]:
        """Keep nothing from every program: what a policy grants is given."""
        return {}

    def runtime(self) -> Runtime:
        """Stand on the kernel that runs us: it is always there, and what it lacks is said by `layers` and `gaps`."""
        return Runtime(Boundary.KERNEL, available=True, version=f"Linux {os.uname().release}", residual=RESIDUAL)

    def layers(self) -> tuple[Layer, ...]:
        """Give every layer; each was tried in a child."""
        return layers.tried(self._without)

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        """Say for every capability which layers withhold it here."""
        if self._covered is None or self._covered[0] is not policy:  # a run asks twice
            self._covered = policy, gaps.coverage(policy, layers.missing(self._without))
        return self._covered[1]

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        """Yield what is denied and cannot be withheld here."""
        return gaps.gaps(policy, layers.missing(self._without), self.coverage(policy))

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused (125, 126, 127) or PolicyError."""
        return compile_plan(command, policy, self.coverage(policy))

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan of this backend. Raises Refused."""
        if not isinstance(plan, NativePlan):
            raise UsageError(f"this plan is for the backend {plan.backend}, not for native")
        lacking = layers.missing(self._without)
        demand(gaps.needed(plan), lacking)
        return start(plan, run, prepared(plan, lacking, cgroups.used(lacking), _tests(plan)))


def demand(wanted: Iterable[str], lacking: Mapping[str, str]) -> None:
    """Raise Refused where one of these layers is missing."""
    for layer in wanted:
        if layer in lacking:
            raise Refused(f"nothing can be started without this layer: {layer}: {lacking[layer]}")


def prepared(
    plan: NativePlan, lacking: Mapping[str, str], places: tuple[cgroups.Place, ...], test: selftest.SelfTest | None
) -> Prepared:
    """Decide what is decided before the first fork. `lacking` names the layers that are not to be had."""
    return Prepared(
        privileged=layers.privileged(),
        landlock=0 if names.LANDLOCK in lacking else landlock.abi(),
        filter=b"" if names.SECCOMP in lacking else seccomp.compiled(wx=plan.filter.wx),
        mdwe=names.MDWE not in lacking,
        without=frozenset(lacking),
        places=places,
        test=test,
    )


def _tests(plan: NativePlan) -> selftest.SelfTest:
    try:
        return selftest.of(plan)
    except OSError as error:
        raise Refused(f"self-test: it cannot be prepared: {error}") from None


__all__ = ["RESIDUAL", "Native", "demand", "prepared"]

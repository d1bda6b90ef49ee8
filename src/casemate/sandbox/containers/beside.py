"""What the backends beside the native one share: its plan, its coverage, its steward; another program inside."""

import subprocess  # noqa: S404 -- asks a program for its version
from _collections_abc import Iterator, Mapping

from casemate.model.dataclass import replace
from casemate.model.errors import Refused, UsageError
from casemate.model.policy import Policy
from casemate.model.sandbox import Command, Coverage, Gap, Layer, Outcome, Plan
from casemate.sandbox.containers.found import found
from casemate.sandbox.containers.launch import Launcher, launch
from casemate.sandbox.containers.scaffold import Scaffold, scaffold
from casemate.sandbox.native import cgroups, gaps, landlock, layers, names, seccomp, selftest
from casemate.sandbox.native.contract import NativePlan, RunInput
from casemate.sandbox.native.plan import compile_plan
from casemate.sandbox.native.start import start
from casemate.sandbox.native.steward import Prepared


class Beside:
    """A backend in which an external program makes the namespaces around a root that the steward has built."""

    name = ""
    programs: tuple[str, ...] = ()
    install = ""

    def launcher(self, program: str, scaffold: Scaffold) -> Launcher:
        """Say how the program is started."""
        raise NotImplementedError

    def found(self) -> tuple[str, str]:
        why = ""
        for program in self.programs:
            path, reason = found(program)
            if path:
                return path, ""
            why = why or reason
        return "", why

    def missing(self) -> Mapping[str, str]:
        return layers.missing()

    def layers(self) -> tuple[Layer, ...]:
        """Give every layer; each was tried in a child."""
        return layers.tried()

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        """Say for every capability which layers withhold it here."""
        return gaps.coverage(policy, self.missing())

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        """Yield what is denied and cannot be withheld here."""
        return gaps.gaps(policy, self.missing())

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started. Raises Refused (125, 126, 127) or PolicyError."""
        return replace(compile_plan(command, policy, self.coverage(policy)), backend=self.name)

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan of this backend. Raises Refused."""
        if not isinstance(plan, NativePlan) or plan.backend != self.name:
            raise UsageError(f"this plan is for the backend {plan.backend}, not for {self.name}")
        program, why = self.found()
        if not program:
            raise Refused(f"the {self.name} backend is not available: {why} ({self.install})")
        lacking = self.missing()
        for layer in gaps.needed(plan):
            if layer in lacking:
                raise Refused(f"nothing can be started without this layer: {layer}: {lacking[layer]}")
        try:
            launcher = self.launcher(program, scaffold())
            test = selftest.of(plan)
        except OSError as error:
            raise Refused(f"the run cannot be prepared: {error}") from None
        prepared = Prepared(
            privileged=layers.privileged(),
            landlock=0 if names.LANDLOCK in lacking else landlock.abi(),
            filter=b"" if names.SECCOMP in lacking else seccomp.compiled(wx=plan.filter.wx),
            mdwe=names.MDWE not in lacking,
            without=frozenset(lacking),
            places=cgroups.used(lacking),
            test=test,
        )
        return start(plan, run, prepared, lambda *given: launch(*given, launcher))

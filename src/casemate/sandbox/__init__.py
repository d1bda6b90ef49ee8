"""Confinement: the only way a target is started.

A backend answers two questions: what can you not withhold on this host (`gaps`), and what exactly would you start
(`plan`). `confine` refuses while anything that the policy denies cannot be withheld and nobody accepted that by name.
"""
# ruff: noqa: PIE790 -- the methods of a protocol

from _collections_abc import Callable, Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.dataclass import replace
from casemate.model.errors import Refused, Unenforceable, UsageError
from casemate.model.policy import Assurance, Policy
from casemate.model.sandbox import Command, Coverage, Gap, Json, Layer, Outcome, Plan, Runtime
from casemate.model.secret import Injection
from casemate.sandbox.streams import AtEnd, Look, Origin, RunInput, Streams

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

__all__ = [
    "AtEnd",
    "Backend",
    "Look",
    "RunInput",
    "Streams",
    "choose",
    "confine",
    "names",
    "plan",
    "planned",
    "variants",
]


class Backend(Protocol):
    """A way to confine a process from outside its interpreter."""

    name: str

    @property
    def never(self) -> Mapping[Capability, str]:
        """Say what this backend gives to no program, whatever a policy grants, and why."""
        ...

    def runtime(self) -> Runtime:
        """Say what this backend stands on here, and what is to be installed where it is missing."""
        ...

    def layers(self) -> tuple[Layer, ...]:
        """Give every mechanism of this backend, and whether this host has it: each one was tried."""
        ...

    def coverage(self, policy: Policy) -> tuple[Coverage, ...]:
        """Say for every capability how far this backend withholds it on this host under a policy."""
        ...

    def gaps(self, policy: Policy) -> Iterator[Gap]:
        """Yield what this backend, on this host, cannot withhold although the policy denies it."""
        ...

    def plan(self, command: Command, policy: Policy) -> Plan:
        """Say exactly what would be started; start nothing. Raises Refused (125, 126, 127) or PolicyError."""
        ...

    def start(self, plan: Plan, run: RunInput) -> Outcome:
        """Start a plan that this backend made, and come back when it has ended. Raises Refused."""
        ...


def names() -> tuple[str, ...]:
    """Name the backends that there are, in the order in which they were written."""
    return ("native", "bubblewrap", "oci", "vm", "wasm", "graalpy")


def variants() -> tuple[str, ...]:
    """Name every backend as it can be asked for: `oci` by each of its runtimes."""
    return (
        "native",
        "bubblewrap",
        "oci:crun",
        "oci:runc",
        "oci:runsc",
        "oci:youki",
        "oci:podman",
        "vm",
        "wasm",
        "graalpy",
    )


def choose(name: str) -> Backend:
    """Give a backend by name; what follows a colon is its own option (`oci:runsc`).

    Raises UsageError for a name that there is not.
    """
    kind, _, option = name.partition(":")
    if option and kind != "oci":
        raise UsageError(f"the backend {kind} has no variants: {name!r}")
    match kind:  # only the chosen backend is loaded
        case "native":
            from casemate.sandbox.native import Native  # noqa: PLC0415 -- see above

            return Native()
        case "wasm":
            from casemate.sandbox.wasm import Wasm  # noqa: PLC0415 -- see above

            return Wasm()
        case "graalpy":
            from casemate.sandbox.graalpy import GraalPy  # noqa: PLC0415 -- see above

            return GraalPy()
        case "bubblewrap":
            from casemate.sandbox.containers.bubblewrap import Bubblewrap  # noqa: PLC0415 -- see above

            return Bubblewrap()
        case "oci":
            from casemate.sandbox.containers.oci import oci  # noqa: PLC0415 -- see above

            return oci(option)
        case "vm":
            from casemate.sandbox.vm.backend import Vm  # noqa: PLC0415 -- likewise

            return Vm()
        case _:
            raise UsageError(f"there is no backend {name!r}; there are: {', '.join(names())}, auto")


def plan(
    command: Command,
    policy: Policy,
    *,
    backend: Backend | str | None = None,
    accept: frozenset[Capability] = frozenset(),
) -> Plan:
    """Say exactly what `confine` would start, and start nothing. Raises what `confine` would raise before the start."""
    return _ready(command, policy, backend, accept)[1]


def confine(  # noqa: PLR0913 -- what a run needs, each by name
    command: Command,
    policy: Policy,
    *,
    environment: Mapping[str, str],
    backend: Backend | str | None = None,
    accept: frozenset[Capability] = frozenset(),
    record: Callable[[Mapping[str, Json]], None] | None = None,
    streams: Streams | None = None,
    policy_hash: str = "",
    at_end: AtEnd = AtEnd.COPY,
    look: Look = Look.NOT,
    injections: tuple[Injection, ...] = (),
) -> Outcome:
    """Run the command confined, or refuse. The policy is expanded: absolute paths, no @sets but "@persist" in `deny`.

    `environment` holds the values of the variables that the plan names, and may hold more: those stay outside.
    `look` says what is told of the files that were written, `at_end` what becomes of them. Raises Unenforceable,
    Refused or PolicyError; then nothing of the command ran.
    """
    chosen, made = _ready(command, policy, backend, accept)
    origin = Origin() if record is None else _origin(policy, policy_hash, accept)
    look = Look.NAMES if record is not None and look is Look.NOT else look
    run = RunInput(environment, streams or Streams(), record, origin, at_end, look, injections)
    return replace(chosen.start(made, run), backend=chosen.name)


def _origin(policy: Policy, policy_hash: str, accept: frozenset[Capability]) -> Origin:
    """Say for the record which policy is enforced: the very object that the plan was made of."""
    from casemate.model.effective import fingerprint, spelled  # noqa: PLC0415 -- only where somebody records

    return Origin(policy_hash, fingerprint(policy), spelled(policy), tuple(sorted(map(str, accept))))


def _ready(
    command: Command, policy: Policy, backend: Backend | str | None, accept: frozenset[Capability]
) -> tuple[Backend, Plan]:
    """Choose, and make the plan. Raises what `confine` raises before the start."""
    if backend is not None and not isinstance(backend, str):
        return backend, planned(backend, command, policy, accept)
    candidates = policy.backends or ("native",) if backend is None else (backend,)
    if candidates != ("auto",) and len(candidates) == 1:
        chosen = choose(candidates[0])
        if policy.backends and not {candidates[0], candidates[0].partition(":")[0]} & {*policy.backends}:
            raise Refused(f"the policy admits no backend but {', '.join(policy.backends)}: not {candidates[0]}")
        return chosen, planned(chosen, command, policy, accept)
    from casemate.sandbox.choice import first, strongest  # noqa: PLC0415 -- only where there is a choice

    ordered = candidates if backend is None else policy.backends or strongest()
    return first(ordered, command, policy, accept)


def planned(chosen: Backend, command: Command, policy: Policy, accept: frozenset[Capability]) -> Plan:
    """Refuse while something is missing, or while there is a gap that nobody accepted by name."""
    if chosen.name != "native":  # which is always there: what this host lacks for it is said by its gaps
        _stands(chosen, policy)
    if found := [gap for gap in chosen.gaps(policy) if gap.capability not in accept]:
        raise Unenforceable(found)
    return chosen.plan(command, policy)


def _stands(chosen: Backend, policy: Policy) -> None:
    """Refuse a backend whose runtime is not here, or that its vendor does not offer for what the policy asks."""
    runtime = chosen.runtime()
    if policy.assurance is Assurance.BOUNDARY and not runtime.assured:
        raise Refused(f'{chosen.name}: policy.assurance = "boundary" excludes it: {"; ".join(runtime.residual[:1])}')
    if not runtime.available:
        remedy = f" (install: {runtime.install})" if runtime.install else ""
        raise Refused(f"{chosen.name}: {runtime.why_not}{remedy}")

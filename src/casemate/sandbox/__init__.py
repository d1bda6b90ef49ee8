"""Confinement: the only way a target is started.

A backend answers two questions: what can you not withhold on this host (`gaps`), and what exactly would you start
(`plan`). `confine` refuses while anything that the policy denies cannot be withheld and nobody accepted that by name.
"""
# ruff: noqa: PIE790 -- the methods of a protocol

from _collections_abc import Callable, Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.errors import Refused, Unenforceable, UsageError
from casemate.model.policy import Policy
from casemate.model.sandbox import Command, Coverage, Gap, Json, Layer, Outcome, Plan
from casemate.model.secret import Injection
from casemate.sandbox.streams import AtEnd, Look, Origin, RunInput, Streams

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

__all__ = ["AtEnd", "Backend", "Look", "RunInput", "Streams", "choose", "confine", "names", "plan"]


class Backend(Protocol):
    """A way to confine a process from outside its interpreter."""

    name: str

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
    return ("native",)


def choose(name: str) -> Backend:
    """Give a backend by name. Raises UsageError for a name that there is not."""
    if name == "native":
        from casemate.sandbox.native import Native  # noqa: PLC0415 -- only the chosen backend is loaded

        return Native()
    raise UsageError(f"there is no backend {name!r}; there are: {', '.join(names())}")


def plan(
    command: Command,
    policy: Policy,
    *,
    backend: Backend | str | None = None,
    accept: frozenset[Capability] = frozenset(),
) -> Plan:
    """Say exactly what `confine` would start, and start nothing. Raises what `confine` would raise before the start."""
    return _planned(_chosen(backend, policy), command, policy, accept)


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
    chosen = _chosen(backend, policy)
    made = _planned(chosen, command, policy, accept)
    origin = Origin() if record is None else _origin(policy, policy_hash, accept)
    look = Look.NAMES if record is not None and look is Look.NOT else look
    return chosen.start(made, RunInput(environment, streams or Streams(), record, origin, at_end, look, injections))


def _origin(policy: Policy, policy_hash: str, accept: frozenset[Capability]) -> Origin:
    """Say for the record which policy is enforced: the very object that the plan was made of."""
    from casemate.model.effective import fingerprint, spelled  # noqa: PLC0415 -- only where somebody records

    return Origin(policy_hash, fingerprint(policy), spelled(policy), tuple(sorted(map(str, accept))))


def _planned(chosen: Backend, command: Command, policy: Policy, accept: frozenset[Capability]) -> Plan:
    """Refuse while there is a gap that nobody accepted by name."""
    if found := [gap for gap in chosen.gaps(policy) if gap.capability not in accept]:
        raise Unenforceable(found)
    return chosen.plan(command, policy)


def _chosen(backend: Backend | str | None, policy: Policy) -> Backend:
    """Take the given backend, or the first of the policy that there is; none that it does not name is ever used."""
    if backend is not None:
        return choose(backend) if isinstance(backend, str) else backend
    known = [name for name in policy.backends if name in names()]
    if not known:
        raise Refused(f"none of the policy's backends exists: {', '.join(policy.backends) or 'it names none'}")
    return choose(known[0])

"""Which backend of several: the first that is here and enforces the whole policy. None is ever used unasked."""

from _collections_abc import Iterable

from casemate.model.capability import Capability
from casemate.model.errors import CasemateError, Refused
from casemate.model.exits import Exit
from casemate.model.policy import Policy
from casemate.model.sandbox import Command, Plan
from casemate.sandbox import Backend, choose, names, planned

# The strongest boundary first. Those that bring a Python of their own, of another version and without extensions in C,
# are not among them: a policy or a command line names them.
STRENGTH = ("vm", "oci:runsc", "native", "bubblewrap", "oci:crun", "oci:runc")


def strongest() -> tuple[str, ...]:
    """Order what `auto` may choose where the policy names no backend."""
    return tuple(name for name in STRENGTH if name.partition(":")[0] in names())


def first(
    candidates: Iterable[str], command: Command, policy: Policy, accept: frozenset[Capability]
) -> tuple[Backend, Plan]:
    """Give the first that can be started as asked, with its plan. Raises Refused with the reason of each.

    One that withholds all comes before one with a gap that was accepted.
    """
    names, reasons = tuple(candidates), list[str]()
    for accepted in dict.fromkeys((frozenset[Capability](), accept)):
        reasons.clear()
        for name in names:
            try:
                chosen = choose(name)
                return chosen, planned(chosen, command, policy, accepted)
            except Refused as refused:
                if refused.code != Exit.REFUSED:  # the command cannot be executed: nor by another one
                    raise
                reasons.append(f"{name}: {refused}")
            except CasemateError as error:
                reasons.append(f"{name}: {error}")
    raise Refused(f"no backend enforces the whole policy: {' | '.join(reasons)}")

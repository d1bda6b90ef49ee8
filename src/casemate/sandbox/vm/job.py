"""A plan of the native backend as JSON and back: what the guest is told of a run.

The guest makes the world of the plan from it, as the native backend would: the same steps, the same filter. Devices and
inodes are those of the host and mean nothing in the guest. Who reads here trusts who wrote: the host is not hostile to
its guest.
"""

from collections.abc import Mapping, Sequence

from casemate.model.dataclass import dataclass
from casemate.model.policy import Limits
from casemate.model.sandbox import Json
from casemate.sandbox.native.contract import RESOLVER, Endpoint, Forward, NativePlan, Outside
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.spelling import endpoint, step
from casemate.sandbox.spelling import spelled as of_a_part

TYPE_CHECKING = False  # `typing` would be loaded in the guest for nothing
if TYPE_CHECKING:
    from typing import Any

Answer = dict[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Job:
    """What the guest shall do: a plan, the values of its variables, and what is to be known of the world around it."""

    plan: NativePlan
    environment: Mapping[str, str]
    writes: bool  # something of the host may be written
    connect: tuple[Endpoint, ...]
    listen: tuple[tuple[str, int], ...]  # addresses in the guest to which others of the host are let in
    terminal: tuple[int, int] | None  # rows and columns, where the program gets a terminal of its own
    clock: float  # seconds since 1970
    seed: bytes  # what nobody else knows, for the random numbers of this guest alone
    warm: tuple[str, ...]  # what is run before, once and for itself, so that its files and its code are at hand

    @property
    def networked(self) -> bool:
        """Tell whether anything leads out or in."""
        return bool(self.connect or self.listen)

    @staticmethod
    def way(at: int, *, six: bool) -> int:
        """Give the number of the way to an address of an endpoint, as `ways` orders them."""
        return 2 * at + six

    @property
    def resolver(self) -> int:
        """Give the number of the way to the resolver."""
        return 2 * len(self.connect)


def ways(connect: Sequence[Endpoint]) -> list[tuple[str, int]]:
    """List where the driver connects to: for each endpoint two addresses, "" where it has none; then the resolver."""
    both = [(address, one.port) for one in connect for address in (one.address, one.address6)]
    return [*both, (RESOLVER, 53)]


def inward(forwards: Sequence[Forward]) -> list[tuple[str, int]]:
    """List where somebody of the host is let in: the steward connects there, and the program answers there."""
    return [("::1" if one.family == 6 else "127.0.0.1", one.port) for one in forwards]


def spelled(plan: NativePlan, warm: Sequence[str] = ()) -> dict[str, Json]:
    """Give the part of a job that is known before the start. Values of variables are not in it."""
    shape, limits = plan.filter, plan.outside.limits
    return {
        "steps": [of_a_part(one) for one in plan.steps],
        "command": plan.command,
        "executable": plan.executable,
        "directory": plan.directory,
        "names": plan.environment,
        "runnable": plan.runnable,
        "filter": [shape.wx, shape.unix, shape.inet, shape.spawn],
        "limits": [getattr(limits, name) for name in Limits.__match_args__],
        "tmp": plan.tmp_bytes,
        "connect": [of_a_part(one) for one in plan.outside.connect],
        "listen": inward(plan.outside.forwards),
        "waits": plan.waits,
        "warm": warm,
        "writes": bool(plan.outside.writes),
    }


def read(said: "Mapping[str, Any]") -> Job:
    """Give the job of which this is the text."""
    limits = Limits(**dict(zip(Limits.__match_args__, said["limits"], strict=True)))
    plan = NativePlan(
        backend="native",
        command=tuple(said["command"]),
        directory=said["directory"],
        environment=tuple(said["names"]),
        operations=(),
        coverage=(),
        executable=said["executable"],
        runnable=tuple(said["runnable"]),
        steps=tuple(map(step, said["steps"])),
        filter=Filter(*said["filter"]),
        tmp_bytes=said["tmp"],
        outside=Outside(limits),
        waits=said["waits"],
    )
    return Job(
        plan,
        {name: said["environment"][name] for name in said["names"] if name in said["environment"]},
        said["writes"],
        tuple(map(endpoint, said["connect"])),
        tuple((address, port) for address, port in said["listen"]),
        tuple(said["terminal"]) if said["terminal"] else None,
        said["clock"],
        bytes.fromhex(said["seed"]),
        tuple(said["warm"]),
    )

"""What remains possible although everything of a plan holds, in plain words: for the record of a run.

The first sentences are true of every run of this backend; the others are read off the plan: what it grants, and what
its coverage says is held by one layer, in part, or not at all.
"""

from collections.abc import Iterator, Sequence

from casemate.model.capability import Capability
from casemate.model.policy import WriteMode
from casemate.model.sandbox import Coverage, Enforcement
from casemate.model.visible import visible
from casemate.sandbox.coverage import GUEST_KERNEL, MACHINE
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.paths import within
from casemate.sandbox.native.steps import Hide, Image, Layered

SHARED = "The kernel is shared: a hole in a system call that Python needs is a way out."
OWN = "The program has a kernel of its own: a hole in it leads to what runs it, and from there the host's is shared."
ALWAYS = (
    "Timing, caches and other side channels of the processor are shared with the host.",
    "Versions, processors, load and memory of the host can be seen, and the places that were granted.",
    "What the program writes on its standard streams is not filtered.",
    "What the language itself can do (eval, import, pickle, patching itself) is not withheld, only described.",
)
SHOWN = 5  # paths of a list
SAID = {
    Enforcement.SINGLE: "Held by a single layer here, so that one defect opens it: ",
    Enforcement.PARTLY: "Held in part only: ",
    Enforcement.NOT: "Not held: ",
}


def residual(plan: NativePlan, coverage: Sequence[Coverage]) -> Iterator[str]:
    """Yield one sentence for each kind of risk that remains."""
    layers = {layer for entry in coverage for layer in entry.layers}
    yield SHARED if layers.isdisjoint((GUEST_KERNEL, MACHINE)) else OWN
    yield from ALWAYS
    outside = plan.outside
    if outside.connect:
        hosts = ", ".join(f"{endpoint.host}:{endpoint.port}" for endpoint in outside.connect)
        yield f"Everything that may be read can be sent to the granted hosts: {hosts}."
    if any(operation.name == "placeholder" for operation in plan.operations):
        yield "A host that gets a secret may use it as the program asks, and may send it back in another form."
    if outside.forwards:
        ports = ", ".join(f"{forward.host}:{forward.port}" for forward in outside.forwards)
        yield f"Whoever reaches these ports of the host talks to the program: {ports}."
    yield from (
        f"All of the image can be read, and mapped executable: {visible(step.seen.path)}."
        for step in plan.steps
        if isinstance(step, Image)
    )
    yield from _of_paths(plan)
    if plan.filter.spawn:
        yield "A granted program runs whatever its own arguments and files make it do, within the same policy."
    if plan.filter.unix:
        yield "Whoever serves a granted local socket acts outside, with its own rights."
    if plan.filter.wx:
        yield _of_code(coverage)
    for enforcement, said in SAID.items():
        entries = [entry for entry in coverage if entry.enforcement is enforcement]
        if entries:
            names = [f"{entry.capability}{f' ({entry.note})' if entry.note else ''}" for entry in entries]
            yield f"{said}{'; '.join(names)}."


def _of_code(coverage: Sequence[Coverage]) -> str:
    """Say who may make code in memory: the program, or only the runtime that keeps a guest from it."""
    withheld = any(entry.capability is Capability.NATIVE_WX and entry.layers for entry in coverage)
    if withheld:
        return "The runtime makes code in memory: whoever leaves the guest can do so, too."
    return "The program may make code in memory: native code needs no file."


def _of_paths(plan: NativePlan) -> Iterator[str]:
    """Yield what remains of granted and of denied paths."""
    if direct := [write.path for write in plan.outside.writes if write.mode is WriteMode.DIRECT]:
        yield f"Written at once and without checks: {', '.join(map(visible, direct))}."
    layered = [step.seen.path for step in plan.steps if isinstance(step, Layered)]  # an overlay keeps its own names
    hidden = [step.path for step in plan.steps if isinstance(step, Hide) and not within(step.path, layered)]
    if hidden:
        more = f" and {len(hidden) - SHOWN} more" if len(hidden) > SHOWN else ""
        paths = ", ".join(map(visible, hidden[:SHOWN]))
        yield f"Covered, and to be seen if somebody outside replaces them during the run: {paths}{more}."

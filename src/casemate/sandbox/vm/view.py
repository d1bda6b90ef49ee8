"""What the guest is shown: one folder of the native root, in which what the policy grants lies, and nothing else.

QEMU, its driver and the Python of that lie elsewhere in that root. Nothing in the folder can be executed there; what is
written in it goes into the layers of the native backend, under the names that the program knows.
"""

from collections.abc import Iterator, Sequence

from casemate.model.dataclass import replace
from casemate.model.sandbox import Plan
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.steps import Bind, Folder, Hide, Layered, Step
from casemate.sandbox.vm.vector import VIEW


def shown(plan: NativePlan, program: NativePlan) -> NativePlan:
    """Give the plan of QEMU with what the plan of the program grants, for QEMU to share."""
    outside = replace(program.outside, limits=plan.outside.limits)
    return replace(plan, steps=(*plan.steps, *_moved(program.steps)), outside=outside)


def alone(plan: Plan) -> Plan:
    """Give the plan of a QEMU that shares an empty folder: no program is there yet."""
    return replace(plan, steps=(*plan.steps, *_moved(()))) if isinstance(plan, NativePlan) else plan


def _moved(steps: Sequence[Step]) -> Iterator[Step]:
    yield Folder(VIEW, listed=True)
    for step in steps:
        match step:
            case Bind(seen, _, write):
                yield Bind(seen, write=write, at=VIEW + seen.path)
            case Layered(seen, size):
                yield Layered(seen, size, VIEW + seen.path)
            case Hide(path, directory, fleeting):
                yield Hide(VIEW + path, directory, fleeting)
            case _:
                continue  # the guest makes the others itself

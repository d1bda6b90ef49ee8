"""What the guest is shown: one folder of the native root, in which what the policy grants lies, and nothing else.

QEMU, its driver and the Python of that lie elsewhere in that root. Nothing in the folder can be executed there; what is
written in it goes into the layers of the native backend, under the names that the program knows.
"""

from collections.abc import Iterator, Sequence

from casemate.model.dataclass import replace
from casemate.sandbox.native.contract import NativePlan
from casemate.sandbox.native.steps import Bind, Device, Folder, Hide, Layered, Step
from casemate.sandbox.vm.accelerator import DEVICE
from casemate.sandbox.vm.vector import VIEW, Machine


def shown(plan: NativePlan, program: NativePlan, machine: Machine) -> NativePlan:
    """Give the plan of QEMU with what the plan of the program grants, for QEMU to share."""
    outside = replace(program.outside, limits=plan.outside.limits)
    return replace(alone(plan, machine, program.steps), outside=outside)


def alone(plan: NativePlan, machine: Machine, steps: Sequence[Step] = ()) -> NativePlan:
    """Give the plan of a QEMU that shares a folder with nothing in it but these steps."""
    kvm = machine.accelerator == "kvm"
    device = (Device(DEVICE),) if kvm else ()
    return replace(plan, steps=(*plan.steps, *device, *_moved(steps)), filter=replace(plan.filter, kvm=kvm))


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

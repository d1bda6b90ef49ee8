"""What the machine withholds by itself: most layers of the native backend around QEMU are switched off here.

What is left of them is what nothing is started without, and what carries grants.
"""

from dataclasses import replace

import pytest
from tests.verify.against import setting

from casemate.model.capability import Capability
from casemate.model.verification import Verdict
from casemate.sandbox.native import names
from casemate.sandbox.vm.backend import Vm
from casemate.sandbox.vm.withheld import LAYER
from casemate.verify import Setting, catalogue, verify

LEFT = {*names.ALWAYS, names.COMMIT, names.BROKER, names.NET, names.USER}
MOST = 40  # probes: one start
FAMILIES = ("kernel.", "net.raw.", "proc.trace.", "proc.priv.", "ipc.", "fs.dev.", "fs.read.handles", "env.read.")


@pytest.mark.usefixtures("machine")
def test_acts_on_the_kernel_are_withheld_without_the_filters_and_locks_around_qemu() -> None:
    backend = Vm(without=frozenset(names.NAMES - LEFT))
    target = setting(backend, accept=frozenset(Capability)).target
    policy = replace(target.policy, limits=replace(target.policy.limits, wall_seconds=300))
    found = (one for one in catalogue() if one.kind.startswith(FAMILIES) and not one.granted and not one.alone)
    probes = [one for one in found if not any(name.startswith("most_") or name == "terminal" for name in one.uses)]
    chosen = probes[:: -(-len(probes) // MOST)]
    said = verify(chosen, Setting(replace(target, policy=policy)))
    assert [(result.probe.name, result.reason) for result in said.of(Verdict.THROUGH)] == []
    assert len(tuple(said.of(Verdict.HELD))) > MOST // 3
    assert all(LAYER in part.layers for row in said.coverage for part in row.classes if part.name.startswith("kernel."))

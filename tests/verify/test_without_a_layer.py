"""With any single layer switched off, every class is still held, or its row says that this layer was the only one."""

import os
from collections.abc import Mapping

import pytest
from tests.verify.against import setting

from casemate.model.capability import Capability
from casemate.model.verification import Probe, Tried, Verdict, by_class
from casemate.sandbox.native import Native, names
from casemate.verify import catalogue, verify
from casemate.verify.starting import Target

STANDING = (*names.ALWAYS, *(() if os.geteuid() == 0 else (names.USER,)))  # nothing is started without them
EVERYTHING = frozenset(Capability)
KNOWN = {  # what docs/explanation/confinement.md says of a layer, and what no class is fine enough for
    names.LANDLOCK: {"writing/fifo-in-a-read-only-folder"},
}


def affected(layer: str, target: Target) -> list[Probe]:
    """Give the probes of the classes that this layer withholds, and what needs none of what goes with it."""
    gone = {layer, *names.STANDS_ON.get(layer, ())}
    kinds = {entry.name for entry in by_class(target.backend.coverage(target.policy)) if gone & set(entry.layers)}
    carried = {names.COMMIT: "write", names.BROKER: "connect"}  # a grant that cannot be given without the layer
    lost = {word for name, word in carried.items() if name in gone}
    return [probe for probe in catalogue() if probe.kind in kinds and not lost & set(probe.granted)]


@pytest.mark.parametrize("layer", sorted(names.NAMES - {*STANDING}))
def test_every_class_is_held_without(layer: str, rehearsed: Mapping[Probe, Tried]) -> None:
    probes = [probe for probe in affected(layer, setting().target) if probe.name not in KNOWN.get(layer, ())]
    if not probes:
        pytest.skip("no class rests on this layer, or it carries what is granted")
    found = verify(probes, setting(Native(without=frozenset({layer})), accept=EVERYTHING), rehearsed)
    through = [f"{result.probe.kind} {result.probe.name}: {result.reason}" for result in found.of(Verdict.THROUGH)]
    assert through == []

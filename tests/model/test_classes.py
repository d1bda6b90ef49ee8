"""Every class belongs to a capability that can be withheld."""

from casemate.model.capability import Capability
from casemate.model.classes import CLASSES, capability_of, classes_of


def test_a_class_is_a_part_of_an_enforceable_capability() -> None:
    for name, meaning in CLASSES.items():
        assert capability_of(name).enforceable, name
        assert meaning, name
        assert meaning[-1] != ".", name


def test_the_classes_of_all_capabilities_are_all_classes() -> None:
    assert [name for capability in Capability for name in classes_of(capability)] == sorted(
        CLASSES, key=lambda name: list(Capability).index(capability_of(name))
    )
    assert classes_of(Capability.CODE_EVAL) == ()
    assert "kernel.io_uring" in classes_of(Capability.KERNEL)

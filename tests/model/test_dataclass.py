"""Our dataclasses against those of the standard library: what is done with one can be done with the other."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from casemate.model import dataclass as ours
from casemate.model.capability import Capability
from casemate.model.policy import Grant, Limits, Policy

SRC = Path(ours.__file__).parents[2]


@ours.dataclass(frozen=True, slots=True)
class Point:
    """A class of ours."""

    x: int
    y: int = 2
    names: list[str] = ours.field(default_factory=list[str])
    why: str = ours.field(default="", compare=False)


@ours.dataclass(frozen=True, slots=True)
class Deeper(Point):
    """One that inherits."""

    z: int = 3


@ours.dataclass(slots=True)
class Changing:
    """One that changes."""

    x: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    """The same as Point."""

    x: int
    y: int = 2
    names: list[str] = dataclasses.field(default_factory=list[str])
    why: str = dataclasses.field(default="", compare=False)


CALLS: tuple[tuple[tuple[object, ...], Mapping[str, object]], ...] = (
    ((1,), {}),
    ((1, 5), {"why": "so"}),
    ((), {"x": 1, "names": ["a"]}),
    ((1, 2, ["b"], "so"), {}),
)


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_it_is_made_and_shown_as_the_standard_one(values: tuple[object, ...], named: Mapping[str, object]) -> None:
    one, other = Point(*values, **named), Standard(*values, **named)  # type: ignore[arg-type] -- drawn from a table
    assert repr(one) == repr(other).replace("Standard", "Point")
    assert dataclasses.asdict(one) == dataclasses.asdict(other)


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, [], "", 5), {}), ((1,), {"x": 1}), ((1,), {"unknown": 1})]
)
def test_it_is_refused_as_the_standard_one(values: tuple[object, ...], named: Mapping[str, object]) -> None:
    for kind in (Standard, Point):
        with pytest.raises(TypeError):
            kind(*values, **named)  # type: ignore[arg-type] -- wrong on purpose


def test_it_is_compared_by_class_and_by_the_fields_that_count() -> None:
    assert Point(1, why="one") == Point(1, why="other")
    assert Point(1) != Point(2)
    assert Point(1) != Deeper(1)
    assert Changing(1) == Changing(1)
    assert Point(1) != (1, 2, [], "")


def test_it_is_hashed_where_it_is_frozen() -> None:
    same = Grant(Capability.FS_READ, "/a", why="one")
    assert len({same, Grant(Capability.FS_READ, "/a", why="other")}) == 1
    with pytest.raises(TypeError):
        hash(Changing())


def test_a_frozen_one_does_not_change() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2  # type: ignore[misc] -- on purpose
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x  # type: ignore[misc] -- on purpose
    with pytest.raises(AttributeError):
        Changing().other = 1  # type: ignore[attr-defined] -- on purpose


def test_a_default_is_made_for_each() -> None:
    assert Point(1).names is not Point(1).names


def test_a_plain_class_below_one_has_its_fields() -> None:
    class Plain(Point):
        """One without fields of its own."""

    class Fresh(Changing):
        """One whose fields nobody has asked for yet."""

    assert Plain(3) == Plain(3, 2)
    assert repr(Fresh()).endswith("Fresh(x=1)")


def test_it_inherits_fields_in_order() -> None:
    assert Deeper.__match_args__ == ("x", "y", "names", "why", "z")
    assert Deeper(1, 2, [], "", 4).z == 4


@pytest.mark.parametrize("replace", [ours.replace, dataclasses.replace])
def test_it_is_replaced_by_us_and_by_the_standard_library(replace: object) -> None:
    changed = replace(Policy(), limits=Limits(fds=3))  # type: ignore[operator] -- one of two functions
    assert changed == Policy(limits=Limits(fds=3))
    with pytest.raises(TypeError):
        replace(Policy(), unknown=1)  # type: ignore[operator] -- on purpose


def test_the_standard_library_knows_it() -> None:
    assert dataclasses.is_dataclass(Policy)
    assert [field.name for field in dataclasses.fields(Limits)] == list(Limits.__match_args__)
    by_default = {field.name: field.default_factory for field in dataclasses.fields(Point)}
    assert by_default["x"] is dataclasses.MISSING
    assert [(field.name, field.compare) for field in dataclasses.fields(Grant)][-1] == ("why", False)


def test_its_signature_is_that_of_the_standard_one() -> None:
    assert inspect.signature(Point) == inspect.signature(Standard)
    assert list(inspect.signature(Deeper).parameters) == ["x", "y", "names", "why", "z"]


def test_it_is_copied() -> None:
    policy = Policy(name="a", limits=Limits(fds=3))
    assert copy.deepcopy(policy) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301 -- our own bytes


def test_making_one_loads_nothing_of_the_standard_library() -> None:
    script = "import sys; sys.path.append(sys.argv[1]); import casemate.model.policy; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, SRC], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "casemate.model.policy" in loaded
    assert not {"dataclasses", "inspect", "typing"} & set(loaded)

"""What the steward is told of a plan says all of it: a step that comes back as another one would open another root."""

import json

import pytest

from casemate.sandbox.native.contract import Endpoint, Forward
from casemate.sandbox.native.steps import (
    Bind,
    Device,
    Folder,
    Hide,
    Image,
    Layered,
    Link,
    Private,
    Seen,
    Step,
    Synthetic,
)
from casemate.sandbox.spelling import endpoint, forward, spelled, step
from casemate.sandbox.words import written

SEEN = Seen("/a\udc80\n", 7, 1 << 63, directory=True)
STEPS = (
    Bind(SEEN, execute=True, write=True, at="/b"),
    Layered(SEEN, 5, "/c"),
    Link("/l", "../é"),
    Private("/p", 3),
    Synthetic("/etc/hosts", "1 2\n"),
    Device("/dev/null", "/dev/zero"),
    Folder("/f", listed=True),
    Hide("/h", directory=True, fleeting=True),
    Image(SEEN),
)


@pytest.mark.parametrize("one", STEPS, ids=lambda one: type(one).__name__)
def test_a_step_comes_back_as_it_went(one: Step) -> None:
    assert step(json.loads(written(spelled(one)))) == one


@pytest.mark.parametrize("one", STEPS, ids=lambda one: type(one).__name__)
def test_every_field_is_told(one: Step) -> None:
    plain = [name for name in one.__match_args__ if getattr(one, name) in (False, 0, "")]
    assert plain == [], "a field with its default would come back even where it is not told"


def test_every_kind_of_step_is_tried() -> None:
    assert {type(one) for one in STEPS} == set(Step.__args__)


def test_the_network_comes_back_as_it_went() -> None:
    to = Endpoint("x.example.com", 443, "198.18.0.2", "fd00:ca5e::2", literal=True)
    assert endpoint(json.loads(written(spelled(to)))) == to
    door = Forward("127.0.0.1", 80, 6)
    assert forward(json.loads(written(spelled(door)))) == door


@pytest.mark.parametrize("said", [{}, {"": "Bend"}, {"": "Link", "path": 1, "text": ""}, [], {"": "Bind", "seen": 1}])
def test_what_is_no_step_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        step(said)  # type: ignore[arg-type] -- that is what is tried

"""What is kept never changes what is said: however files change, a run with a store says what a run without says."""

import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.audit import examine
from casemate.model.finding import Skipped, Why
from casemate.model.report import Report
from casemate.part import Part, digest
from casemate.readers.code import units
from casemate.services.store import Store

HELPER = "import os\n\n\ndef run(line):\n    os.system({})\n"
VIEW = (
    "from flask import Flask, request\nfrom {} import run\n\napp = Flask(__name__)\n\n\n"
    "@app.route('/')\ndef index():\n    run({})\n    return ''\n"
)
LOADS = "import yaml\nyaml.load(open('x'))\n"
FILES = ("one/helper.py", "one/view.py", "two/helper.py", "two/view.py", "main.py")
CONTENTS = (
    *(HELPER.format(what) for what in ("line", "'ls'", "'ls ' + line")),
    *(VIEW.format(place, what) for place in ("one.helper", "two.helper") for what in ("request.args['q']", "'x'")),
    LOADS,
    "def broken(:\n    eval(x)\n",
    "",
)
EDITS = st.lists(st.tuples(st.sampled_from(FILES), st.none() | st.sampled_from(CONTENTS)), min_size=1, max_size=12)


def said(folder: Path, store: Store | None, at_once: int | None = None) -> Report:
    return examine([folder], store=store, at_once=at_once)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every folder be a part, so that flows and results cross parts."""
    split = units.split
    monkeypatch.setattr(units, "split", partial(split, largest=1))


@pytest.mark.usefixtures("small_parts")
@settings(max_examples=15)
@given(edits=EDITS)
def test_a_run_that_remembers_says_what_a_fresh_one_says(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, str | None]]
) -> None:
    folder, place = tmp_path_factory.mktemp("program"), tmp_path_factory.mktemp("store")
    store = Store(str(place), b"k" * 32)
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(CONTENTS[0], encoding="utf-8")
    for name, content in edits:
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).write_text(content, encoding="utf-8")
        fresh = said(folder, None)
        assert said(folder, store) == fresh
        assert said(folder, store) == fresh  # now nothing is new


@pytest.mark.usefixtures("small_parts")
def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    choose = random.Random(7)  # noqa: S311 -- a repeatable program
    for number in range(12):
        folder = tmp_path / f"part{number}"
        folder.mkdir()
        (folder / "helper.py").write_text(choose.choice(CONTENTS[:3]), encoding="utf-8")
        (folder / "view.py").write_text(
            VIEW.format(f"part{choose.randrange(12)}.helper", "request.args['q']"), encoding="utf-8"
        )
    reports = [said(tmp_path, None, at_once) for at_once in (None, 1, 2, 5)]
    assert reports[0].findings
    assert all(report == reports[0] for report in reports)


@pytest.mark.usefixtures("small_parts")
def test_a_flow_into_another_part_is_found_once(tmp_path: Path) -> None:
    for name, content in (("one/helper.py", CONTENTS[0]), ("two/view.py", CONTENTS[3])):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = said(tmp_path, None).findings
    assert [(item.rule, Path(item.location.path).name) for item in found] == [("command-injection", "helper.py")]


def forged(place: Path) -> None:
    for path in place.iterdir():
        path.write_bytes(path.read_bytes()[:32] + b'{"tops": [], "around": "", "result": {}}')


def swapped(place: Path) -> None:
    one, other = sorted(place.iterdir())[:2]
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("harm", [forged, swapped], ids=lambda harm: harm.__name__)
def test_a_store_that_lies_is_not_believed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    folder, place = tmp_path / "program", tmp_path / "store"
    place.mkdir()
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(CONTENTS[3], encoding="utf-8")
    store = Store(str(place), b"k" * 32)
    fresh = said(folder, store)
    harm(place)
    assert said(folder, store) == fresh


class Between(Store):
    """A store in which something happens when the engine first asks it: after the files were measured."""

    act: Callable[[], object] | None = None

    def get(self, name: str) -> bytes | None:
        act, self.act = self.act, None
        if act is not None:
            act()
        return super().get(name)


def test_a_file_that_changes_while_it_runs_is_not_kept_under_what_it_was(tmp_path: Path) -> None:
    place, file = tmp_path / "store", tmp_path / "file.py"
    place.mkdir()
    file.write_text(LOADS, encoding="utf-8")
    between = Between(str(place), b"k" * 32)
    between.act = lambda: file.write_text("", encoding="utf-8")
    assert not said(tmp_path, between).findings
    file.write_text(LOADS, encoding="utf-8")
    assert said(tmp_path, between).findings


MODEL = """
[library]
import = ["mine"]

["mine.{}"]
parameters = ["text"]
sinks = [{{kind = "code", argument = "text"}}]
"""


def test_models_that_change_are_read_again(tmp_path: Path) -> None:
    model, place = tmp_path / "mine.toml", tmp_path / "store"
    place.mkdir()
    store = Store(str(place), b"k" * 32)
    (tmp_path / "file.py").write_text("import sys\nimport mine\n\nmine.run(sys.argv[1])\n", encoding="utf-8")
    found: list[int] = []
    for name in ("other", "run", "other"):
        model.write_text(MODEL.format(name), encoding="utf-8")
        found.append(len(examine([tmp_path], models=[model], store=store).findings))
    assert found == [0, 1, 0]


def test_nothing_is_kept_of_models_that_can_be_read_only_once(tmp_path: Path) -> None:
    place, folder = tmp_path / "store", tmp_path / "program"
    place.mkdir()
    folder.mkdir()
    store = Store(str(place), b"k" * 32)
    (folder / "file.py").write_text("import sys\nimport mine\n\nmine.run(sys.argv[1])\n", encoding="utf-8")
    found: list[int] = []
    for name in ("other", "run"):
        reading, writing = os.pipe()
        os.write(writing, MODEL.format(name).encode())
        os.close(writing)
        pipe = Path(f"/proc/self/fd/{reading}")  # as `--models <(…)` gives it
        found.append(len(examine([folder], models=[pipe], store=store).findings))
        os.close(reading)
    assert found == [0, 1]


@pytest.mark.parametrize("error", [MemoryError(), KeyError("ours")], ids=["memory", "ours"])
def test_what_failed_by_chance_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    place = tmp_path / "store"
    place.mkdir()
    store = Store(str(place), b"k" * 32)
    (tmp_path / "file.py").write_text(LOADS, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(Part, "run", fails)
        assert [skip.why for skip in said(tmp_path, store).skipped] == [Why.INTERNAL]
    assert said(tmp_path, store).findings


def test_a_file_whose_text_is_a_reason_is_not_that_reason() -> None:
    reason = Skipped("file.py", 0, Why.UNREADABLE, "Permission denied")
    assert digest(reason) != digest(f"{reason.why} {reason.detail}".encode())


def test_no_part_is_larger_than_a_part_may_be_unless_it_is_one_file() -> None:
    sizes = {f"flat/file{number:03}.py": 30 for number in range(100)} | {"flat/deep/large.py": 500}
    parts = units.split(sizes, 100)
    assert sorted(path for part in parts for path in part) == sorted(sizes)
    assert all(len(part) == 1 or sum(sizes[path] for path in part) <= 100 for part in parts)

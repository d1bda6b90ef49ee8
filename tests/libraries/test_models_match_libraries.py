"""Every name that a model speaks of exists in the real library, and takes the arguments that the model says."""

import importlib
import inspect
import os
import re
import sys
import tarfile
import textwrap
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import django
import pytest
from django.conf import settings

import casemate.libraries
from casemate.libraries import Model, load, reader

FOLDER = Path(casemate.libraries.__file__).parent
FILES = sorted(FOLDER.glob("*.toml"))
DEBIAN = "/usr/lib/python3/dist-packages"
# Callables that hand all their arguments to another one, whose signature the model gives.
DELEGATES = {f"subprocess.{name}": "subprocess.Popen" for name in ("run", "call", "check_call", "check_output")}


def header(path: Path) -> dict[str, object]:
    return dict(tomllib.loads(path.read_text(encoding="utf-8"))["library"])


def models(path: Path) -> Iterator[Model]:
    return (said for said in reader.read(path, reader.content(path)) if isinstance(said, Model))


def cases() -> Iterator[tuple[Path, Model]]:
    for path in FILES:
        for model in models(path):
            yield path, model


CASES = list(cases())
pytestmark = pytest.mark.filterwarnings("ignore")  # what libraries say of each other while they are imported


@pytest.fixture(scope="module", autouse=True)
def configured() -> None:
    """Give Django settings: some of it can be imported only where there are any. They are given once in a process."""
    if settings.configured:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"])
        django.setup()


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for what needs a C compiler to install where Debian puts it; skip what is nowhere."""
    path = request.node.callspec.params.get("path") if hasattr(request.node, "callspec") else None
    tops = header(path)["import"] if path is not None else []
    assert isinstance(tops, list)
    if not set(tops) & {"MySQLdb", "ldap", "torch"}:
        return
    monkeypatch.setattr("sys.path", [*sys.path, DEBIAN])
    try:
        for top in tops:
            importlib.import_module(top)
    except ImportError as error:
        missing = f"{', '.join(tops)}: {error}"
        if os.environ.get("CASEMATE_REQUIRE_ALL") and "torch" not in tops:
            pytest.fail(missing)
        pytest.skip(missing)


def parent_and_member(name: str, *, builtin: bool) -> tuple[object, object | None]:
    """Import the longest module of a dotted name and walk the rest; None where only instances have the member."""
    parts = (["builtins"] if builtin else []) + name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        parent = found
        for place, part in enumerate(parts[length:], length):
            parent = found
            if not hasattr(found, part) and place == len(parts) - 1:
                return parent, None
            found = getattr(found, part)
        return parent, found
    message = f"no module of {name} can be imported"
    raise ModuleNotFoundError(message)


def mentions(owner: object, member: str) -> bool:
    """Tell whether the class, one that it extends, or what makes it, annotates the attribute or gives it to others."""
    assert isinstance(owner, type)
    for kind in (*owner.__mro__[:-1], *type(owner).__mro__[:-2]):
        if member in inspect.get_annotations(kind):
            return True
        try:
            source = textwrap.dedent(inspect.getsource(kind))
        except (OSError, TypeError):
            continue
        if re.search(rf"\bself\.{re.escape(member)}\b|add_to_class\(\"{re.escape(member)}\"", source):
            return True
    return False


def made_by(owner: type) -> str:
    """Give the source of the metaclass, which may add members to subclasses: `Document.objects`."""
    return "" if type(owner) is type else inspect.getsource(type(owner))


def real_parameters(found: object, parent: object) -> list[inspect.Parameter] | None:
    """Give the parameters without self; None where the interpreter does not know the signature."""
    try:
        parameters = list(inspect.signature(found).parameters.values())  # type: ignore[arg-type] -- it may be anything
    except (ValueError, TypeError):
        return None
    bound = inspect.ismethod(found) or getattr(found, "__self__", None) is parent
    unbound = isinstance(parent, type) and not isinstance(found, type) and not bound
    static = unbound and isinstance(inspect.getattr_static(parent, getattr(found, "__name__", ""), None), staticmethod)
    return parameters[1:] if unbound and not static else parameters


def positional(names: tuple[str, ...]) -> list[str]:
    """Give the names that may be passed by position."""
    taken = []
    for name in names:
        if name.startswith("*"):
            break
        taken.append(name)
    return taken


# What models call gone and this Python may be too old to have lost.
LEAVING = {
    "imp": (3, 12), "ssl.wrap_socket": (3, 12), "ssl.match_hostname": (3, 12), "telnetlib": (3, 13),
    "_xxsubinterpreters": (3, 13), "urllib.request.URLopener": (3, 14),
}  # fmt: skip


def gone(name: str) -> bool:
    """Tell whether a name cannot be reached any more."""
    try:
        found = parent_and_member(name, builtin="." not in name)[1]
    except (ImportError, AttributeError):
        return True
    return found is None


def leaves_later(name: str) -> bool:
    """Tell whether a newer Python is needed for a name to be gone."""
    return any(sys.version_info < since and f"{name}.".startswith(f"{left}.") for left, since in LEAVING.items())


# What this Python may be too old to have: PEP 706 came to 3.11 with 3.11.4.
LATER = frozenset[str]() if hasattr(tarfile, "data_filter") else frozenset({"filter"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_says_what_it_is_about(path: Path) -> None:
    named = header(path)
    assert isinstance(named["import"], list)
    tops = set(named["import"])
    for model in models(path):
        assert path.stem == "python" or model.name.partition(".")[0] in tops, model.name


def test_no_name_has_two_models() -> None:
    names = [model.name for _, model in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("path", "model"), CASES, ids=[model.name for _, model in CASES])
def test_the_name_exists_and_takes_these_arguments(path: Path, model: Model) -> None:
    if model.gone and not leaves_later(model.name):
        assert gone(model.name)
        return
    parent, found = parent_and_member(model.name, builtin=path.stem == "python")
    if found is None:
        if model.entry is not None and model.entry.of == "override":
            assert isinstance(parent, type)  # what a subclass may define; the base need not
            return
        made = isinstance(parent, type) and f'"{model.name.rpartition(".")[2]}"' in made_by(parent)
        forwards = hasattr(parent, "__getattr__") or made  # an uploaded file has the methods of its stream
        assert model.parameters is None or forwards, "an attribute of instances cannot be checked as a callable"
        assert forwards or mentions(parent, model.name.rpartition(".")[2])
        return
    if model.name in DELEGATES:
        parent, found = parent_and_member(DELEGATES[model.name], builtin=False)
    if model.parameters is None:
        return
    assert callable(found)
    real = real_parameters(found, parent)
    if real is None:
        return
    by_name = {p.name for p in real if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    anything = any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in real)
    for name in model.parameters:
        plain = name.lstrip("*")
        there = not plain or anything or name.startswith("**") or plain in {p.name for p in real}
        assert there or plain in LATER, plain
    ours = positional(model.parameters)
    theirs = [p for p in real if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for place, name in enumerate(ours):
        if place < len(theirs) and name in by_name | {p.name for p in theirs}:
            assert theirs[place].name == name


@pytest.mark.parametrize(("path", "model"), CASES, ids=[model.name for _, model in CASES])
def test_every_row_speaks_of_arguments_and_types_that_exist(path: Path, model: Model) -> None:
    known = {*(model.parameters or ()), "self", "*", "return", ""}
    rows = [*model.sinks, *model.capabilities, *model.guards]
    asked = {row.argument for row in rows} | {end for way in model.propagates for end in way}
    asked |= {name for row in (*model.sinks, *model.capabilities) for name, _ in row.when}
    open_ended = any(name.startswith("**") for name in model.parameters or ())
    assert open_ended or asked <= known, asked - known
    library = load()
    for name in (model.returns, model.type, model.items, model.alias, *model.bases):
        if name.startswith(("argument ", "instance of ")):
            assert name.rpartition(" ")[2] in known | {"owner"}, name
        elif name and name != "self":
            assert library.known(library.canonical(name)), name
    assert path.exists()


def test_the_types_of_habits_exist() -> None:
    library = load()
    assert library.habits
    assert all(library.is_class(kind) and kind in library.models for kind in library.habits.values())


def test_the_walk_tells_existing_names_from_others() -> None:
    assert parent_and_member("subprocess.run", builtin=False)[1] is not None
    assert parent_and_member("subprocess.runn", builtin=False)[1] is None
    assert isinstance(parent_and_member("os.path.join", builtin=False)[0], ModuleType)

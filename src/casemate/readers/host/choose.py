"""Which Python runs the target: the one that was named, else the caller's environment, never casemate's own.

casemate stands apart from what it runs: with a shared environment, a package of the target
could change what confines it.
"""
# ruff: noqa: PTH100, PTH112, PTH113, PTH118, PTH120 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import sys
from _collections_abc import Iterator, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.errors import InputError, Refused
from casemate.readers.host import pyenv
from casemate.readers.host.interpreter import Interpreter, read
from casemate.readers.host.real import real

NAMES = ("python3", "python")
APART = (
    "casemate must be installed apart from what it runs: give it an environment of its own "
    "(pipx, uv tool, or python3 -m venv), or name another Python with --python"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen Python, and a sentence where it is not the one that the caller's environment pointed to."""

    interpreter: Interpreter
    note: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """Where casemate itself lives: the prefix of its environment and the folder of its package."""

    prefix: str
    package: str

    def is_in(self, interpreter: Interpreter) -> bool:
        """Tell whether casemate lives in the environment of an interpreter."""
        if interpreter.venv and real(interpreter.prefix) == real(self.prefix):
            return True
        package = real(self.package)
        return any(package.startswith(f"{real(path)}/") for path in interpreter.site_packages)


def own() -> Own:
    """Find casemate's own environment: under -S `sys.prefix` is not it, but the executable's path is."""
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return Own(prefix, package)


def choose(named: str | None, environment: Mapping[str, str], directory: str, ours: Own) -> Choice:
    """Choose the Python of a run. Raises InputError where there is none, Refused where it is casemate's own."""
    if named is not None:
        interpreter = read(_real_python(named, environment, directory))
        if ours.is_in(interpreter):
            raise Refused(f"{named} is casemate's own environment. {APART}")
        return Choice(interpreter)
    passed_over = ""
    for path in _candidates(environment, directory, ours):
        try:
            interpreter = read(path)
        except InputError:
            continue  # another of the same name may stand further along PATH
        if not ours.is_in(interpreter):
            return Choice(
                interpreter, f"using {path}: {passed_over} is casemate's own environment" if passed_over else ""
            )
        passed_over = passed_over or path
    raise InputError("no Python for the program was found on PATH; name one with --python")


def _candidates(environment: Mapping[str, str], directory: str, ours: Own) -> Iterator[str]:
    """Yield the paths to try, in order."""
    if venv := environment.get("VIRTUAL_ENV"):
        yield from (path for name in NAMES if os.path.isfile(path := f"{venv}/bin/{name}"))
    for name in NAMES:
        yield from on_path(name, environment, directory)
    yield from _beneath(ours)


def on_path(name: str, environment: Mapping[str, str], directory: str) -> Iterator[str]:
    """Yield the executable files of a name along PATH, shims of pyenv resolved; relative entries do not count."""
    for folder in environment.get("PATH", os.defpath).split(":"):
        path = f"{folder}/{name}"
        if not folder.startswith("/") or not os.path.isfile(path) or not os.access(path, os.X_OK):
            continue
        if not pyenv.shim_root(path):
            yield path
        elif real := pyenv.behind(path, environment, directory):
            yield real


def _real_python(named: str, environment: Mapping[str, str], directory: str) -> str:
    """Give the path of a Python that the user named: a path, a folder of an environment, or a name on PATH."""
    if "/" not in named and not os.path.isdir(os.path.join(directory, named)):
        found = next(on_path(named, environment, directory), None)
        if found is None:
            raise InputError(f"{named}: there is no such Python on PATH")
        return found
    path = os.path.join(directory, named)
    if os.path.isdir(path):
        path = f"{path.rstrip('/')}/bin/python3"
    if pyenv.shim_root(path):
        real = pyenv.behind(path, environment, directory)
        if real is None:
            raise InputError(f"{named}: this shim of pyenv leads to no installed Python")
        return real
    return path


def _beneath(ours: Own) -> Iterator[str]:
    """Yield the Python on which casemate's own environment stands."""
    try:
        yield from (path for path in (_base(ours),) if path)
    except InputError:
        return


def _base(ours: Own) -> str:
    """Name that Python."""
    interpreter = read(f"{ours.prefix}/bin/python3")
    return f"{interpreter.base_prefix}/bin/python{interpreter.version}" if interpreter.venv else ""

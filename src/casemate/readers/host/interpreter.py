"""From the path of a Python to what it is and which files it needs, by reading alone: it is never started.

This follows CPython's own search (Modules/getpath.py): pyvenv.cfg beside the executable or one folder above it, before
links are resolved; then the prefix above the real executable, by its landmark lib/pythonX.Y/os.py. What is listed is as
narrow as the layout allows: an interpreter in a home directory opens none of the rest of that home.
"""
# ruff: noqa: PTH100, PTH110, PTH112, PTH113, PTH117, PTH118, PTH119, PTH120, PTH123, PTH208 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from _collections_abc import Iterator

from casemate.model.dataclass import dataclass
from casemate.model.errors import InputError
from casemate.readers.host import elf
from casemate.readers.host.libraries import beside, loader_files, system_libraries, tables
from casemate.readers.host.real import real

MOST_HOPS = 4  # an environment made from an environment made from …
LANDMARK = "os.py"
LARGEST_CONFIG = 1 << 16  # bytes of a pyvenv.cfg
COMPANIONS = ("tcl8*", "tk8*", "tcl9*", "tk9*", "itcl*", "thread2*")  # beside the standard library, for tkinter


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python: `executable` as it has to be started, `binary` as it really is.

    `venv` is "" where it is no virtual environment. `read` lists the files and directories that it needs, `libraries`
    those of them from which it maps shared libraries. `linked` are directories that .pth files of its site-packages
    name: they are in nobody's grant, because whoever installs a package can write such a file.
    """

    executable: str
    binary: str
    version: str
    prefix: str
    base_prefix: str
    venv: str
    site_packages: tuple[str, ...]
    read: tuple[str, ...]
    libraries: tuple[str, ...]
    linked: tuple[str, ...] = ()


def read(executable: str) -> Interpreter:
    """Look at an interpreter. Raises InputError where the path is none, or its parts cannot be found."""
    try:
        return _read(os.path.abspath(executable))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{executable}: no Python that can be used: {reason}") from None


def _read(executable: str) -> Interpreter:
    """Put the parts together."""
    config = _config_of(executable)
    binary, venv = real(executable), os.path.dirname(config) if config else ""
    base = _base_executable(executable, config, MOST_HOPS)
    headers = elf.read(base)
    if not is_python(os.path.basename(base)):
        raise ValueError(f"{os.path.basename(base)} is not the name of a Python")
    if headers is None or not headers.machine:
        raise ValueError("it is a script or made for another machine; name the real executable with --python")
    base_prefix, library = _prefix_of(base)
    version = os.path.basename(library).removeprefix("python").rstrip("t")
    own_site = _venv_site(venv, os.path.basename(library)) if venv else ()
    shared = not venv or _settings(config).get("include-system-site-packages", "").lower() == "true"
    base_site = _base_site(base_prefix, library)
    local = (*_within(venv, "share"), *_within(venv, "lib64")) if venv else ()
    near = (*beside(base, headers), *_shared_python(base_prefix))
    conda = _existing(f"{base_prefix}/lib") if os.path.isdir(f"{base_prefix}/conda-meta") else ()
    mapped = (library, *own_site, *(base_site if shared else ()), *near, *conda, *system_libraries(headers.machine))
    files = (executable, *_chain(executable, base), *_existing(config), *local, *tables())
    companions = tuple(_matching(f"{base_prefix}/lib", COMPANIONS)) if base_prefix not in ("/usr", "/usr/local") else ()
    site = (*own_site, *(base_site if shared else ()))
    return Interpreter(
        executable=executable,
        binary=binary,
        version=version,
        prefix=venv or base_prefix,
        base_prefix=base_prefix,
        venv=venv,
        site_packages=site,
        read=tuple(dict.fromkeys((*files, *mapped, *companions, *loader_files(headers)))),
        libraries=tuple(dict.fromkeys((*mapped, *loader_files(headers)))),
        linked=tuple(dict.fromkeys(path for folder in site for path in _linked(folder))),
    )


def _config_of(executable: str) -> str:
    """Find the pyvenv.cfg of an executable, "" where there is none."""
    folder = os.path.dirname(executable)
    for place in (folder, os.path.dirname(folder)):
        if os.path.isfile(path := f"{place}/pyvenv.cfg"):
            return path
    return ""


def _settings(config: str) -> dict[str, str]:
    """Read the `key = value` lines of a pyvenv.cfg; keys are in lower case."""
    with open(config, "rb") as file:
        lines = os.fsdecode(file.read(LARGEST_CONFIG)).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _base_executable(executable: str, config: str, hops: int) -> str:
    """Follow `home` to the interpreter beneath all environments, with links resolved."""
    if not config:
        return _real(executable)
    home = _settings(config).get("home", "")
    if not os.path.isabs(home) or hops == 0:
        raise ValueError(f"{config} names no home that can be followed")
    names = [os.path.basename(_real(executable)), os.path.basename(executable), "python3", "python"]
    found = next((path for name in names if os.path.isfile(path := f"{home}/{name}")), None)
    if found is None:
        raise ValueError(f"the Python that {config} stands on is gone: {home}")
    return _base_executable(found, _config_of(found), hops - 1)


def _real(path: str) -> str:
    """Resolve all links; a loop or a missing file is an OSError with the reason."""
    return os.path.realpath(path, strict=True)


def _prefix_of(binary: str) -> tuple[str, str]:
    """Find the prefix above a real executable, and its standard library."""
    name = os.path.basename(binary)
    folder = os.path.dirname(binary)
    while folder != "/":
        for lib in ("lib", "lib64"):
            names = [name] if _names_version(name) else sorted(_python_folders(f"{folder}/{lib}"))
            found = [path for name in names if os.path.isfile(f"{(path := f'{folder}/{lib}/{name}')}/{LANDMARK}")]
            if len(found) > 1:
                raise ValueError(f"several versions stand in {folder}/{lib}; name one, such as python3.12")
            if found:
                return folder, found[0]
        folder = os.path.dirname(folder)
    raise ValueError("its standard library (lib/pythonX.Y/os.py) is not above it")


def _python_folders(lib: str) -> Iterator[str]:
    """Yield the names pythonX.Y in a folder."""
    if os.path.isdir(lib):
        yield from (name for name in os.listdir(lib) if _names_version(name))


def _names_version(name: str) -> bool:
    """Tell whether a name is pythonX.Y, or that of a build without the lock, pythonX.Yt."""
    minor = name.removeprefix("python3.").removesuffix("t")
    return name.startswith("python3.") and minor.isascii() and minor.isdigit() and len(minor) <= 3


def is_python(name: str) -> bool:
    """Tell whether a name is that of a Python."""
    return name in ("python", "python3", "python3t") or _names_version(name)


def _venv_site(venv: str, name: str) -> tuple[str, ...]:
    """List the site-packages of an environment."""
    return tuple(path for lib in ("lib", "lib64") for path in _within(venv, f"{lib}/{name}/site-packages"))[:1]


def _base_site(prefix: str, library: str) -> tuple[str, ...]:
    """List the site-packages of an installation; those of Debian are called dist-packages and lie apart."""
    name = os.path.basename(library)
    places = [f"{prefix}/{lib}/{name}/site-packages" for lib in ("lib", "lib64")]
    if prefix == "/usr":
        places += [f"/usr/local/{lib}/{name}/site-packages" for lib in ("lib", "lib64")]
        places += [f"/usr/local/lib/{name}/dist-packages", "/usr/lib/python3/dist-packages"]
    return tuple(path for place in places for path in _existing(place))


def _shared_python(prefix: str) -> tuple[str, ...]:
    """List the interpreter's own shared library, where it is built with one and lies beside the standard library."""
    return tuple(_matching(f"{prefix}/lib", ("libpython3*.so*",)))


def _matching(folder: str, patterns: tuple[str, ...]) -> Iterator[str]:
    """Yield what in a folder has one of the names; one or two `*` stand in each."""
    if os.path.isdir(folder):
        for name in sorted(os.listdir(folder)):
            if any(_matches(name, pattern) for pattern in patterns):
                yield f"{folder}/{name}"


def _matches(name: str, pattern: str) -> bool:
    """Tell whether a name has the parts between the stars in their order, the first and the last at its ends."""
    first, *between, last = pattern.split("*")
    at, end = len(first), len(name) - len(last)
    for part in between:
        at = name.find(part, at, end) + len(part) if part in name[at:end] else len(name) + 1
    return at <= end and name.startswith(first) and name.endswith(last)


def _chain(executable: str, base: str) -> tuple[str, ...]:
    """List the stations from the executable to the real base binary."""
    return tuple(dict.fromkeys((_real(executable), base)))


def _existing(path: str) -> tuple[str, ...]:
    """Give the path in a tuple where it is there."""
    return (path,) if path and os.path.exists(path) else ()


def _within(root: str, below: str) -> tuple[str, ...]:
    """Give a path of an environment in a tuple, where it is there and no link leads out of the environment."""
    path = f"{root}/{below}"
    return _existing(path) if real(path).startswith(real(root).rstrip("/") + "/") else ()


def _linked(site: str) -> Iterator[str]:
    """Yield the directories outside that the .pth files of a site-packages name (site.py: one a line)."""
    for path in _matching(site, ("*.pth",)):
        try:
            with open(path, "rb") as file:
                lines = os.fsdecode(file.read(LARGEST_CONFIG)).splitlines()
        except OSError:  # what cannot be read adds nothing to anybody's path
            continue
        for line in lines:
            folder = os.path.normpath(os.path.join(site, line.rstrip())) if line.strip() else site
            if not line.startswith(("#", "import ", "import\t")) and os.path.isdir(folder) and folder != site:
                yield folder

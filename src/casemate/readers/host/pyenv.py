"""pyenv's shims: shell scripts that look like Python. Which real Python they would start is read, as pyenv reads it.

Source: libexec/pyenv-version-name, -version-file and -which of pyenv: PYENV_VERSION, then the nearest .python-version
from the working directory up, then the file `version` of the pyenv root.
"""
# ruff: noqa: PTH112, PTH113, PTH119, PTH120, PTH208 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from _collections_abc import Iterator, Mapping

MOST = 4096  # bytes of a version file
LONGEST = 128  # characters of a name
MARKS = str.maketrans("", "", "._+/-")


def shim_root(path: str) -> str:
    """Give the pyenv root to which a shim belongs, "" for any other file."""
    folder = os.path.dirname(path)
    root = os.path.dirname(folder)
    is_shim = os.path.basename(folder) == "shims" and os.path.isdir(f"{root}/versions")
    return root if is_shim and os.path.isfile(path) else ""


def behind(shim: str, environment: Mapping[str, str], directory: str) -> str | None:
    """Give the executable that a shim would start; None where pyenv would look further along PATH, or fail."""
    root, program = shim_root(shim), os.path.basename(shim)
    if not root:
        return None
    for name in _versions(root, environment, directory):
        path = f"{root}/versions/{name}/bin/{program}"
        if os.access(path, os.X_OK):
            return path
    return None


def _versions(root: str, environment: Mapping[str, str], directory: str) -> Iterator[str]:
    """Yield the chosen versions in order; names that would leave `versions` are no names."""
    chosen = environment.get("PYENV_VERSION", "").split(":")
    if not any(chosen):
        chosen = next((names for file in _files(root, directory) if (names := _words(file))), list[str]())
    for name in chosen:
        if _is_version(name):
            yield from _installed(root, name)


def _is_version(name: str) -> bool:
    """Tell whether a name is that of a version: letters, digits and a few marks, never first, and no way upwards."""
    known = name.isascii() and name[:1].isalnum() and name.translate(MARKS).isalnum()
    return known and len(name) <= LONGEST and ".." not in name.split("/")


def _files(root: str, directory: str) -> Iterator[str]:
    """Yield the files that may name versions, nearest first."""
    folder = directory
    while folder not in ("", "/"):
        yield f"{folder}/.python-version"
        folder = os.path.dirname(folder)
    yield f"{root}/version"


def _words(path: str) -> list[str]:
    """Read the words of a version file, without comments; none where there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        text = os.fsdecode(os.read(fd, MOST))
    except OSError:  # a directory of that name
        return []
    finally:
        os.close(fd)
    return [word for line in text.splitlines() for word in line.partition("#")[0].split()]


def _installed(root: str, name: str) -> Iterator[str]:
    """Yield the installed version that a name means: itself, or the newest one of a prefix such as 3.12."""
    if os.path.isdir(f"{root}/versions/{name}"):
        yield name
        return
    from re import findall  # noqa: PLC0415 -- only where several versions could be meant

    prefix = name.removeprefix("python-") + "."
    found = [other for other in os.listdir(f"{root}/versions") if other.startswith(prefix)]
    yield from sorted(found, key=lambda other: [int(part) for part in findall(r"[0-9]+", other)], reverse=True)

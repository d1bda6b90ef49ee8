"""From what the user typed to what is started in an image: all that is executed is looked up there, never on the host.

A script, and what else is only read, is still a file of the host. Nothing of the image is believed or started: its
bytes say which interpreter and which loader the kernel will open inside.
"""
# ruff: noqa: PTH118, PTH119 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import stat
from _collections_abc import Callable, Iterator
from typing import TypeVar

from casemate.model.dataclass import dataclass
from casemate.model.errors import Refused
from casemate.model.exits import Exit
from casemate.readers.host import elf
from casemate.readers.host.choose import NAMES
from casemate.readers.host.interpreter import is_python
from casemate.readers.host.program import (
    DEPTH,
    FLAGS,
    Code,
    Executable,
    Files,
    Host,
    Module,
    Program,
    Script,
    Target,
    check_text,
    followed,
    module_files,
    script_files,
    shebang,
    words_of_env,
)
from casemate.readers.host.rooted import Rooted, find

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Image:
    """The root of the world of the program: a directory of the host, and the PATH by which programs are found in it."""

    root: str
    search: str

    def has(self, path: str) -> bool:
        """Tell whether there is something at a path."""
        try:
            with find(self.root, path):
                return True
        except OSError:
            return False

    def program(self, path: str) -> Rooted:
        """Open an executable file. Raises Refused with 126 or 127."""
        try:
            found = find(self.root, path)
        except (FileNotFoundError, NotADirectoryError):
            raise Refused(f"{path}: is not in the image", Exit.NOT_FOUND) from None
        except OSError as error:
            raise Refused(f"{path} in the image: {error.strerror}", Exit.NOT_EXECUTABLE) from None
        if not stat.S_ISREG(found.mode) or not found.mode & 0o111:
            with found:
                raise Refused(f"{path} in the image is not an executable file", Exit.NOT_EXECUTABLE)
        return found

    def on_path(self, *names: str) -> str:
        """Find the first of these names along PATH. Raises Refused with 127."""
        for name in names:
            for folder in filter(lambda folder: folder.startswith("/"), self.search.split(":")):
                if self.has(f"{folder}/{name}"):
                    return f"{folder}/{name}"
        raise Refused(f"{' or '.join(names)}: not found in the image ({self.search})", Exit.NOT_FOUND)

    def interpreter(self, path: str) -> list[str]:
        """Give what the `#!` line of a file names, what env(1) would find included; nothing for another file."""
        line = self._read(path, shebang)
        words = words_of_env(line) if line else None
        if words is None:
            return line
        return [self.on_path(words[0]), *words[1:]] if words else line[:1]

    def opened(self, path: str, deep: int = 0) -> Iterator[str]:
        """Yield the real paths that executing a file opens: itself, interpreters, loaders. Raises Refused.

        `deep`: how many scripts led here, env(1) itself among them, which may be one in an image.
        """
        for passed in range(deep, DEPTH):
            with self.program(path) as found:
                yield found.path
            line, headers = self._read(path, shebang), self._read(path, elf.read)
            if headers and headers.loader:
                with self.program(headers.loader) as loader:
                    yield loader.path
            if not line:
                return
            if words_of_env(line) is not None:
                yield from self.opened(line[0], passed + 1)  # env(1) itself may be started, and then what it finds
            path = self.interpreter(path)[0]
        raise Refused(f"{path} in the image: its interpreters are scripts of each other", Exit.NOT_EXECUTABLE)

    def _read(self, path: str, read: Callable[[str], T]) -> T:
        """Read something of an executable file. Raises Refused with 126."""
        with self.program(path) as found:
            try:
                return read(found.place)
            except OSError as error:
                raise Refused(f"{path} in the image: {error.strerror}", Exit.NOT_EXECUTABLE) from None
            except elf.DamagedError as error:
                raise Refused(f"{path} in the image: {error}", Exit.NOT_EXECUTABLE) from None


def of(target: Target, image: Image, host: Host, python: str | None) -> Program:
    """Work out what is started; `python` is a path or a name in the image. Raises UsageError and Refused."""
    check_text(target)
    if isinstance(target, Executable):
        if python is not None:
            raise Refused("--python belongs to SCRIPT, -m and -c; a command after `--` chooses its own")
        return _executable(target, image, host.directory)
    started = python if python is not None and "/" in python else image.on_path(*((python,) if python else NAMES))
    head, files = (started, *FLAGS), Files(_once(image.opened(started)))
    match target:
        case Script("-", arguments):
            return Program((*head, "-", *arguments), started, files, startup=(host.directory,), python=started)
        case Script(path, arguments):
            own, notes = script_files(path, host)
            shown = path if path.startswith("/") or not path.startswith("-") else f"./{path}"
            first = os.path.dirname(os.path.realpath(os.path.join(host.directory, path)))  # noqa: PTH120 -- as above
            return Program((*head, shown, *arguments), started, files, own, (first,), notes, started)
        case Module(name, arguments):
            own = module_files(name, host)
            return Program((*head, "-m", name, *arguments), started, files, own, (host.directory,), python=started)
        case Code(text, arguments):
            return Program((*head, "-c", text, *arguments), started, files, startup=(host.directory,), python=started)


def spawned(path: str, image: Image) -> tuple[str, ...]:
    """List what starting a granted program of the image opens. Raises Refused (125)."""
    try:
        return _once(image.opened(path))
    except Refused as refusal:
        raise Refused(f"proc.spawn {path}: {str(refusal).removeprefix(f'{path}: ')}") from None


def _executable(target: Executable, image: Image, directory: str) -> Program:
    """Find a program as a shell inside would, and follow its shebang lines."""
    name = target.argv[0]
    path = os.path.join(directory, name) if "/" in name else image.on_path(name)
    path, argv, _ = followed(path, (name, *target.argv[1:]), image.interpreter)
    python = path if is_python(os.path.basename(path)) else ""
    return Program((path, *argv[1:]) if python else argv, path, Files(_once(image.opened(path))), python=python)


def _once(paths: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))

"""From what the user typed to what is started: argument vector, executable, and the files that belong to the program.

Nothing is started here, and nothing is guessed: a shebang line is read as execve(2) reads it, so that the interpreter
it names is started directly and no second program is needed for that.
"""
# ruff: noqa: PTH110, PTH116, PTH118, PTH119, PTH120, PTH123 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import stat
from _collections_abc import Callable, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.errors import InputError, Refused, UsageError
from casemate.model.exits import Exit
from casemate.model.never import assert_never
from casemate.readers.host import elf, pyenv
from casemate.readers.host.choose import APART, Own, on_path
from casemate.readers.host.interpreter import Interpreter, read
from casemate.readers.host.libraries import beside, loader_files, system_libraries, tables

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from typing import TypeAlias

# Folders of many things: a program that lies in one of them gets its own file and no more.
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 -- recognised, never used
SHARED = frozenset(
    (
        *TEMPORARY,
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/sbin",
        "/usr/sbin",
        "/usr/share",
        "/var",
        "/var/lib",
    )
)
FLAGS = ("-B",)  # no __pycache__: what a run leaves behind is what its policy names
SHEBANG = 256  # bytes; BINPRM_BUF_SIZE of the kernel
DEPTH = 4


@dataclass(frozen=True, slots=True)
class Script:
    """A file of Python; `-` is standard input."""

    path: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """A module to run as `python -m` does."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """A text to run as `python -c` does."""

    text: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Executable:
    """Any program by its argument vector, as a shell would find it; never a string for a shell."""

    argv: tuple[str, ...]


Target: "TypeAlias" = Script | Module | Code | Executable


@dataclass(frozen=True, slots=True)
class Files:
    """What executing a file opens: executables, files to read, and paths below which libraries are mapped."""

    execute: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def __or__(self, other: "Files") -> "Files":
        """Take both."""
        return Files(
            _once(self.execute, other.execute), _once(self.read, other.read), _once(self.libraries, other.libraries)
        )


@dataclass(frozen=True, slots=True)
class Program:
    """What is started. `own` are the paths of the program itself (@program), `startup` what `sys.path` begins with.

    `python` is its interpreter, by the path that it is started with; "" where that is no Python.
    """

    argv: tuple[str, ...]
    executable: str
    files: Files
    own: tuple[str, ...] = ()
    startup: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    python: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """Where the user stands: working directory, variables, homes that are never opened as a whole, casemate itself."""

    directory: str
    environment: Mapping[str, str]
    homes: tuple[str, ...]
    ours: Own


def needs_python(target: Target) -> bool:
    """Tell whether a Python has to be chosen for a target."""
    return not isinstance(target, Executable)


def of(target: Target, python: Interpreter | None, host: Host) -> Program:
    """Work out what is started. Raises UsageError, or Refused with 126 or 127 as a shell would."""
    check_text(target)
    if isinstance(target, Executable):
        return _executable(target, host)
    if python is None:
        raise AssertionError("a Python is chosen before its script is looked at")
    files = Files((python.binary,), python.read, python.libraries)
    head: tuple[str, ...] = (python.executable, *FLAGS)
    startup: tuple[str, ...] = (host.directory, *python.site_packages)
    match target:
        case Script("-", arguments):
            return Program((*head, "-", *arguments), python.executable, files, startup=startup, python=head[0])
        case Script(path, arguments):
            own, notes = script_files(path, host)
            shown = path if path.startswith("/") or not path.startswith("-") else f"./{path}"
            argv = (*head, shown, *arguments)
            first = os.path.dirname(os.path.realpath(os.path.join(host.directory, path)))
            return Program(argv, python.executable, files, own, (first, *python.site_packages), notes, head[0])
        case Module(name, arguments):
            argv = (*head, "-m", name, *arguments)
            return Program(argv, python.executable, files, module_files(name, host), startup, python=head[0])
        case Code(text, arguments):
            argv = (*head, "-c", text, *arguments)
            return Program(argv, python.executable, files, startup=startup, python=head[0])
        case _:
            return assert_never(target)


def check_text(target: Target) -> None:
    """Refuse what execve cannot carry."""
    words = target.argv if isinstance(target, Executable) else (str(_first(target)), *target.arguments)
    if any("\0" in word for word in words):
        raise UsageError("an argument holds a NUL byte; no program can be given one")
    if isinstance(target, Executable) and not target.argv:
        raise UsageError("a command is expected after `--`")
    if words and not words[0] and not isinstance(target, Code):
        raise UsageError("the name of the program is empty")


def _first(target: Script | Module | Code) -> str:
    """Give what names the program."""
    match target:
        case Script(path, _):
            return path
        case Module(name, _):
            return name
        case Code(text, _):
            return text
        case _:
            return assert_never(target)


def script_files(path: str, host: Host) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the paths of a script: its folder, or the file alone where that folder holds more than the program."""
    _look(os.path.join(host.directory, path), path)
    whole = whole_path(path, host.directory)
    if not os.access(whole, os.R_OK):
        raise Refused(f"{path}: Permission denied", Exit.NOT_EXECUTABLE)
    if _is_elf(whole):
        raise Refused(f"{path} is no Python script but a program: casemate run -- {path}")
    folder = os.path.dirname(os.path.realpath(whole))
    if not _is_shared(folder, host):
        return (folder, whole), ()
    note = (
        f"{folder} holds more than this program: only {os.path.basename(whole)} itself is readable (--read adds more)"
    )
    return (os.path.realpath(whole), whole), (note,)


def whole_path(path: str, directory: str) -> str:
    """Give the absolute path of a script. With `..` in it links are resolved: the folders passed need not be there."""
    whole = os.path.join(directory, path)
    if ".." not in whole.split("/"):
        return whole
    return os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole))


def _look(whole: str, shown: str) -> None:
    """Check that a path is a regular file that is there."""
    try:
        mode = os.stat(whole).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{shown}: no such file", Exit.NOT_FOUND) from None
    except OSError as error:
        raise Refused(f"{shown}: {error.strerror}", Exit.NOT_EXECUTABLE) from None
    if stat.S_ISDIR(mode):
        raise Refused(f"{shown} is a directory; name a file in it, or use -m MODULE from the directory above")
    if not stat.S_ISREG(mode):
        raise Refused(f"{shown} is not a regular file; give the program on standard input with `-` instead")


def _is_elf(path: str) -> bool:
    """Tell whether a file is a compiled program."""
    with open(path, "rb", buffering=0) as file:
        return file.read(4) == b"\x7fELF"


def _is_shared(folder: str, host: Host) -> bool:
    """Tell whether a folder is a home, holds one, or is a folder of the system."""
    prefix = folder.rstrip("/") + "/"
    homes = [os.path.realpath(home) for home in host.homes]
    return folder in SHARED or any(home == folder or home.startswith(prefix) for home in homes if home != "/")


def module_files(name: str, host: Host) -> tuple[str, ...]:
    """Give the folder in which `-m` finds a module first, where the module is there."""
    top = name.partition(".")[0]
    found = [path for path in (f"{host.directory}/{top}", f"{host.directory}/{top}.py") if os.path.exists(path)]
    if not found or not top.isidentifier():
        return ()
    return tuple(found) if _is_shared(os.path.realpath(host.directory), host) else (host.directory,)


def _executable(target: Executable, host: Host) -> Program:
    """Find a program as a shell would, and follow its shebang lines."""
    name = target.argv[0]
    path = (
        os.path.join(host.directory, name) if "/" in name else next(on_path(name, host.environment, host.directory), "")
    )
    if not path:
        raise Refused(f"{name}: not found on PATH", Exit.NOT_FOUND)
    _look(path, name)
    if not os.access(path, os.X_OK):
        raise Refused(f"{name}: is not an executable file", Exit.NOT_EXECUTABLE)
    path, argv, own = followed(path, (name, *target.argv[1:]), lambda path: _interpreter_of(shebang(path), host))
    python = path if _as_python(path) else ""
    if python:
        argv = (path, *argv[1:])  # a Python finds its environment by the path that it was started with
    return Program(argv, path, files_of(path, host.ours), own, python=python)


def followed(
    path: str, argv: tuple[str, ...], interpreter: Callable[[str], list[str]]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Follow `#!` lines as execve does: give what is started, with which arguments, and the scripts that were passed.

    `interpreter` gives what the line of a file names, with its one argument; nothing for another file.
    """
    before, passed = path, list[str]()
    for _ in range(DEPTH):
        line = interpreter(path)
        if not line:
            break
        passed.append(path)
        path, *option = line
        argv = (path, *option, before, *argv[1:])
        before = path
    return path, argv, tuple(passed)


def shebang(path: str) -> list[str]:
    """Give the interpreter and the one argument of a `#!` line; nothing for another file."""
    with open(path, "rb", buffering=0) as file:
        head = file.read(SHEBANG)
    if not head.startswith(b"#!"):
        return []
    return os.fsdecode(head[2:].split(b"\n", 1)[0].strip(b" \t\r")).split(None, 1)


def _interpreter_of(line: list[str], host: Host) -> list[str]:
    """Resolve `/usr/bin/env NAME` at once; anything else stands as it is written."""
    if not line:
        return []
    words = words_of_env(line)
    if words is None:
        _look(line[0], line[0])
        return [pyenv.behind(line[0], host.environment, host.directory) or line[0], *line[1:]]
    found = next(on_path(words[0], host.environment, host.directory), "") if words else ""
    if not found:
        raise Refused(f"{' '.join(words[:1]) or 'env'}: named by a shebang line and not found on PATH", Exit.NOT_FOUND)
    return [found, *words[1:]]


def words_of_env(line: list[str]) -> list[str] | None:
    """Give what a `#!` line tells env(1) to start; None where it names another program."""
    if os.path.basename(line[0]) != "env" or len(line) == 1:
        return None
    return line[1].removeprefix("-S").split()


def files_to_spawn(path: str, host: Host) -> Files:
    """List what starting a granted program opens, its shebang lines included. Raises Refused (125)."""
    try:
        files, line = Files(), list[str]()
        for _ in range(DEPTH):
            _look(path, path)
            files |= files_of(path, host.ours)
            line = shebang(path)
            if not line:
                break
            files |= files_of(line[0], host.ours)  # `/usr/bin/env` itself is started here, and then what it finds
            path = _interpreter_of(line, host)[0]
    except Refused as refusal:
        raise Refused(f"proc.spawn: {refusal}") from None
    return files


def files_of(path: str, ours: Own) -> Files:
    """List what executing a file opens. Raises Refused where it is a Python of casemate's own environment."""
    if python := _as_python(path):
        if ours.is_in(python):
            raise Refused(f"{path} belongs to casemate's own environment. {APART}")
        return Files((path, python.binary), python.read, python.libraries)
    try:
        headers = elf.read(path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", Exit.NOT_EXECUTABLE) from None
    except elf.DamagedError as error:
        raise Refused(f"{path}: {error}", Exit.NOT_EXECUTABLE) from None
    if headers is None:
        return Files((path,), (path,))
    loaded = (
        *beside(path, headers),
        *loader_files(headers),
        *(system_libraries(headers.machine) if headers.loader else ()),
    )
    return Files((path,), (path, *loaded, *(tables() if headers.loader else ())), loaded)


def _as_python(path: str) -> Interpreter | None:
    """Look at a file as a Python; None where it is none."""
    try:
        return read(path)
    except InputError:
        return None


def _once(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Join without repetitions."""
    return tuple(dict.fromkeys((*first, *second)))

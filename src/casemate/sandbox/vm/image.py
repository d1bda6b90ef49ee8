"""The guest that is kept: made once for a kernel, a QEMU and a version of casemate, and copied by every run.

It lies where only the caller can write, and holds nothing of any run: it was put aside before it saw one. What was
damaged or cut is made anew; `seal` is written last, and says of every other file how long it is and what is in it.
"""
# ruff: noqa: PTH103, PTH105, PTH108, PTH116, PTH123, PTH208 -- a path stays the string that the plan holds

import fcntl
import json
import marshal
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from casemate.model import own
from casemate.model.dataclass import dataclass, replace
from casemate.model.errors import Refused
from casemate.sandbox.vm import closure as files_of
from casemate.sandbox.vm.cpio import Archive
from casemate.sandbox.vm.host import Kernel
from casemate.sandbox.vm.vector import Machine

AGENT = "casemate.sandbox.vm.guest.agent"
HOME = "/casemate"
FOLDERS = ("dev", "proc", "sys", "tmp", "root", "host", "written", "cgroup", HOME)
START = "#!{home}/bin/python3 -ISB\nfrom {agent} import main\nmain()\n"
MAPPED = ("_ctypes", "_json", "_socket", "_struct", "fcntl", "resource", "select", "termios")
MEMORY, STATE, INITRD, VERSION, SEAL, LOCK = "ram", "state", "initrd", "version", "seal", "lock"
SEALED = (MEMORY, STATE, INITRD, VERSION)
MOST = 6  # kept guests; the oldest go first
PAGE, CHUNK = 4096, 1 << 20
OURS = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the guest for a machine is kept. `machine.initrd` lies there, too."""

    folder: str
    machine: Machine

    def file(self, name: str) -> str:
        """Give the path of one of its files."""
        return f"{self.folder}/{name}"


def top(environment: dict[str, str]) -> str:
    """Name the folder of all guests. Raises Refused."""
    if not (cache := own.cache(environment)):
        raise Refused("there is no folder to keep the guest in: HOME is not set")
    return f"{cache}/vm"


def place(kernel: Kernel, machine: Machine, top: str) -> Kept:
    """Say where the guest for a machine is kept, and make that folder. Raises Refused."""
    top = os.path.realpath(top)
    folder = f"{top}/{_key(kernel, machine)}"
    try:
        _refuse_what_others_exchange(top)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for path in (top, folder):
            if not own.is_private(os.lstat(path)):
                raise Refused(f"{path}: only you may be able to write there")
    except OSError as error:
        raise Refused(f"the guest cannot be kept: {error}") from None
    return Kept(folder, replace(machine, initrd=f"{folder}/{INITRD}"))


def _refuse_what_others_exchange(path: str) -> None:
    """Raise Refused where somebody else could put another folder in the place of this one."""
    for above in map(str, Path(path).parents):
        if not os.path.lexists(above):
            continue
        state = os.lstat(above)
        if own.belongs_to_others(state) or own.open_to_others(state):
            raise Refused(f"{above}: others can exchange what is kept there; set XDG_CACHE_HOME to a folder of yours")


def _key(kernel: Kernel, machine: Machine) -> str:
    """Name what a guest is made of: every file of it, as the file system has it."""
    parts: list[str] = [json.dumps(machine.plain()), kernel.release, sys.version]
    package = OURS / "casemate"
    sources = [path for folder in ("model", "sandbox") for path in sorted((package / folder).rglob("*.py"))]
    tools = (kernel.image, *kernel.modules, machine.qemu, os.path.realpath("/proc/self/exe"))
    for path in (*tools, *map(str, sources)):
        known = os.stat(path)
        parts.append(f"{path} {known.st_size} {known.st_mtime_ns} {known.st_ino}")
    return blake2b("\n".join(parts).encode(errors="surrogateescape"), digest_size=16).hexdigest()


def version(kept: Kept) -> str:
    """Give the version of the QEMU that made a guest, "" where none is kept."""
    try:
        with open(kept.file(VERSION)) as file:
            return file.read(64)
    except OSError:
        return ""


def is_whole(kept: Kept) -> bool:
    """Tell whether the guest is there as it was put aside."""
    try:
        with open(kept.file(SEAL), "rb") as file:
            said = json.loads(file.read(CHUNK))
        return bool(said == {name: list(_sum(kept.file(name))) for name in SEALED})
    except (OSError, ValueError):
        return False


def _sum(path: str) -> tuple[int, int]:
    """Give length and CRC-32 of a file, holes left out: against damage, not against who may write here."""
    with open(path, "rb", buffering=0) as file:
        found, size = 0, os.fstat(file.fileno()).st_size
        for start, end in _extents(file.fileno(), size):
            os.lseek(file.fileno(), start, os.SEEK_SET)
            for at in range(start, end, CHUNK):
                found = zlib.crc32(file.read(min(CHUNK, end - at)), found)
    return size, found


def _extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < size:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:
            return  # only a hole is left: ENXIO
        end = os.lseek(descriptor, at, os.SEEK_HOLE)
        yield at, end
        at = end


class Lock:
    """Nobody else makes, or throws away, this guest meanwhile."""

    def __init__(self, folder: str) -> None:
        """Wait for it. Raises OSError."""
        self._descriptor = os.open(f"{folder}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __enter__(self) -> None:
        """Hold it."""

    def __exit__(self, *_: object) -> None:
        """Let go."""
        os.close(self._descriptor)


def begin(kept: Kept, kernel: Kernel) -> None:
    """Empty the folder and write the first files of the guest into it. Raises OSError."""
    empty(kept)
    with open(kept.file(INITRD), "wb", opener=_private) as file:
        file.write(initrd(kernel))


def empty(kept: Kept) -> None:
    """Throw away what is there of a guest. Raises OSError."""
    for name in os.listdir(kept.folder):
        if name != LOCK:
            os.unlink(kept.file(name))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def finish(kept: Kept) -> None:
    """Take what is zero out of the memory, and seal. Raises OSError."""
    _thin(kept.file(MEMORY))
    text = json.dumps({name: _sum(kept.file(name)) for name in SEALED})
    with open(kept.file(f"{SEAL}.part"), "w", opener=_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(kept.file(f"{SEAL}.part"), kept.file(SEAL))


def _thin(path: str) -> None:
    """Write a copy with holes in the place of zeros, and put it in the place of the file."""
    with open(path, "rb", buffering=0) as source, open(f"{path}.part", "wb", buffering=0, opener=_private) as copy:
        size = os.fstat(source.fileno()).st_size
        os.ftruncate(copy.fileno(), size)
        for start, end in _extents(source.fileno(), size):
            for at in range(start, end, PAGE):
                page = os.pread(source.fileno(), PAGE, at)
                if page.count(0) != len(page):
                    os.pwrite(copy.fileno(), page, at)
        os.fsync(copy.fileno())
    os.replace(f"{path}.part", path)


def sweep(kept: Kept) -> None:
    """Throw away the oldest guests of other kernels and versions, unless somebody is about to make one."""
    top = Path(kept.folder).parent
    others = [folder for folder in top.iterdir() if folder.is_dir() and str(folder) != kept.folder]
    for folder in sorted(others, key=lambda one: one.stat().st_mtime, reverse=True)[MOST - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def initrd(kernel: Kernel) -> bytes:
    """Give the first root of the guest: this interpreter, the modules that its init needs, those of the kernel."""
    archive = Archive()
    for folder in FOLDERS:
        archive.folder(folder)
    archive.device("/dev/console", 5, 1)
    archive.device("/dev/null", 1, 3)
    archive.file(f"{HOME}/bin/python3", _loaded_part(Path(os.path.realpath("/proc/self/exe")).read_bytes()))
    library = f"{HOME}/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    for name, path in files_of.closure((AGENT,), OURS).items():
        _module(archive, library, name, path)
    archive.folder(f"{library}/lib-dynload")
    for path in _mapped():
        archive.file(f"/usr/lib/{path.name}", _loaded_part(path.read_bytes()))
        for other in path.parent.iterdir():
            if other.is_symlink() and other.resolve() == path:
                archive.link(f"/usr/lib/{other.name}", path.name)
    archive.link("/lib", "usr/lib")
    archive.link("/lib64", "usr/lib")
    names = [f"{number:02}-{Path(module).name}" for number, module in enumerate(kernel.modules)]
    for name, module in zip(names, kernel.modules, strict=True):
        archive.file(f"{HOME}/modules/{name}", Path(module).read_bytes())
    archive.file(f"{HOME}/modules/order", "\n".join(names).encode())
    archive.file("/init", START.format(home=HOME, agent=AGENT).encode())
    return archive.finished()


def _module(archive: Archive, library: str, name: str, path: Path) -> None:
    """Add a module, compiled: the guest must not do that at its start."""
    below = f"{library}/{name.replace('.', '/')}"
    if path.suffix != ".py":
        archive.file(f"{library}/{path.name}", _loaded_part(path.read_bytes()))
        return
    source = b"" if name in files_of.EMPTY else path.read_bytes()
    code = compile(source, f"{name.replace('.', '/')}.py", "exec", dont_inherit=True, optimize=0)
    target = f"{below}/__init__.pyc" if path.name == "__init__.py" else f"{below}.pyc"
    archive.file(target, MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
    if name == "os":  # by this file Python knows its own library
        archive.file(f"{library}/os.py", path.read_bytes())


def _mapped() -> tuple[Path, ...]:
    """Give the shared libraries of this interpreter and of the modules in C that the guest's init loads."""
    for name in MAPPED:
        __import__(name)
    with open("/proc/self/maps") as file:
        paths = {line.split(None, 5)[5].strip() for line in file if "/" in line}
    return tuple(sorted(Path(path) for path in paths if ".so" in path and "lib-dynload" not in path))


def _loaded_part(data: bytes) -> bytes:
    """Cut off what the loader of an ELF file never looks at, such as what debuggers read: elf(5)."""
    if not data.startswith(b"\x7fELF\x02\x01"):
        return data
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + size * number) for number in range(count)]
    end = max([start + length for _, _, start, _, _, length in headers], default=len(data))
    return data[:40] + bytes(8) + data[48:58] + bytes(6) + data[64:end]

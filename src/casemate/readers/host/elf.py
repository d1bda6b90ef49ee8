"""ELF headers, as far as the dynamic loader reads them: which loader, which libraries, where they are looked for.

Source: System V ABI, chapters 4 and 5; ld.so(8). Bounded: a table larger than `MOST` bytes counts as damaged.
"""

import os
import stat

from casemate.model.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    import struct
else:
    import _struct as struct  # in C, without the module around it

MOST = 1 << 20
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 1, 5, 15, 29
MACHINES = {62: "x86_64", 183: "aarch64"}


class DamagedError(ValueError):
    """The bytes are no ELF file that can be followed."""


@dataclass(frozen=True, slots=True)
class Elf:
    """What a dynamic loader learns of a 64-bit little-endian file; `loader` is "" for a static program or a library."""

    machine: str
    loader: str
    needed: tuple[str, ...]
    search: tuple[str, ...]


def read(path: str) -> Elf | None:
    """Read the headers; None for what is no ELF file, a pipe or a device included. Raises OSError and DamagedError."""
    with open(path, "rb", buffering=0, opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        head = file.read(64)
        if head[:4] != b"\x7fELF":
            return None
        if len(head) < 64 or head[4:6] != b"\x02\x01":
            raise DamagedError("not a 64-bit little-endian ELF file")
        try:
            return _follow(file.fileno(), head)
        except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
            raise DamagedError(f"damaged ELF file: {error}") from None


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, a pipe without a writer too."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _follow(fd: int, head: bytes) -> Elf:
    """Read program headers, then the dynamic section."""
    machine, offset, size, count = *struct.unpack_from("<H", head, 18), *struct.unpack_from("<Q", head, 32), 0, 0
    size, count = struct.unpack_from("<HH", head, 54)
    table = _bytes(fd, offset, size * count)
    segments = [
        struct.unpack_from("<IIQQQQ", table, index * size) for index in range(count)
    ]  # type flags off va pa len
    loads = [(va, off, length) for kind, _, off, va, _, length in segments if kind == PT_LOAD]
    loader, entries = "", list[tuple[int, int]]()
    for kind, _, off, _, _, length in segments:
        if kind == PT_INTERP:
            loader = _bytes(fd, off, length).rstrip(b"\0").decode()
        elif kind == PT_DYNAMIC:
            raw = _bytes(fd, off, length)
            entries = [(tag, value) for tag, value in struct.iter_unpack("<QQ", raw[: len(raw) // 16 * 16])]
    names = _Names(fd, loads, next((value for tag, value in entries if tag == DT_STRTAB), None))
    needed = tuple(names.at(value) for tag, value in entries if tag == DT_NEEDED)
    paths = [names.at(value) for tag, value in entries if tag in (DT_RPATH, DT_RUNPATH)]
    return Elf(MACHINES.get(machine, ""), loader, needed, tuple(part for p in paths for part in p.split(":") if part))


@dataclass(frozen=True, slots=True)
class _Names:
    """The table of strings, found by its address in memory."""

    fd: int
    loads: list[tuple[int, int, int]]
    address: int | None

    def at(self, index: int) -> str:
        """Give the string at an index."""
        if self.address is None:
            raise DamagedError("no string table")
        for start, offset, length in self.loads:
            if start <= self.address < start + length:
                raw = os.pread(self.fd, 4096, offset + self.address - start + index)
                return os.fsdecode(raw.partition(b"\0")[0])
        raise DamagedError("the string table is in no segment")


def _bytes(fd: int, offset: int, length: int) -> bytes:
    """Read a table of sensible size."""
    if length > MOST:
        raise DamagedError("a table is too large")
    return os.pread(fd, length, offset)

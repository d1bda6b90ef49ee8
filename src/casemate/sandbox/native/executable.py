"""What the kernel opens besides a file when it is executed: the interpreter of a script, the loader of an ELF file.

Only the first bytes are read: execve(2), elf(5). Nothing is run.
"""

import _struct as struct
import os

SHEBANG = 256  # BINPRM_BUF_SIZE
PT_INTERP = 3
DEPTH = 4  # BINPRM_MAX_RECURSION


def companions(path: str) -> tuple[str, ...]:
    """Give the interpreters and loaders, in order, that executing `path` opens. Raises OSError if it is unreadable."""
    found = list[str]()
    for _ in range(DEPTH):
        try:
            following = _companion(path)
        except OSError:
            if not found:
                raise
            break  # an interpreter that is not there: the caller looks at each of them
        if not following:
            break
        found.append(following)
        path = following
    return tuple(found)


def _companion(path: str) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- pathlib is too heavy for the start-up path
        head = file.read(SHEBANG)
        if head.startswith(b"#!"):
            line = head[2:].split(b"\n", 1)[0].strip(b" \t")
            return os.fsdecode(line.split(None, 1)[0]) if line else ""
        if not head.startswith(b"\x7fELF\x02\x01"):
            return ""
        return _loader(file.fileno(), head)


def _loader(descriptor: int, head: bytes) -> str:
    offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    if size != 56:
        return ""
    table = os.pread(descriptor, size * count, offset)
    for start in range(0, len(table) - size + 1, size):
        kind, _, where, _, _, length = struct.unpack_from("<IIQQQQ", table, start)
        if kind == PT_INTERP and length < 4096:
            return os.fsdecode(os.pread(descriptor, length, where).rstrip(b"\0"))
    return ""

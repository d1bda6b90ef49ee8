"""What a program said last on standard error, read for what it complains about: Python's exceptions, the C library's.

The words are the program's, of any length and content. Only whole lines at the end are read, each pattern takes time
in proportion to its line, and what comes out is a kind of trouble and a name that nobody has believed yet.
"""

import errno
import os
import re
from ast import literal_eval
from collections.abc import Iterator
from enum import StrEnum

from casemate.model.dataclass import dataclass
from casemate.policy import values

LINES = 40  # at the end
LONGEST = 1000  # characters of a line
MOST = 8  # complaints


class Trouble(StrEnum):
    """What a complaint is about."""

    MISSING = "a file that is not there"
    NOT_ALLOWED = "a file that may not be used so"
    READ_ONLY = "a file that may not be written"
    COMMAND = "a program that was not started"
    MODULE = "a module that is not there"
    VARIABLE = "a variable that is not there"
    HOST = "a host and a port"
    NAME = "a name that has no address"
    REFUSED = "a connection that was refused"
    UNREACHABLE = "a network that is not there"
    SPACE = "no space"
    FILE_SIZE = "a file that is too large"
    MEMORY = "no memory"
    PROCESSES = "no more processes"
    FDS = "no more descriptors"


@dataclass(frozen=True, slots=True)
class Said:
    """One complaint; `what` is a path, a name, HOST:PORT, or nothing."""

    trouble: Trouble
    what: str = ""


BY_NUMBER = {
    errno.ENOENT: Trouble.MISSING,
    errno.EACCES: Trouble.NOT_ALLOWED,
    errno.EPERM: Trouble.NOT_ALLOWED,
    errno.EROFS: Trouble.READ_ONLY,
    errno.ENOSPC: Trouble.SPACE,
    errno.EDQUOT: Trouble.SPACE,
    errno.EFBIG: Trouble.FILE_SIZE,
    errno.ENOMEM: Trouble.MEMORY,
    errno.EAGAIN: Trouble.PROCESSES,
    errno.EMFILE: Trouble.FDS,
    errno.ENFILE: Trouble.FDS,
    errno.ECONNREFUSED: Trouble.REFUSED,
    errno.ENETUNREACH: Trouble.UNREACHABLE,
}
ABOUT_PATHS = (Trouble.MISSING, Trouble.NOT_ALLOWED, Trouble.READ_ONLY)
ALONE = (Trouble.SPACE, Trouble.FILE_SIZE, Trouble.MEMORY, Trouble.FDS, Trouble.REFUSED, Trouble.UNREACHABLE)
BY_TEXT = {
    "No such file or directory": Trouble.MISSING,
    "Permission denied": Trouble.NOT_ALLOWED,
    "Operation not permitted": Trouble.NOT_ALLOWED,
    "Read-only file system": Trouble.READ_ONLY,
}
LITERAL = r"""b?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
EXCEPTION = re.compile(r"(?:[\w.]{1,200}\.)?(\w{1,100}): (.*)")
NUMBERED = re.compile(r"\[Errno (-?\d{1,5})\] ")
QUOTED = re.compile(rf": ({LITERAL})(?: -> {LITERAL})?$")
BARE_NAME = re.compile(rf"({LITERAL})$")
MODULE = re.compile(r"No module named '?([A-Za-z_][\w.]{0,200})'?$")
COLOURS = re.compile(r"\x1b\[[\d;]{0,20}m")  # of tracebacks on a terminal, from Python 3.13 on
OPENING, CLOSING = "'\"`\u2018", "'\"\u2019"
OF_SHELL = re.compile(r"(?:^|[\s:])([\w./+-]{1,200}): (?:command )?not found$")
NO_THREAD = ("can't start new thread", "Resource temporarily unavailable", "Cannot fork", "cannot fork")
HOSTS = (
    re.compile(r"host='([\w.-]{1,253})', port=(\d{1,5})"),  # urllib3
    re.compile(r"Cannot connect to host ([\w.-]{1,253}):(\d{1,5})"),  # aiohttp
    re.compile(r"Failed to connect to ([\w.-]{1,253}) port (\d{1,5})"),  # curl
)


def complaints(words: bytes) -> Iterator[Said]:
    """Yield what the last lines complain about, the last one first, each once."""
    text = COLOURS.sub("", words.decode(errors="surrogateescape")).replace("\r", "")
    lines = text.split("\n")[-LINES:]
    found: dict[Said, None] = {}
    for line in reversed(lines):
        if len(line) <= LONGEST:
            found.update(dict.fromkeys(_line(line.strip())))
        if len(found) >= MOST:
            break
    return iter(tuple(found)[:MOST])


def _line(line: str) -> Iterator[Said]:
    """Read one line."""
    yield from _hosts(line)
    if line.partition(":")[0].endswith("MemoryError") or "std::bad_alloc" in line:
        yield Said(Trouble.MEMORY)
    elif any(line.endswith(word) for word in NO_THREAD):
        yield Said(Trouble.PROCESSES)
    elif exception := EXCEPTION.fullmatch(line):
        yield from _exception(exception[1], exception[2])
    yield from _of_programs(line)


def _hosts(line: str) -> Iterator[Said]:
    for pattern in HOSTS:
        for host, port in pattern.findall(line)[:2]:
            try:
                yield Said(Trouble.HOST, values.host_port(f"{host}:{port}"))
            except ValueError:
                continue


def _exception(name: str, text: str) -> Iterator[Said]:
    """Read the last line of a traceback."""
    numbered = NUMBERED.match(text)
    if name == "gaierror":
        yield Said(Trouble.NAME)
    elif name in ("ModuleNotFoundError", "ImportError"):
        if module := MODULE.search(text):
            yield Said(Trouble.MODULE, module[1])
    elif name == "KeyError":
        quoted = BARE_NAME.fullmatch(text)
        variable = _text(quoted[1]) if quoted else ""
        if variable.isidentifier() and variable.isascii():
            yield Said(Trouble.VARIABLE, variable)
    elif numbered and (trouble := _trouble(int(numbered[1]), text[numbered.end() :])):
        quoted = QUOTED.search(text)
        path = _text(quoted[1]) if quoted else ""
        if path and trouble in ABOUT_PATHS:
            yield Said(trouble, path)
        elif trouble in ALONE:
            yield Said(trouble)


def _trouble(number: int, text: str) -> Trouble | None:
    """Give what an error is about: by its words before its number, since those of WASI are other numbers."""
    return BY_TEXT.get(text.partition(":")[0]) or BY_NUMBER.get(number)


def _of_programs(line: str) -> Iterator[Said]:
    """Read the message of a program written in C, or of a shell: `cat: /x: Permission denied`, `sh: git: not found`."""
    for text, trouble in BY_TEXT.items():
        if line.endswith(f": {text}"):
            path = _unquoted(line.removesuffix(f": {text}").rpartition(": ")[2])
            if path.startswith("/"):
                yield Said(trouble, path)
    if ": No module named " in line and (module := MODULE.search(line)):
        yield Said(Trouble.MODULE, module[1])
    if of_shell := OF_SHELL.search(line):
        yield Said(Trouble.COMMAND, of_shell[1])


def _unquoted(words: str) -> str:
    """Give the path at the end of some words: all of them, or what stands in quotation marks."""
    if words[-1:] not in CLOSING or not words:
        return words
    inner = words[:-1]
    return inner[max(map(inner.rfind, OPENING)) + 1 :]


def _text(literal: str) -> str:
    """Read what Python wrote as a literal; "" where it is none."""
    try:
        value = literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return os.fsdecode(value) if isinstance(value, bytes) else value if isinstance(value, str) else ""

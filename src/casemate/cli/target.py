"""The arguments of `run`, read by hand: what follows the target belongs to the target, whatever it looks like.

argparse is not used here: its REMAINDER takes options of the target for its own, and it is slow to load.
"""
# ruff: noqa: PTH118 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
from _collections_abc import Callable, Mapping

from casemate.model.capability import Capability, parse
from casemate.model.dataclass import dataclass, field
from casemate.model.errors import UsageError
from casemate.model.policy import Grant, WriteMode
from casemate.policy import values
from casemate.policy.sets import READ_SETS, SPAWN_SETS, UNIX_SETS
from casemate.readers.host.program import Code, Executable, Module, Script, Target

NAMED = {Capability.FS_READ: READ_SETS, Capability.PROC_SPAWN: SPAWN_SETS, Capability.NET_UNIX: UNIX_SETS}


@dataclass(slots=True)
class Options:
    """What the command line says, as it is read."""

    directory: str
    grants: list[Grant] = field(default_factory=list[Grant])
    settings: dict[str, str] = field(default_factory=dict[str, str])
    limits: dict[str, int] = field(default_factory=dict[str, int])
    accept: set[Capability] = field(default_factory=set[Capability])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    dry_run: bool = False
    diff: bool = False
    discard: bool = False
    wait: bool = False
    help: bool = False
    target: Target | None = None


def read_arguments(argv: list[str], directory: str) -> Options:
    """Read options up to the target. Raises UsageError, which names the option."""
    options, rest = Options(directory), list(argv)
    while rest and options.target is None and not options.help:
        word = rest.pop(0)
        match word:
            case "-h" | "--help":
                options.help = True
            case "--dry-run" | "--diff" | "--discard" | "--wait":
                setattr(options, word[2:].replace("-", "_"), True)
            case "--":
                options.target = Executable(tuple(rest))
            case "-m" | "-c":
                made = Module if word == "-m" else Code
                options.target = made(_next(word, rest), tuple(rest))
            case _ if word.startswith("-") and word != "-":
                _option(options, word, rest)
            case _:
                options.target = Script(word, tuple(rest))
    return options


def _next(word: str, rest: list[str]) -> str:
    """Take the value of an option."""
    if not rest:
        raise UsageError(f"{word} needs a value (casemate run --help)")
    return rest.pop(0)


def _option(options: Options, word: str, rest: list[str]) -> None:
    """Read one option with its value."""
    name, equals, value = word.partition("=")
    read = OPTIONS.get(name)
    if read is None:
        raise UsageError(f"unknown option {name}{_near(name)} (casemate run --help)")
    text = value if equals else _next(name, rest)
    try:
        read(options, text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _near(name: str) -> str:
    """Give the option that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 -- only after an error

    near = get_close_matches(name, [*OPTIONS, "--dry-run", "--diff", "--discard", "--wait"], n=1)
    return f": did you mean {near[0]}?" if near else ""


def path_of(text: str, directory: str) -> str:
    """Read a path as a shell user means it; `..` goes where the kernel would go. Raises ValueError."""
    values.text(text)
    whole = os.path.join(directory, text)
    return os.path.realpath(whole) if ".." in whole.split("/") else os.path.normpath(whole)


def _grants(capability: Capability, mode: WriteMode | None = None) -> Callable[[Options, str], None]:
    """Make the reader of an option that grants a path."""

    def read(options: Options, text: str) -> None:
        path = text if text in NAMED.get(capability, ()) else path_of(text, options.directory)
        options.grants.append(Grant(capability, path, mode))

    return read


def _host(capability: Capability, spell: Callable[[object], str]) -> Callable[[Options, str], None]:
    """Make the reader of an option that grants an end of a connection."""

    def read(options: Options, text: str) -> None:
        options.grants.append(Grant(capability, spell(text)))

    return read


def _limit(name: str, spell: Callable[[object], int]) -> Callable[[Options, str], None]:
    """Make the reader of a limit."""

    def read(options: Options, text: str) -> None:
        options.limits[name] = spell(text)

    return read


def _text(name: str) -> Callable[[Options, str], None]:
    """Make the reader of an option that is kept as it is; said twice, it would be unclear."""

    def read(options: Options, text: str) -> None:
        if name in options.texts:
            raise ValueError("may be given once only")
        if not text or "\0" in text:
            raise ValueError("a value is expected")
        options.texts[name] = text

    return read


def _variable(options: Options, text: str) -> None:
    """Read NAME, which passes the caller's value, or NAME=VALUE."""
    name, equals, value = text.partition("=")
    if equals:
        options.settings[values.variable(name)] = values.content(value)
    else:
        options.grants.append(Grant(Capability.ENV_READ, values.variable(name)))


def _accept(options: Options, text: str) -> None:
    """Read the name of a capability, or of a family of them."""
    options.accept |= parse(text)


OPTIONS: Mapping[str, Callable[[Options, str], None]] = {
    "--policy": _text("policy"),
    "--read": _grants(Capability.FS_READ),
    "--write": _grants(Capability.FS_WRITE, WriteMode.COMMIT),
    "--write-direct": _grants(Capability.FS_WRITE, WriteMode.DIRECT),
    "--connect": _host(Capability.NET_CONNECT, values.host_port),
    "--listen": _host(Capability.NET_LISTEN, values.listen_port),
    "--unix": _grants(Capability.NET_UNIX),
    "--spawn": _grants(Capability.PROC_SPAWN),
    "--env": _variable,
    "--memory": _limit("memory_bytes", values.size),
    "--cpu": _limit("cpu_seconds", values.duration),
    "--wall": _limit("wall_seconds", values.duration),
    "--python": _text("python"),
    "--backend": _text("backend"),
    "--image": _text("image"),
    "--accept": _accept,
    "--record": _text("record"),
}

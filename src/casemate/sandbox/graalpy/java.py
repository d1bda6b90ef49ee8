"""How the JVM of a guest is started: its files, its options, and words that no locale changes."""
# ruff: noqa: PTH208 -- a path stays the string that was written

import os
from collections.abc import Iterator

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.errors import Refused
from casemate.model.policy import MIB, Grant

JAVA, JARS, HOME, JAR, REMEMBERED = "jdk", "jars", "home", "guest.jar", "start.aot"
MAIN = "Guest"
VARIABLES = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}  # of the JVM itself: names of files; address space
LARGEST = 30 << 30  # bytes of a heap whose references are short, as in the remembered classes; more is not needed
CODE, CLASSES, DIRECT = 48 * MIB, 64 * MIB, 64 * MIB  # bytes that the JVM keeps for itself beside the heap
OPTIONS = (
    "-Xrs",  # signals end it, as they end any program
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # the quick compiler alone: most programs end before the other one pays
    "-XX:-UsePerfData",
    "-XX:+DisableAttachMechanism",
    "-XX:-CreateCoredumpOnCrash",
    "-XX:ErrorFile=/dev/null",
    "-Xlog:disable",
    "--enable-native-access=ALL-UNNAMED",  # or Java warns of what then fails: there is no library to load
    "--sun-misc-unsafe-memory-access=allow",  # what it would warn of is Truffle's own
    "-Dpolyglotimpl.AttachLibraryFailureAction=ignore",  # see above
)
SIZES = (  # not while the classes of a start are written down: those take more
    f"-XX:ReservedCodeCacheSize={CODE}",
    f"-XX:CompressedClassSpaceSize={CLASSES}",
    f"-XX:MaxDirectMemorySize={DIRECT}",
)
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


def executable(folder: str) -> str:
    """Give the program that is started, in the folder of a runtime."""
    return f"{folder}/{JAVA}/bin/java"


def jars(folder: str) -> tuple[str, ...]:
    """Give the class path: every jar, in an order that is always the same. Raises OSError."""
    return (*(f"{folder}/{JARS}/{name}" for name in sorted(os.listdir(f"{folder}/{JARS}"))), f"{folder}/{JAR}")


def grants(folder: str) -> Iterator[Grant]:
    """Yield what the JVM needs to start, beside the libraries of the C compiler: see sandbox.ours."""
    yield Grant(C.FS_EXEC, executable(folder))
    yield Grant(C.FS_READ, f"{folder}/{JAVA}")
    yield Grant(C.NATIVE_EXT, f"{folder}/{JAVA}")
    for name in (JARS, JAR, HOME, REMEMBERED):
        if os.path.lexists(f"{folder}/{name}"):
            yield Grant(C.FS_READ, f"{folder}/{name}")


def command(folder: str, *options: str, heap: int = 0) -> tuple[str, ...]:
    """Give the argument vector that starts the guest's main class.

    `heap` is its largest size in bytes, 0 for what Java takes by itself: a quarter of the memory.
    `options` are those of an installation.
    """
    largest = f"-Xmx{min(heap, LARGEST)}" if heap else f"-XX:MaxRAM={LARGEST}"
    remembered = options or (f"-XX:AOTCache={folder}/{REMEMBERED}", *SIZES, largest)
    home = f"-Dpolyglot.engine.resourcePath={folder}/{HOME}"
    return (executable(folder), *OPTIONS, *remembered, home, "-cp", ":".join(jars(folder)), MAIN)


def quoted(word: str) -> str:
    """Spell a word in ASCII, by the bytes of UTF-8. Raises Refused for what is no text."""
    try:
        data = word.encode()
    except UnicodeEncodeError:
        raise Refused(f"{word!r} is not UTF-8, and the guest's arguments and paths are text") from None
    return "".join(chr(byte) if chr(byte) in SAFE else f"%{byte:02X}" for byte in data)

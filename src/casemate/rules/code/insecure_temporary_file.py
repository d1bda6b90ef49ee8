"""A temporary file whose name others know before it exists.

## Why
In a folder where everybody may write, somebody else can put a link under the expected name first: the program then
overwrites the file behind the link, or reads what it did not write.

## Fix
Use `tempfile.NamedTemporaryFile`, `tempfile.mkstemp` or `tempfile.TemporaryDirectory`: they make the file themselves,
for their owner only.

## Known misses
Names put together at run time.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code
from casemate.rules import rule

SHARED = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 -- what the rule looks for
WRITERS = ("pathlib.Path.write_text", "pathlib.Path.write_bytes")

EXAMPLE = """
    import tempfile
    from pathlib import Path

    tempfile.mktemp()  # flag
    open("/tmp/report.txt", "w")  # flag
    open("/tmp/report.txt")
    open("/tmp/report.txt", "x")
    open("/srv/report.txt", "w")
    tempfile.mkstemp()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "report.txt").write_text("x")
"""


def writes_fixed_name(call: Call) -> bool:
    """Tell whether `open` writes to a constant name in a shared folder; mode x makes the file and follows no link."""
    path, mode = call.argument("file", 0), call.argument("mode", 1)
    if path is None or mode is None or not isinstance(mode.constant, str):
        return False
    name = path.constant if isinstance(path.constant, str) else path.prefix
    return name.startswith(SHARED) and any(letter in mode.constant for letter in "wa+")


@rule(
    severity=Severity.LOW,
    confidence=Confidence.HIGH,
    cwe=(377, 379),
    needles=("mktemp", "tempnam", "tmpnam", "/tmp/", "/dev/shm/"),  # noqa: S108 -- what the rule looks for
    capabilities=(Capability.FS_WRITE,),
    example=EXAMPLE,
)
def insecure_temporary_file(code: Code) -> Iterator[Hit]:
    """Flag `mktemp`, and fixed names in shared folders that are opened for writing."""
    for call in code.calls("tempfile.mktemp", "os.tempnam", "os.tmpnam"):
        yield Hit(call.location, "the name is known before the file exists", severity=Severity.MEDIUM)
    for call in code.calls("open", "io.open"):
        if writes_fixed_name(call):
            yield Hit(call.location, "a fixed name in a folder where everybody may write")

"""An archive is unpacked without a look at where its members lead.

## Why
A tar archive may hold `../../etc/cron.d/job`, absolute names, links that lead outside, and device files. Before
Python 3.14 `extractall` follows them unless a filter is given.

## Fix
`archive.extractall(folder, filter="data")` (3.12, and 3.8 to 3.11 in their last releases). It refuses what leads
outside. `zipfile` strips `..` by itself. Limit the unpacked size yourself.

## Known misses
Loops that write members by hand. Bombs: a small archive may unpack to more than the disk holds. A list of members is
taken for a check.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code
from casemate.rules import judge, rule

HARMLESS = frozenset({"tarfile.data_filter", "tarfile.tar_filter"})

EXAMPLE = """
    import tarfile
    import zipfile

    with tarfile.open("upload.tar") as archive:
        archive.extractall("out")  # flag
        archive.extractall("out", filter="fully_trusted")  # flag
        archive.extractall("out", filter="data")
        archive.extractall("out", members=checked(archive))
    with zipfile.ZipFile("upload.zip") as archive:
        archive.extractall("out")
"""


def unchecked(call: Call) -> bool:
    """Tell whether nothing looks at the members."""
    checker = call.argument("filter")
    if call.starred or call.argument("members") is not None:
        return False
    return checker is None or checker.constant == "fully_trusted" or checker.name == "tarfile.fully_trusted_filter"


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe=(22, 59),
    kinds=("archive",),
    needles=("extractall",),
    capabilities=(Capability.FS_WRITE,),
    example=EXAMPLE,
)
def unsafe_archive_extraction(code: Code) -> Iterator[Hit]:
    """Report flows of remote archives, then every other extraction that nothing checks."""
    message = "{source} is unpacked wherever its members lead"
    seen = set[object]()
    for hit in judge.flows(code, "archive", message=message, remote=Severity.HIGH, local=Severity.MEDIUM):
        seen.add(hit.location)
        yield hit
    for call in code.calls("tarfile.TarFile.extractall"):
        if unchecked(call) and call.location not in seen:
            yield Hit(call.location, "members may lead out of the folder: pass filter='data'")

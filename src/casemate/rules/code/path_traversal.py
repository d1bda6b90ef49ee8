"""A path from outside reaches the file system.

## Why
`../` leads out of the folder that was meant, and an absolute path replaces it: `os.path.join("/srv", "/etc/passwd")`
is `/etc/passwd`. Whoever writes the path reads, overwrites or deletes other files.

## Fix
Give out names of your own making. Or resolve and look: `path = (folder / name).resolve()`, then
`path.is_relative_to(folder)`. `werkzeug.utils.secure_filename` and `flask.send_from_directory` do it for uploads and
downloads.

## Known misses
Values of the starter of the program (arguments, environment) are not reported: the starter has the same rights. Links
inside the folder. Names that are harmless on one system and not on another.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    import os
    from pathlib import Path
    from flask import Flask, request, send_file, send_from_directory
    from werkzeug.utils import secure_filename

    app = Flask(__name__)
    FOLDER = Path("/srv/files")


    @app.route("/file")
    def file():
        name = request.args["name"]
        open(os.path.join("/srv/files", name))  # flag
        send_file(FOLDER / name)  # flag
        (FOLDER / name).read_text()  # flag
        open(FOLDER / secure_filename(name))
        path = (FOLDER / name).resolve()
        if path.is_relative_to(FOLDER):
            path.read_text()
        return send_from_directory("/srv/files", name)
"""


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe=22,
    kinds=("path",),
    capabilities=(
        Capability.FS_READ,
        Capability.FS_WRITE,
    ),
    example=EXAMPLE,
)
def path_traversal(code: Code) -> Iterator[Hit]:
    """Report flows of remote values into paths; the starter of a program may read what it may read."""
    message = "{source} chooses the path that {sink} uses"
    return judge.flows(code, "path", message=message, remote=Severity.HIGH)

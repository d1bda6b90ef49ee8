"""What is made once of the fetched runtime: compiled code for this machine, and the guest's standard library as files.

Both are made inside the native backend: nothing that was fetched is executed outside it. The library is in the module
as an archive, which takes 20 ms of each start to open; as files it takes 3.
"""
# ruff: noqa: PTH102, PTH120 -- a path stays the string that was written

import json
import os
import shutil
from collections.abc import Mapping

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.policy import GIB, Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command, Json
from casemate.sandbox import ours
from casemate.sandbox.native import Native, world
from casemate.sandbox.other_python import check_made
from casemate.sandbox.streams import RunInput
from casemate.sandbox.wasm.parts import COMPILED, EXECUTABLE, HERE, LIBRARY, PYTHON, SOURCE

VERSIONED = "python3.12"
OUT = "out"
PACKAGE = os.path.dirname(HERE)
UNPACK = """
import os, py_compile, sys, zipfile
library = sys.argv[1]
site = library + "/site-packages"
os.makedirs(site + "/casemate/sandbox")
os.makedirs(library + "/lib-dynload")
zipfile.ZipFile("/usr/local/lib/python312.zip").extractall(library)
for source, name in (("wasm/guest.py", "sitecustomize"), ("waiting.py", "casemate/sandbox/waiting")):
    py_compile.compile("/casemate/" + source, site + "/" + name + ".pyc", dfile="<casemate>/" + name, doraise=True,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


def prepare(native: Native, folder: str) -> None:
    """Make everything in the folder of a runtime that was unpacked. Raises Refused."""
    out, library, compiled = f"{folder}/{OUT}", f"{folder}/{LIBRARY}", f"{folder}/{OUT}/{COMPILED}"
    os.mkdir(out)
    _run(native, folder, {"library": library, "module": f"{folder}/{SOURCE}", "compiled": compiled})
    os.rename(compiled, f"{folder}/{COMPILED}")  # noqa: PTH104 -- likewise
    folders: list[Json] = [
        {"host": out, "guest": "/out", "write": True},
        {"host": PACKAGE, "guest": "/casemate", "write": False},
    ]
    job: Mapping[str, Json] = {
        "library": library,
        "module": f"{folder}/{COMPILED}",
        "argv": ["python", "-I", "-c", UNPACK, f"/out/{VERSIONED}"],
        "before": "-",
        "settings": {},
        "folders": folders,
        "memory": 0,
    }
    _run(native, folder, job)
    os.rename(out, f"{folder}/{PYTHON}")  # noqa: PTH104 -- likewise
    shutil.copymode(f"{folder}/{SOURCE}", f"{folder}/{COMPILED}")


def _run(native: Native, folder: str, job: Mapping[str, Json]) -> None:
    """Start the driver with a job that writes to the folder's part for what comes out."""
    read = (PACKAGE, f"{folder}/{SOURCE}", f"{folder}/{LIBRARY}", f"{folder}/{COMPILED}")
    there = [path for path in read if os.path.lexists(path)]
    grants = (
        *ours.grants(),
        *(Grant(C.FS_READ, path) for path in there),
        *(Grant(C.NATIVE_EXT, path) for path in there[2:]),
        Grant(C.FS_WRITE, f"{folder}/{OUT}", WriteMode.COMMIT, GIB),
        Grant(C.NATIVE_WX, ""),
    )
    policy = Policy(grants=grants, deny=(), limits=Limits(memory_bytes=12 * GIB))
    argv = (ours.interpreter(), *EXECUTABLE, json.dumps(job))
    plan = native.plan(Command(argv, ours.interpreter(), world.HOME), policy)
    check_made(native.start(plan, RunInput({})))

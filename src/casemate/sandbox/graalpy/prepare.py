"""What is made once of the fetched runtime: the guest's classes as a jar, Python's library, what Java remembers.

Java keeps the classes of a start in one file, loaded and linked (JEP 483, JEP 514): that halves the next one. All that
executes what was fetched does so inside the native backend.
"""
# ruff: noqa: PTH100, PTH101, PTH102, PTH104, PTH120, PTH208 -- a path stays the string that was written

import os
import shutil
import zipfile

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.policy import GIB, Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command
from casemate.sandbox import ours
from casemate.sandbox.graalpy import java
from casemate.sandbox.native import Native, world
from casemate.sandbox.other_python import check_made
from casemate.sandbox.streams import RunInput, Streams

OUT, RECORDED = "out", "start.record"
SIZES = (
    "-Xlog:all=error:stderr",
    "-Xmx1g",
    "-XX:CompressedClassSpaceSize=256m",
)  # where all classes of a start are written down
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold
USUAL = """
import argparse, collections, dataclasses, datetime, enum, functools, hashlib, io, itertools, json, logging, math, os
import pathlib, random, re, shutil, subprocess, sys, tempfile, time, traceback, typing, urllib.parse
json.dumps({"a": [1, 2.5, None]}), re.sub("a+", "b", "caaat"), hashlib.sha256(b"").hexdigest()
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "file")
    path.write_text("text")
    path.read_text(), os.listdir(folder)
    try:
        open("/nowhere")
    except OSError:
        traceback.format_exc()
"""


def classes() -> str:
    """Give the folder of the guest's classes."""
    return f"{os.path.dirname(os.path.abspath(__file__))}/guest"


def prepare(native: Native, folder: str) -> None:
    """Make everything in the folder of a runtime that was unpacked. Raises Refused."""
    out = f"{folder}/{OUT}"
    for name in ("bin/java", "lib/jspawnhelper"):
        os.chmod(f"{folder}/{java.JAVA}/{name}", 0o755)  # noqa: S103 -- programs
    pack(f"{folder}/{java.JAR}")
    os.mkdir(out)
    _run(native, folder, (*java.command(folder, *SIZES), "--resources", out))
    os.rename(out, f"{folder}/{java.HOME}")
    shutil.rmtree(f"{folder}/{java.HOME}/engine", ignore_errors=True)  # for native access, which is never given
    os.mkdir(out)
    record = (*SIZES, "-XX:AOTMode=record", f"-XX:AOTConfiguration={out}/{RECORDED}")
    words = (f"home={java.quoted(f'{folder}/{java.HOME}')}", "write=/tmp", "--", "B", "0", "code", java.quoted(USUAL))
    _run(native, folder, (*java.command(folder, *record), *words))
    create = (*SIZES, "-XX:AOTMode=create", record[-1], f"-XX:AOTCache={out}/{java.REMEMBERED}")
    _run(native, folder, java.command(folder, *create))
    os.rename(f"{out}/{java.REMEMBERED}", f"{folder}/{java.REMEMBERED}")
    shutil.rmtree(out)


def pack(path: str) -> None:
    """Write the jar of the guest: the same bytes wherever it is made."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as jar:
        for name in sorted(os.listdir(classes())):
            if name.endswith((".class", ".py")):
                with open(f"{classes()}/{name}", "rb") as file:  # noqa: PTH123 -- likewise
                    jar.writestr(zipfile.ZipInfo(name, BEGINNING), file.read())


def _run(native: Native, folder: str, argv: tuple[str, ...]) -> None:
    """Start the JVM confined; all that it may write is the folder for what comes out."""
    grants = (
        *ours.grants(),
        *java.grants(folder),
        Grant(C.FS_WRITE, f"{folder}/{OUT}", WriteMode.COMMIT, GIB),
        Grant(C.NATIVE_WX, ""),
    )
    policy = Policy(grants=grants, deny=(), limits=Limits(memory_bytes=12 * GIB))
    plan = native.plan(Command(argv, java.executable(folder), world.HOME), policy)
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        check_made(native.start(plan, RunInput(java.VARIABLES, Streams(nowhere, nowhere, nowhere))))
    finally:
        os.close(nowhere)

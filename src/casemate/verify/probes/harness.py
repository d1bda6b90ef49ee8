"""Executes probes in the target, one after the other, each in a child where there is fork(), and says how each went.

One line of JSON for each: `done` (it returned nothing: it claims success), `got` (it returned what it read: the other
side knows whether that is the secret), `raised`, `killed`, or `silent` where there was no answer in time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import types
from select import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Job = dict[str, object]
    Answer = dict[str, object]

BEFORE = "casemate-probe "  # in front of each line of ours
LONGEST = 1 << 16


def say(line: Answer) -> None:
    """Write one line, whatever a probe has done to the streams of Python."""
    data = f"\n{BEFORE}{json.dumps(line)}\n".encode()
    while data:
        data = data[os.write(1, data) :]


class Absent(types.ModuleType):
    """A module of the standard library that this Python lacks: an act that needs it fails, the others do not."""

    def __getattr__(self, name: str) -> object:
        """Raise what importing it raised."""
        raise ModuleNotFoundError(f"No module named {self.__name__!r}", name=self.__name__)


def load(files: dict[str, str]) -> None:
    """Make the toolkit and the files of probes modules of a package, as if they had been imported."""
    package = types.ModuleType("probes")
    package.__path__ = []
    sys.modules["probes"] = package
    for name, text in files.items():
        module = types.ModuleType(f"probes.{name}")
        module.__package__ = "probes"
        sys.modules[f"probes.{name}"] = module
        code = compile(text, f"probes/{name}.py", "exec")
        while True:
            try:
                exec(code, module.__dict__)
                break
            except ImportError:
                missing = wanted(text, sys.exc_info()[2])
                if not missing or isinstance(sys.modules.get(missing), Absent):
                    raise
                sys.modules[missing] = Absent(missing)


def wanted(text: str, traceback: types.TracebackType | None) -> str:
    """Give the module that a file of probes imports where it failed, or ""; who raised it may not name it."""
    while traceback is not None and not traceback.tb_frame.f_code.co_filename.startswith("probes/"):
        traceback = traceback.tb_next
    words = text.splitlines()[traceback.tb_lineno - 1].split() if traceback is not None else []
    return words[1] if words[:1] in (["import"], ["from"]) else ""


def attempt(act: Callable[[object], object], canary: object) -> Answer:
    """Do the act and say how it went."""
    try:
        value = act(canary)
    except BaseException as error:  # whatever it is: a probe that ends the interpreter has been refused nothing yet
        return {"how": "raised", "kind": type(error).__name__, "error": f"{type(error).__name__}: {error}"[:500]}
    if value is None:
        return {"how": "done"}
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return {"how": "got", "value": text[:LONGEST]}


def apart(act: Callable[[object], object], canary: object, patience: float) -> Answer:
    """Do the act in a child with a group of its own, and leave nothing of it behind."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.setpgid(0, 0)
            os.write(writer, json.dumps(attempt(act, canary)).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writer)
    heard, until, ended = b"", time.monotonic() + patience, False
    while not heard.endswith(b"\n") and not ended and time.monotonic() < until:
        if select([reader], [], [], 0.1)[0]:
            part = os.read(reader, 1 << 16)
            heard, ended = heard + part, not part
    os.close(reader)
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            continue
    status = os.waitpid(pid, 0)[1]
    if heard.endswith(b"\n"):
        answer: Answer = json.loads(heard)
        return answer
    if not ended:
        return {"how": "silent"}
    return {"how": "killed", "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}


def perform(job: Job) -> None:
    """Execute every probe of a job."""
    load(job["files"])  # type: ignore[arg-type]  # -- read from JSON
    probes: list[Answer] = job["probes"]  # type: ignore[assignment]  # -- likewise
    for given in probes:
        name, things = str(given["name"]), given["canary"]
        say({"begins": name})
        act = getattr(sys.modules[f"probes.{given['file']}"], str(given["function"]))
        canary = sys.modules["probes.toolkit"].Canary(**things)  # type: ignore[arg-type]  # -- likewise
        answer = apart(act, canary, float(str(job["patience"]))) if hasattr(os, "fork") else attempt(act, canary)
        say({"probe": name, **answer})

"""A host that lacks something, made for real: a filter around casemate denies calls, as an old kernel would."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conftest import require
from tests.processes import interpreter

from casemate.sandbox.native import arguments as a
from casemate.sandbox.native import calls
from casemate.sandbox.native import kernel as k

SRC = Path(__file__).parents[2] / "src"
ALLOW = 0x7FFF0000
Denied = tuple[str, int, int, int]  # a call, its errno, and bits or a value of its first argument; 0, 0: always

SCRIPT = """
import json, os, sys
spec = json.loads(sys.argv[1])
sys.path[:0] = spec["path"]
import lacking
from confining import EMPTY, confined
from dataclasses import replace
from casemate.model.errors import Refused
from casemate.sandbox.native import Native
if spec["user"]:
    os.setgroups([])
    os.setresgid(spec["user"], spec["user"], spec["user"])
    os.setresuid(spec["user"], spec["user"], spec["user"])
    from casemate.sandbox.native import kernel
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # as after an execve: or the map of a user namespace could not be written
lacking.deny([tuple(one) for one in spec["deny"]])
policy = replace(EMPTY, layers=spec["layers"])
backend = Native()
said = {"layers": {layer.name: layer.available for layer in backend.layers()}}
said["classes"] = {part.name: [str(part.enforcement), list(part.layers)]
                   for entry in backend.coverage(policy) for part in entry.classes}
try:
    done = confined(spec["code"], policy, backend=backend, environment={})
    said |= {"code": done.code, "out": done.out, "err": done.err}
except Refused as refused:
    said |= {"code": refused.code, "out": "", "err": str(refused)}
print(json.dumps(said))
"""


def compiled(denied: Sequence[Denied]) -> bytes:
    """Compile a filter that lets everything pass but these."""
    numbers = calls.numbers(k.COLUMN)

    def lines() -> Iterator[a.Instruction]:
        for name, code, bits, value in denied:
            answer = (a.RETURN, 0, 0, 0x50000 | code)
            test = (a.BITS, 0, 1, bits) if bits else (a.EQUAL, 0, 1, value)
            body = [(a.LOAD, 0, 0, 16), test, answer] if bits or value else [answer]
            yield from ((a.LOAD, 0, 0, 0), (a.EQUAL, 0, len(body), numbers[name]), *body)
        yield (a.RETURN, 0, 0, ALLOW)

    return b"".join(struct.pack("=HBBI", *line) for line in lines())


def deny(denied: Sequence[Denied]) -> None:
    """Put the filter around this process, and all that come of it."""
    from casemate.sandbox.native import seccomp  # noqa: PLC0415 -- after the path was set

    if os.geteuid():
        k.prctl(k.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install(compiled(denied))


def on_a_host_without(*denied: Denied, code: str = "print('ran')", layers: int = 1, user: int = 0) -> dict[str, object]:
    """Start casemate where these calls are denied; give what it says of the host, and how the run ended."""
    spec = {
        "path": [str(SRC), str(SRC.parent), str(Path(__file__).parent), *sys.path[1:]],
        "deny": denied,
        "code": code,
        "layers": layers,
        "user": user,
    }
    python = sys.executable
    if user:
        python = interpreter()
        require("a Python that ordinary users may execute", there=bool(python))
    done = subprocess.run(
        [python, "-c", SCRIPT, json.dumps(spec)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found

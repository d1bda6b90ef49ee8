"""casemate as a process of its own, for tests that signal it, kill it, or give it a terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.processes import Started
from tests.sandbox.confining import PYTHON, policy

from casemate.model.capability import Capability
from casemate.model.errors import Refused
from casemate.model.policy import Grant, Limits, WriteMode
from casemate.model.sandbox import Command
from casemate.sandbox import confine

ROOT = Path(__file__).parents[2]
DRIVER = "import sys; from tests.sandbox.outer import main; sys.exit(main(sys.argv[1]))"


def argv(
    code: str,
    *grants: tuple[str, str],
    record: Path | None = None,
    flags: Sequence[str] = ("-I", "-S"),
    **limits: int,
) -> list[str]:
    """Give the command line that runs Python code confined; an empty `code` is the interactive prompt."""
    spec = {"code": code, "grants": grants, "limits": limits, "record": str(record or ""), "flags": list(flags)}
    return [sys.executable, "-c", DRIVER, json.dumps(spec)]


def environment() -> Mapping[str, str]:
    """Give an environment in which the driver finds the tests and casemate."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, sys.path)])}


def start(command: Sequence[str], **options: object) -> "subprocess.Popen[bytes]":
    """Start the driver with pipes, unless told otherwise."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return Started(command, env=environment(), **{**pipes, **options})


def occupy() -> None:
    """Open /dev/null in the place of each standard descriptor that the caller closed, as the command line does."""
    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(fd, True)  # noqa: FBT003 -- the signature of the library
    os.close(fd)


def main(spec: str) -> int:
    """Be casemate: confine, record, end with the program's code."""
    occupy()
    given = json.loads(spec)
    grants = [
        Grant(Capability(name), resource, WriteMode.COMMIT if name == "fs.write" else None)
        for name, resource in given["grants"]
    ]
    flags = given["flags"]
    argv = (str(PYTHON), *flags, "-c", given["code"]) if given["code"] else (str(PYTHON), *flags)
    lines = open(given["record"], "w", encoding="utf-8") if given["record"] else None  # noqa: PTH123,SIM115 -- lives as long as we
    try:
        outcome = confine(
            Command(argv, str(PYTHON), "/"),
            policy(*grants, limits=Limits(**given["limits"])),
            environment={"TERM": "dumb"},
            record=(lambda event: print(json.dumps(event), file=lines, flush=True)) if lines else None,
        )
    except Refused as refused:
        sys.stderr.write(f"refused: {refused}\n")
        return refused.code
    return outcome.code

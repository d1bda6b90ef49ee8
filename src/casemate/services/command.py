"""Our own command as a child process: how a Python process that is already under way runs a target confined.

A process that has imported anything at all is no place to confine from: its modules could be the target's, and its
threads and descriptors would be forked along. So the public API starts `casemate run` anew, isolated (-I -S), and talks
to it by arguments, files and JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import cast

from casemate.model.errors import Refused
from casemate.model.sandbox import Json

# The folder of the package is given as an argument: -I -S leaves `sys.path` with the standard library alone.
BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from casemate.cli import leave, main; leave(main(sys.argv[1:]), sys.argv[1:])"
)


# Both name the interpreter's own path, and -I does not silence them (CPython 3.11, Modules/getpath.py).
MISLEADING = frozenset({"__PYVENV_LAUNCHER__", "PYTHONEXECUTABLE"})


class Output(Enum):
    """Where what the program writes goes."""

    INHERIT = "the caller's own streams"
    CAPTURE = "into the result"


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended: exit code, what was captured (bytes, or None), and the events of the record."""

    code: int
    stdout: bytes | None
    stderr: bytes | None
    events: tuple[Mapping[str, Json], ...]


class Started:
    """`casemate run` as a child process, which is given its input once."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        directory: str,
        environment: Mapping[str, str] | None,
        output: Output,
        told: bool,
    ) -> None:
        """Run `casemate run` with these arguments after `--record`; `told` says that it will be given an input.

        Raises Refused where no process can be started with this directory, environment or arguments.
        """
        package = str(Path(__file__).resolve().parents[2])
        capture = subprocess.PIPE if output is Output.CAPTURE else None
        inherited = os.environ if environment is None else environment
        apart = {name: value for name, value in inherited.items() if name not in MISLEADING}
        self._folder = tempfile.TemporaryDirectory(prefix="casemate-")
        self._record = Path(self._folder.name, "record.jsonl")
        argv = [sys.executable, "-I", "-S", "-c", BOOT, package, "run", f"--record={self._record}", *arguments]
        try:
            self._child = subprocess.Popen(  # noqa: S603 -- our own command, by an argument vector
                argv,
                cwd=directory,
                env=apart,
                stdin=subprocess.PIPE if told else None,
                stdout=capture,
                stderr=capture,
            )
        except (OSError, ValueError) as error:  # no such directory, too long, a NUL byte, no text of this file system
            self._folder.cleanup()
            raise Refused(f"casemate itself could not be started: {error}") from None

    def finish(self, stdin: bytes | None = None) -> Ended:
        """Give it its input, wait for its end. Whoever gives up waiting leaves nothing running."""
        with self._folder, self._child as child:
            try:
                stdout, stderr = child.communicate(stdin)
            except BaseException:
                child.terminate()
                raise
            return Ended(_code(child.returncode), stdout, stderr, tuple(_events(self._record)))

    def abandon(self) -> None:
        """End it, whatever it does."""
        with self._folder, self._child as child:
            child.terminate()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


def _code(returned: int) -> int:
    """Give the exit code as a shell would show it."""
    return 128 - returned if returned < 0 else returned


def _events(record: Path) -> Iterator[Mapping[str, Json]]:
    """Read the record; a last line that was cut off by a kill is left out."""
    if not record.exists():
        return
    for line in record.read_text(encoding="utf-8").splitlines():
        try:
            event: object = json.loads(line)
        except ValueError:
            return
        if isinstance(event, dict):
            yield cast("Mapping[str, Json]", event)

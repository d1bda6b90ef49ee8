"""Starts the target with probes to execute: unconfined, with a time limit, or through `confine()`."""

import json
import os
import pty
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from casemate.model.capability import Capability
from casemate.model.policy import Policy
from casemate.model.sandbox import Command, Json
from casemate.sandbox import Backend, Streams, confine
from casemate.verify.scene import Scene, waiting

BOOT = (  # one line, because input that somebody else holds open never ends; an argument where it is a terminal
    "import sys, json; job = json.loads(sys.argv[1] if sys.argv[1:] else sys.stdin.readline()); "
    "exec(job['harness'], globals()); perform(job)"
)
BEFORE = "casemate-probe "
LONGEST = 1 << 24  # bytes of what the target wrote that are looked at
OVERTIME = 30.0  # seconds beyond what the probes may take
INPUT, OUTPUT = 0, 1


@dataclass(frozen=True, slots=True)
class Target:
    """How the target is started: `command` executes BOOT, which takes a job."""

    command: Command
    policy: Policy
    environment: Mapping[str, str]
    backend: Backend
    accept: frozenset[Capability] = frozenset()

    @property
    def slow(self) -> int:
        """Give how many times longer than outside the target may take to start."""
        return self.backend.runtime().slow


@dataclass(frozen=True, slots=True)
class Said:
    """What a start of the target said, line by line, and how it ended."""

    lines: tuple[Mapping[str, Json], ...]
    ended: str
    pushed: bool = False  # into the caller's terminal
    last: str = ""  # line of standard error


class Files:
    """The streams of one start: files with the token in them, behind which reading and writing begins."""

    def __init__(self, scene: Scene, *, terminal: bool) -> None:
        """Open them; with `terminal` standard input is one."""
        self.files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 -- closed by close()
        for file in self.files:
            file.write(f"{scene.token}\n".encode())
            file.flush()
        self.begin = self.files[1].tell()
        self.numbers = [file.fileno() for file in self.files]
        self.ends = pty.openpty() if terminal else None
        if self.ends is not None:
            self.numbers[INPUT] = self.ends[1]
            scene.given |= {"terminal": INPUT, "terminal_path": os.ttyname(self.ends[1])}

    def give(self, job: Mapping[str, Json]) -> tuple[str, ...]:
        """Put the job where standard input begins, or give the argument that it is."""
        text = json.dumps(job, separators=(",", ":"))
        if self.ends is not None:
            return (text,)
        os.write(self.numbers[INPUT], f"{text}\n".encode())
        os.lseek(self.numbers[INPUT], self.begin, os.SEEK_SET)
        return ()

    def said(self, ended: str) -> Said:
        """Read what was written, and whether anything lies in the terminal that nobody typed."""
        os.lseek(self.numbers[OUTPUT], self.begin, os.SEEK_SET)
        text = os.read(self.numbers[OUTPUT], LONGEST).decode("utf-8", errors="replace")
        lines = list[Mapping[str, Json]]()
        for line in text.splitlines():
            if line.startswith(BEFORE):
                with suppress(ValueError):
                    lines.append(json.loads(line[len(BEFORE) :]))
        return Said(tuple(lines), ended, self.ends is not None and waiting(self.ends[1]) > 0, self._last())

    def _last(self) -> str:
        """Give the last line of standard error, for whoever has to find out why nothing was said."""
        os.lseek(self.numbers[2], self.begin, os.SEEK_SET)
        text = os.read(self.numbers[2], 1 << 16).decode("utf-8", errors="replace")
        return (text.strip().splitlines() or [""])[-1]

    def close(self) -> None:
        """Close them."""
        for file in self.files:
            file.close()
        for descriptor in self.ends or ():
            os.close(descriptor)


def outside(target: Target, scene: Scene, job: Mapping[str, Json], files: Files, seconds: float) -> Said:
    """Start the target unconfined, as the caller, with everything that the caller has."""
    inherited = scene.open_inherited()
    try:
        done = subprocess.run(  # noqa: S603 -- the target's own Python, with our probes
            [*target.command.argv, *files.give(job)],
            executable=target.command.executable,
            stdin=files.numbers[0],
            stdout=files.numbers[1],
            stderr=files.numbers[2],
            env={**os.environ, str(scene.given["variable"]): scene.token, "TMPDIR": str(scene.temporary)},
            pass_fds=inherited,
            cwd=target.command.directory if os.path.isdir(target.command.directory) else "/",  # noqa: PTH112 -- a string
            start_new_session=True,
            timeout=seconds + OVERTIME,
            check=False,
        )
        ended = f"exit code {done.returncode}"
    except subprocess.TimeoutExpired:
        ended = "time limit"
    finally:
        scene.close_inherited()
    return files.said(ended)


def inside(target: Target, scene: Scene, job: Mapping[str, Json], files: Files, policy: Policy) -> Said:
    """Start the target confined. Raises Refused and Unenforceable."""
    scene.open_inherited()
    try:
        outcome = confine(
            replace(target.command, argv=(*target.command.argv, *files.give(job))),
            policy,
            environment={**os.environ, str(scene.given["variable"]): scene.token, **target.environment},
            backend=target.backend,
            accept=target.accept,
            streams=Streams(*files.numbers),
        )
    finally:
        scene.close_inherited()
    return files.said(
        outcome.ended_by or (f"signal {outcome.signal}" if outcome.signal else f"exit code {outcome.code}")
    )

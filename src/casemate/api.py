"""`casemate.run()` and `casemate.Warm`: a target, confined, from a Python process that is already under way.

The work is done by our own command as a child (services/command.py says why), so what holds for `casemate run` holds
here: the same policy file, the same refusals, the same record.
"""
# ruff: noqa: PTH109 -- a path stays the string that was written: pathlib drops what `//` and `./` mean

import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias, assert_never

from casemate.model.capability import Capability
from casemate.model.errors import Refused, UsageError
from casemate.model.exits import Exit
from casemate.model.policy import Policy
from casemate.model.sandbox import Json
from casemate.policy.write import render
from casemate.readers.host.program import Code, Executable, Module, Script, Target
from casemate.sandbox.waiting import telling
from casemate.services.command import Ended, Output, Started

PathLike: TypeAlias = str | os.PathLike[str]
NOT_STARTED = "not-started"


@dataclass(frozen=True, slots=True)
class Result:
    """How a confined run ended.

    `code` is the program's own exit code, 128+N where signal N ended it. `stdout` and `stderr` are bytes where they
    were captured, else None. `record` has the events of the run in order, as `--record` writes them.
    """

    code: int
    stdout: bytes | None
    stderr: bytes | None
    record: tuple[Mapping[str, Json], ...]


def run(  # noqa: PLR0913 -- what can be said about a run, each by name
    target: Target | PathLike,
    *,
    policy: Policy | PathLike | None = None,
    python: PathLike | None = None,
    backend: str | None = None,
    accept: Iterable[Capability] = (),
    directory: PathLike | None = None,
    environment: Mapping[str, str] | None = None,
    output: Output = Output.INHERIT,
    stdin: bytes | None = None,
) -> Result:
    """Run a target confined and wait for its end. A path means `Script(path)`.

    `policy` is a Policy or the path of a policy file; without one nothing is granted but the interpreter and the
    program itself. `environment` is where granted variables take their values from (default: this process). Raises
    Refused, with the reason and `code` 125, 126 or 127, where nothing was started.
    """
    with tempfile.TemporaryDirectory(prefix="casemate-") as folder:
        started = Started(
            _words_of(target, policy, folder, python=python, backend=backend, accept=accept),
            directory=os.fspath(directory) if directory is not None else os.getcwd(),
            environment=environment,
            output=output,
            told=stdin is not None,
        )
        return _result(started.finish(stdin))


class Warm:
    """Runs of one target that are made ready beforehand: each is confined already, waits, and is used once.

    What a run costs before its program begins was paid before: with a runtime of its own (wasm, graalpy, vm), its start
    too. No two runs share a process. A context manager; `close` ends those that were not used.
    """

    def __init__(  # noqa: PLR0913 -- what can be said about a run, each by name
        self,
        target: Target | PathLike,
        *,
        policy: Policy | PathLike | None = None,
        python: PathLike | None = None,
        backend: str | None = None,
        accept: Iterable[Capability] = (),
        directory: PathLike | None = None,
        environment: Mapping[str, str] | None = None,
        ready: int = 1,
    ) -> None:
        """Make `ready` runs ready; the parameters are those of `run`. Raises Refused, UsageError."""
        if ready < 1:
            raise UsageError("at least one run is kept ready")
        self._folder = tempfile.TemporaryDirectory(prefix="casemate-")
        self._waiting = deque[Started]()
        try:
            words = _words_of(target, policy, self._folder.name, python=python, backend=backend, accept=accept)
            self._words = ["--wait", *words]
            self._directory = os.fspath(directory) if directory is not None else os.getcwd()
            self._environment = dict(os.environ if environment is None else environment)
            for _ in range(ready):
                self._waiting.append(self._one_more())
        except BaseException:
            self.close()
            raise

    def run(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run the target with further arguments and wait for its end; stdout and stderr are captured.

        Then another one is begun, which gets ready while the caller does something else: two runs close upon each other
        want `ready=2`. Raises Refused as `run`, UsageError for what no argument can be.
        """
        try:
            told = telling(arguments)
        except ValueError as error:
            raise UsageError(str(error)) from None
        taken = self._waiting.popleft() if self._waiting else self._one_more()
        ended = taken.finish(told + stdin)
        with suppress(Refused):  # the next run says so, if there is one
            self._waiting.append(self._one_more())
        return _result(ended)

    def close(self) -> None:
        """End the runs that are still waiting."""
        while self._waiting:
            self._waiting.popleft().abandon()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close."""
        self.close()

    def _one_more(self) -> Started:
        return Started(
            self._words,
            directory=self._directory,
            environment=self._environment,
            output=Output.CAPTURE,
            told=True,
        )


def _words_of(
    target: Target | PathLike,
    policy: Policy | PathLike | None,
    folder: str,
    *,
    python: PathLike | None,
    backend: str | None,
    accept: Iterable[Capability],
) -> list[str]:
    """Spell a run as the command line does. Raises UsageError and PolicyError."""
    options = list(_policy(policy, folder))
    options += ["--python", os.fspath(python)] if python is not None else []
    options += ["--backend", backend] if backend is not None else []
    options += [word for capability in accept for word in ("--accept", str(capability))]
    return _sayable([*options, *_words(target if isinstance(target, Target) else Script(os.fspath(target)))])


def _result(ended: Ended) -> Result:
    """Give what a run came to. Raises Refused where nothing of it was started."""
    _raise_refusal(ended)
    return Result(ended.code, ended.stdout, ended.stderr, ended.events)


def _policy(policy: Policy | PathLike | None, folder: str) -> Iterator[str]:
    """Name the policy for the command; a Policy is written to a file that only we can read. Raises PolicyError."""
    match policy:
        case None:
            return
        case Policy():
            path = Path(folder, "casemate.toml")
            path.write_text(render(policy, folder), encoding="utf-8")
        case _:
            path = Path(policy).absolute()
    yield from ("--policy", str(path))


def _sayable(words: list[str]) -> list[str]:
    """Give the words back unless no process can be given them. Raises UsageError."""
    if any("\0" in word for word in words):
        raise UsageError("an argument holds a NUL byte; no program can be given one")
    return words


def _words(target: Target) -> list[str]:
    """Spell a target as the command line does."""
    match target:
        case Script(path, arguments):
            return [f"./{path}" if path.startswith("-") and path != "-" else path, *arguments]
        case Module(name, arguments):
            return ["-m", name, *arguments]
        case Code(text, arguments):
            return ["-c", text, *arguments]
        case Executable(argv):
            return ["--", *argv]
        case _:
            assert_never(target)


def _raise_refusal(ended: Ended) -> None:
    """Raise Refused where nothing of the target was started."""
    refusals = [event for event in ended.events if event.get("event") == NOT_STARTED]
    if refusals:
        code = refusals[0].get("code")
        raise Refused(str(refusals[0].get("reason", "")), code if isinstance(code, int) else Exit.REFUSED)
    if ended.code == Exit.REFUSED and not any(event.get("event") == "started" for event in ended.events):
        raise Refused(
            (ended.stderr or b"").decode("utf-8", "replace").strip() or "casemate itself could not be started"
        )

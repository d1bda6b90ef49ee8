"""What the tests of confinement share: a policy for nothing but the interpreter; one act, outside and inside."""

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from casemate.model.capability import Capability
from casemate.model.policy import Grant, Limits, Policy
from casemate.model.sandbox import Command, Outcome
from casemate.sandbox import Backend, Streams, confine

PYTHON = Path(sys.executable).resolve()
PREFIX = Path(sys.base_prefix).resolve()
LIBRARIES = tuple(path for path in ("/usr/lib", "/lib", "/lib64", "/usr/lib64") if Path(path).exists())
PREAMBLE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
def syscall(x86, arm, *arguments):
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(x86 if X86 else arm, *passed)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
def attempt():
"""
ENDING = """
try:
    attempt()
except BaseException as error:
    print("refused", type(error).__name__, getattr(error, "errno", ""), error, flush=True)
else:
    print("done", flush=True)
"""


def interpreter() -> tuple[Grant, ...]:
    """Grant what the interpreter itself needs, and nothing else: the product finds it in readers/host."""
    paths = (str(PREFIX), *LIBRARIES)
    kinds = (Capability.FS_READ, Capability.NATIVE_EXT)
    return (*(Grant(kind, path) for path in paths for kind in kinds), Grant(Capability.FS_EXEC, str(PYTHON)))


EMPTY = Policy(grants=interpreter(), deny=(), limits=Limits(wall_seconds=60))


@dataclass(frozen=True, slots=True)
class Result:
    """How a confined run ended, and what it wrote."""

    outcome: Outcome
    out: str
    err: str

    @property
    def code(self) -> int:
        return self.outcome.code


Confined = Callable[..., Result]


def policy(*grants: Grant, base: Policy = EMPTY, **changes: object) -> Policy:
    """Give the empty policy with these grants and changes."""
    return replace(base, grants=base.grants + grants, **changes)  # type: ignore[arg-type] -- fields by name


def probe(code: str) -> str:
    """Make a script that says "done" when the act succeeded and "refused" with the error otherwise."""
    return PREAMBLE + textwrap.indent(textwrap.dedent(code).strip(), "    ") + ENDING


def confined(
    code: str,
    granted: Policy = EMPTY,
    *,
    environment: Mapping[str, str] | None = None,
    directory: str = "/",
    stdin: bytes = b"",
    argv: Iterable[str] | None = None,
    flags: tuple[str, ...] = ("-I", "-S"),
    backend: Backend | None = None,
    accept: frozenset[Capability] = frozenset(),
) -> Result:
    """Run Python code confined, with files for its three streams."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        command = Command(tuple(argv or (str(PYTHON), *flags, "-c", code)), str(PYTHON), directory)
        outcome = confine(
            command,
            granted,
            environment=dict(os.environ) if environment is None else environment,
            streams=Streams(given.fileno(), out.fileno(), err.fileno()),
            backend=backend,
            accept=accept,
        )
        out.seek(0)
        err.seek(0)
        return Result(outcome, out.read().decode(errors="replace"), err.read().decode(errors="replace"))


def outside(code: str, **options: object) -> str:
    """Run the same code without confinement."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=False, **options
    )  # type: ignore[call-overload] -- options are subprocess.run's own
    return str(done.stdout) + str(done.stderr)


def only_outside(code: str, granted: Policy = EMPTY, *, needs_root: bool = False) -> str:
    """Show that an act succeeds outside and is refused inside; give what was said inside."""
    script = probe(code)
    if not needs_root or os.geteuid() == 0:
        said = outside(script)
        assert said.splitlines()[-1] == "done", f"the act must succeed outside: {said}"
    result = confined(script, granted)
    assert "refused" in result.out, f"not refused inside: {result}"
    assert "done" not in result.out
    return result.out


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Make a file of the caller's that no policy here grants."""
    path = tmp_path / "secret"
    path.write_text("the secret")
    return path

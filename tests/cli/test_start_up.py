"""What `casemate run` may load before its target starts: the list is checked in, so that it grows only on purpose."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).with_name("casemate")
POLICY = "[policy]\nversion = 1\n"

# Modules of ours: what decides, reads the interpreter, and confines. A name stands for what is below it too.
OURS = (
    "casemate.cli.folder",
    "casemate.cli.isolation",
    "casemate.cli.run",
    "casemate.cli.signals",
    "casemate.cli.target",
    "casemate.model",
    "casemate.policy.expand",
    "casemate.policy.file",
    "casemate.policy.sets",
    "casemate.policy.trust",
    "casemate.policy.values",
    "casemate.readers.host",
    "casemate.run",
    "casemate.sandbox",
)
PARENTS = {"casemate", "casemate.cli", "casemate.policy", "casemate.readers"}

STANDARD_LIBRARY = frozenset(
    """
    __future__ _abc _ast _blake2 _codecs _collections _collections_abc _ctypes _datetime
    _frozen_importlib_external _functools _hashlib _heapq _io _json _opcode _operator _signal
    _socket _sre _stat _string _struct _tokenize _typing _weakrefset abc annotationlib array ast codecs
    collections collections.abc contextlib copy copyreg ctypes ctypes._endian ctypes._layout dataclasses datetime dis
    encodings encodings.aliases encodings.ascii encodings.unicode_escape encodings.utf_8 enum errno
    fcntl fnmatch functools gc genericpath glob hashlib heapq importlib importlib._abc importlib._bootstrap
    importlib._bootstrap_external importlib.machinery inspect io ipaddress itertools json json.decoder json.encoder
    json.scanner keyword linecache marshal math opcode _opcode_metadata operator os posix posixpath pwd re
    re._casefix re._compiler re._constants re._parser reprlib resource select selectors shlex signal socket stat string
    struct termios time token tokenize tomllib tomllib._parser tomllib._re tomllib._types types typing warnings
    _warnings _py_warnings weakref zipimport
    """.split()  # noqa: SIM905 -- a list of 100 words is easier to read so
)
HEAVY = (
    "rich",
    "tree_sitter",
    "tree_sitter_python",
    "ahocorasick_rs",
    "jinja2",
    "argparse",
    "subprocess",
    "site",
    "asyncio",
)
APART = ("casemate.reports", "casemate.rules", "casemate.readers.code", "casemate.libraries", "casemate.audit")


def loaded(*arguments: str | Path) -> set[str]:
    """Give what our own process loads from its start to the end of the run; the target is another process."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", COMMAND, "run", *arguments, "-c", "pass"],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert done.returncode == 0, [line for line in done.stderr.splitlines() if line not in lines]
    names = {line.rpartition("|")[2].strip() for line in lines} - {"imported package"}
    return {name for name in names if name.partition(".")[0] != "org"}  # Jython's, which copy looks for and never has


@pytest.fixture(scope="module", params=["nothing granted", "a policy file"])
def names(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    if request.param == "nothing granted":
        return loaded()
    policy = tmp_path_factory.mktemp("start") / "casemate.toml"
    policy.write_text(POLICY, encoding="utf-8")
    return loaded("--policy", policy)


def below(name: str, roots: tuple[str, ...]) -> bool:
    """Tell whether a module is one of these or lies below one."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def test_the_measurement_sees_our_modules(names: set[str]) -> None:
    assert {"casemate.cli.run", "casemate.sandbox.native"} <= names


def test_nothing_heavy_is_loaded(names: set[str]) -> None:
    assert sorted(name for name in names if below(name, HEAVY)) == []


def test_what_reads_the_target_is_not_loaded(names: set[str]) -> None:
    assert sorted(name for name in names if below(name, APART)) == []


def test_only_what_is_listed_is_loaded(names: set[str]) -> None:
    ours = {name for name in names if below(name, ("casemate",))}
    assert sorted(name for name in ours - PARENTS if not below(name, OURS)) == []
    assert sorted(names - ours - STANDARD_LIBRARY) == []

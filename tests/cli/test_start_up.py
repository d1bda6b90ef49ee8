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
    "casemate.cli.bundle",
    "casemate.cli.folder",
    "casemate.cli.isolation",
    "casemate.cli.kept",
    "casemate.cli.run",
    "casemate.cli.signals",
    "casemate.cli.target",
    "casemate.cli.version",
    "casemate.model",
    "casemate.policy.expand",
    "casemate.policy.file",
    "casemate.policy.limits",
    "casemate.policy.packed",
    "casemate.policy.sets",
    "casemate.policy.source",
    "casemate.policy.trust",
    "casemate.policy.values",
    "casemate.readers.host",
    "casemate.run",
    "casemate.sandbox",
    "casemate.services.store",
)
PARENTS = {"casemate", "casemate.cli", "casemate.policy", "casemate.readers", "casemate.services"}

# What every start loads of the standard library, in all versions of Python that casemate runs on.
STANDARD_LIBRARY = frozenset(
    """
    _abc _codecs _collections_abc _ctypes _frozen_importlib_external _io _signal _stat _struct abc codecs encodings
    encodings.aliases encodings.utf_8 errno fcntl gc genericpath io marshal os posix posixpath pwd resource select stat
    time zipimport
    """.split()  # noqa: SIM905 -- a list of words is easier to read so
)
# What a policy file needs on top of it the first time, a parser of TOML and what that loads; and when it is known.
KNOWN = frozenset({"_blake2", "_operator"})
FOR_A_POLICY = KNOWN | frozenset(
    """
    __future__ _collections _datetime _functools _opcode _sre _string _typing annotationlib collections collections.abc
    contextlib copyreg datetime enum functools itertools keyword math operator re re._casefix re._compiler re._constants
    re._parser reprlib string string.templatelib tomllib tomllib._parser tomllib._re tomllib._types types typing
    warnings _py_warnings _warnings
    """.split()  # noqa: SIM905 -- likewise
)
HEAVY = (
    "rich",
    "tree_sitter",
    "tree_sitter_python",
    "ahocorasick_rs",
    "jinja2",
    "argparse",
    "asyncio",
    "ast",
    "dataclasses",
    "hashlib",
    "inspect",
    "ipaddress",
    "json",
    "pathlib",
    "site",
    "socket",
    "subprocess",
)
APART = ("casemate.reports", "casemate.rules", "casemate.readers.code", "casemate.libraries", "casemate.audit")


@pytest.fixture(scope="module", autouse=True)
def _bundled() -> None:
    """Run once before: the first run of a checkout compiles the bundle of modules at its end."""
    subprocess.run([COMMAND, "run", "-c", "pass"], check=True)


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
    return {line.rpartition("|")[2].strip() for line in lines} - {"imported package"}


@pytest.fixture(scope="module")
def bare() -> set[str]:
    return loaded()


@pytest.fixture(scope="module")
def with_policy(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Give what the first run and what the second run with the same policy file load."""
    policy = tmp_path_factory.mktemp("start") / "casemate.toml"
    policy.write_text(POLICY, encoding="utf-8")
    return loaded("--policy", policy), loaded("--policy", policy)


@pytest.fixture(params=["nothing granted", "a new policy file", "a known policy file"])
def names(request: pytest.FixtureRequest, bare: set[str], with_policy: tuple[set[str], set[str]]) -> set[str]:
    return {"nothing granted": bare, "a new policy file": with_policy[0]}.get(request.param, with_policy[1])


def below(name: str, roots: tuple[str, ...]) -> bool:
    """Tell whether a module is one of these or lies below one."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def test_the_measurement_sees_our_modules(names: set[str]) -> None:
    assert {"casemate.cli.run", "casemate.sandbox.native"} <= names


def test_nothing_heavy_is_loaded(names: set[str]) -> None:
    assert sorted(name for name in names if below(name, HEAVY)) == []


def test_what_reads_the_target_is_not_loaded(names: set[str]) -> None:
    assert sorted(name for name in names if below(name, APART)) == []


def test_only_modules_of_the_list_are_ours(names: set[str]) -> None:
    ours = {name for name in names if below(name, ("casemate",))}
    assert sorted(name for name in ours - PARENTS if not below(name, OURS)) == []


def test_only_what_is_listed_is_loaded(bare: set[str]) -> None:
    assert sorted(name for name in bare - STANDARD_LIBRARY if not below(name, ("casemate",))) == []


def test_a_new_policy_file_loads_a_parser_and_no_more(with_policy: tuple[set[str], set[str]]) -> None:
    others = with_policy[0] - STANDARD_LIBRARY - FOR_A_POLICY
    assert "tomllib" in with_policy[0]
    assert sorted(name for name in others if not below(name, ("casemate",))) == []


def test_a_known_policy_file_loads_no_parser(with_policy: tuple[set[str], set[str]]) -> None:
    others = with_policy[1] - STANDARD_LIBRARY - KNOWN
    assert sorted(name for name in others if not below(name, ("casemate",))) == []


def test_a_network_is_loaded_only_where_it_is_granted(names: set[str]) -> None:
    parts = (
        "broker",
        "resolver",
        "dns",
        "forward",
        "pair",
        "door",
        "endpoints",
        "addresses",
        "commit",
        "written",
        "net",
    )
    assert (
        sorted(name for name in names if below(name, tuple(f"casemate.sandbox.native.{part}" for part in parts))) == []
    )

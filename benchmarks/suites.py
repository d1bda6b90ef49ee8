"""Labelled suites of other projects, fetched once at a pinned commit into .corpus; nothing of them is kept here."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import corpus


@dataclass(frozen=True, slots=True)
class Suite:
    """A public repository, the commit that is measured, and the folders of it that are needed."""

    name: str
    address: str
    commit: str
    folders: tuple[str, ...]


CODEQL = Suite(
    "codeql",
    "https://github.com/github/codeql",
    "663c83d8c68bf12bb5a1116cca8edc188c7d46d0",
    ("python/ql/test/query-tests/Security", "python/ql/test/experimental/query-tests/Security"),
)
SEMGREP = Suite(
    "semgrep-rules",
    "https://github.com/semgrep/semgrep-rules",
    "157ae4706d7f54aa33647332f234dd68f30da195",
    ("python",),
)
PYCG = Suite(
    "pycg",
    "https://github.com/vitsalis/PyCG",
    "8d5dc40837803beef1d8d379fbf2cdad6cd94641",
    ("micro-benchmark/snippets",),
)


def fetch(suite: Suite, local: Path | None = None) -> Path:
    """Give the folder with the suite: a copy that somebody has, or a checkout of the needed folders.

    Raises CalledProcessError where the repository cannot be reached, FileNotFoundError where a copy lacks a folder.
    """
    root = local or corpus.UNPACKED / suite.name
    if local is None and not (root / "complete").exists():
        root.mkdir(parents=True, exist_ok=True)
        for words in (
            ("init", "-q"),
            ("sparse-checkout", "set", *suite.folders),
            ("fetch", "-q", "--depth=1", "--filter=blob:none", suite.address, suite.commit),
            ("-c", "advice.detachedHead=false", "checkout", "-q", "FETCH_HEAD"),
        ):
            subprocess.run(("git", "-C", root, *words), check=True)  # noqa: S607 -- git of the person who measures
        (root / "complete").touch()
    for folder in suite.folders:
        if not (root / folder).is_dir():
            raise FileNotFoundError(f"{root} has no {folder}")
    return root

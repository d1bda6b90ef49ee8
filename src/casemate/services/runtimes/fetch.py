"""Fetches one file of a registry with the user's own client, configured as the user has it: pip, npm or Maven.

A client never installs, builds or runs what it fetches, and what it brings is believed only for its hash. It runs in an
empty project: npm takes options, and Maven programs too, from the nearest folder above that has one, and others may be
able to write there.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path

from casemate.model.errors import InputError
from casemate.services.runtimes.lock import Source

PATIENCE = 1800.0  # seconds for one download


def fetch(source: Source, folder: Path) -> Path:
    """Fetch the file of a source into an empty folder. Raises InputError, which names the client and why it failed."""
    said, project = "", _project(folder)
    for command in _commands(source, folder, project):
        said = _run(command, project)
        found = [path for path in sorted(folder.iterdir()) if path.is_file()]
        if found and not said:
            return _checked(source, found[0])
    raise InputError(f"{source.kind} did not bring {source.name} {source.version}: {said or 'it brought no file'}")


def _project(folder: Path) -> Path:
    """Make an empty project of npm and of Maven."""
    project = folder / "project"
    (project / ".mvn").mkdir(parents=True)
    (project / "package.json").write_text("{}", encoding="utf-8")
    return project


def _commands(source: Source, folder: Path, project: Path) -> Iterator[Sequence[str]]:
    """Yield how it is fetched: the first command that works is enough."""
    match source.kind:
        case "pip":
            algorithm, value = source.digest
            requirement = project / "requirement.txt"
            requirement.write_text(f"{source.name}=={source.version} --hash={algorithm}:{value}\n", encoding="utf-8")
            words = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
            words += ["--only-binary", ":all:", "--dest", str(folder), "--requirement", str(requirement)]
            yield [sys.executable, "-I", "-m", "pip", *words]
            yield ["pip3", *words]
        case "npm":
            named = f"{source.name}@{source.version}"
            yield ["npm", "pack", named, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
        case _:
            group, artifact, *rest = source.name.split(":")
            coordinates = ":".join([group, artifact, source.version, *rest])
            goal = ["dependency:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}"]
            yield ["mvn", "--quiet", "--batch-mode", *goal]


def _run(command: Sequence[str], project: Path) -> str:
    """Run a client; give "" or the last line of what it said about its failure."""
    executable = shutil.which(command[0])
    if executable is None:
        return f"there is no {command[0]} here"
    try:
        done = subprocess.run(  # noqa: S603 -- the user's own package manager, by an argument vector
            [executable, *command[1:]],
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE:g} seconds"
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    worst = [line for line in lines if "ERROR" in line or "error" in line.lower()]
    return "" if done.returncode == 0 else (worst or lines or [f"exit code {done.returncode}"])[-1][:300]


def _checked(source: Source, path: Path) -> Path:
    """Believe a file for its hash alone, whatever a client has checked."""
    algorithm, wanted = source.digest
    with path.open("rb") as file:
        found = file_digest(file, algorithm).hexdigest()
    if found != wanted:
        raise InputError(f"{source.name} {source.version}: what {source.kind} brought has another {algorithm}: {found}")
    return path

"""Fetch the corpus once: wheels by exact version and hash, unpacked, never installed or imported."""

import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
UNPACKED = HERE / ".corpus"


def fetch() -> Path:
    """Give the folder of unpacked wheels; raises CalledProcessError where the index cannot be reached."""
    if (UNPACKED / "complete").exists():
        return UNPACKED
    wheels = UNPACKED / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes",
         "-r", HERE / "corpus.txt", "-d", wheels],
        check=True,
    )  # fmt: skip
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(UNPACKED / wheel.name.partition("-")[0])
    (UNPACKED / "complete").touch()
    return UNPACKED


def packages(root: Path) -> list[Path]:
    """Give the unpacked packages, in a fixed order."""
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name != "wheels")


def lines(root: Path) -> int:
    """Count the lines of all Python files below a folder."""
    return sum(path.read_bytes().count(b"\n") for path in root.rglob("*.py"))

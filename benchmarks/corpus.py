"""Fetch the corpus once: wheels by exact version and hash, unpacked, never installed or imported."""

import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
UNPACKED = HERE / ".corpus"


def fetch(name: str = "corpus") -> Path:
    """Give the folder of the unpacked wheels of NAME.txt. Raises CalledProcessError where no index can be reached."""
    folder = UNPACKED / name
    if (folder / "complete").exists():
        return folder
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes",
         "--ignore-requires-python", "-r", HERE / f"{name}.txt", "-d", wheels],
        check=True,
    )  # fmt: skip
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            sources = [member for member in archive.namelist() if member.endswith((".py", ".pyi", ".html"))]
            archive.extractall(folder / wheel.name.partition("-")[0], sources)
        wheel.unlink()
    (folder / "complete").touch()
    return folder


def packages(root: Path) -> list[Path]:
    """Give the unpacked packages, in a fixed order."""
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name != "wheels")


def lines(root: Path) -> int:
    """Count the lines of all Python files below a folder."""
    return sum(path.read_bytes().count(b"\n") for path in root.rglob("*.py"))

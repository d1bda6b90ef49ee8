"""Roots for images, made of this host's own files: a Python with what it loads, and a static busybox."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import require

PYTHON = Path("/usr/bin/python3")
BUSYBOX = Path("/usr/bin/busybox")
LIBRARY = re.compile(r"(/\S+) \(0x")
LEFT_OUT = ("test", "idlelib", "lib2to3", "turtledemo", "tkinter", "ensurepip", "__pycache__", "dist-packages")


def with_python(root: Path) -> Path:
    """Make a root with the host's Python, its standard library and the shared libraries of both; give its python3."""
    require("a Python of the system", there=PYTHON.exists())
    binary = PYTHON.resolve()
    standard = Path(f"/usr/lib/{binary.name}")
    _copied(binary, root)
    shutil.copytree(standard, _below(root, standard), symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for needing in (binary, *standard.glob("lib-dynload/*.so")):
        said = subprocess.run(["/usr/bin/ldd", needing], capture_output=True, text=True, check=False).stdout
        for library in map(Path, LIBRARY.findall(said)):
            if not _below(root, library).exists():
                _copied(library.resolve(), root, at=library)
    (root / "usr/bin/python3").symlink_to(binary.name)
    (root / "bin").symlink_to("usr/bin")
    (root / "etc").mkdir()
    return Path("/usr/bin/python3")


def with_busybox(root: Path, *names: str) -> None:
    """Make a root with a static busybox under some of its names."""
    require("busybox", there=BUSYBOX.exists())
    (root / "bin").mkdir(parents=True)
    shutil.copy2(BUSYBOX, root / "bin/busybox")
    for name in names:
        (root / "bin" / name).symlink_to("busybox")


def _copied(path: Path, root: Path, at: Path | None = None) -> None:
    target = _below(root, at or path)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")

"""Compiles the guest of the graalpy backend: its classes are part of the package, as a Java runtime has no compiler.

`python compiling.py` writes them beside their sources, and their digest into the lock: `make guest`.
"""

import re
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from shutil import which

from casemate.sandbox import graalpy
from casemate.sandbox.installed import find

PACKAGE = Path(graalpy.__file__).parent
GUEST, LOCK = PACKAGE / "guest", PACKAGE / "lock.toml"
RELEASE = "17"  # whose compiler Debian has; other compilers write other bytes
LINE = re.compile(r'^# guest = ".*"$', re.MULTILINE)


def compiler() -> str:
    """Find the compiler of that release, "" where there is none."""
    for path in (*Path("/usr/lib/jvm").glob(f"*{RELEASE}*/bin/javac"), Path(which("javac") or "/nowhere")):
        if (
            path.is_file()
            and f"javac {RELEASE}."
            in subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stdout
        ):
            return str(path)
    return ""


def compiled(folder: Path) -> dict[str, bytes]:
    """Compile the sources into a folder; give the classes by name."""
    (polyglot, *_) = Path(find("graalpy").folder).parent.glob("graalpy-*/jars/polyglot.jar")
    sources = sorted(map(str, GUEST.glob("*.java")))
    subprocess.run(
        [
            compiler(),
            "--release",
            RELEASE,
            "-g:none",
            "-proc:none",
            "-Xlint:all",
            "-Werror",
            "-cp",
            polyglot,
            "-d",
            folder,
            *sources,
        ],
        check=True,
    )
    return {path.name: path.read_bytes() for path in folder.glob("*.class")}


def digest(files: dict[str, bytes]) -> str:
    """Give the digest of what goes into the guest's jar."""
    return sha256(
        b"".join(name.encode() + b"\0" + sha256(data).digest() for name, data in sorted(files.items()))
    ).hexdigest()


def shipped() -> dict[str, bytes]:
    """Give what goes into the guest's jar, by name."""
    return {path.name: path.read_bytes() for path in GUEST.iterdir() if path.suffix in (".class", ".py")}


def main() -> None:
    """Compile, and note the digest."""
    with tempfile.TemporaryDirectory() as folder:
        made = compiled(Path(folder))
    for old in GUEST.glob("*.class"):
        old.unlink()
    for name, data in made.items():
        (GUEST / name).write_bytes(data)
    LOCK.write_text(LINE.sub(f'# guest = "{digest(shipped())}"', LOCK.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""Which version an external program says that it is."""

import os
import subprocess

PATIENCE = 10.0  # seconds
PLAIN = {"PATH": os.defpath, "HOME": "/"}  # podman wants a home even for that, where passwd(5) knows none


def version(program: str) -> str:
    """Give the version in the first line that the program says; "" where it says none."""
    words = [program, "--version"]
    try:
        done = subprocess.run(  # noqa: S603 -- see above
            words, capture_output=True, timeout=PATIENCE, check=False, env=PLAIN
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    line = done.stdout.decode(errors="replace").partition("\n")[0].strip()
    return line.partition(" version ")[2] or line.rpartition(" ")[2]


def fails(words: tuple[str, ...]) -> str:
    """Try a command that does nothing; give its last words where it fails, "" where it does not."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False, env={})  # noqa: S603 -- see above
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.decode(errors="backslashreplace").strip().rpartition("\n")[2]
    return "" if done.returncode == 0 else said or f"{words[0]} ended with {done.returncode}"

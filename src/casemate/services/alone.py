"""How long a program takes by itself: what confinement is compared with."""

import subprocess
import time
from collections.abc import Sequence


def seconds(argv: Sequence[str], executable: str) -> float:
    """Run a program that says nothing; give the seconds that it took. Raises OSError and CalledProcessError."""
    began = time.perf_counter()
    subprocess.run(argv, executable=executable, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 -- our own `-c pass`
    return time.perf_counter() - began

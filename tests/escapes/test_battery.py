"""The whole attack battery against this host: what succeeds outside is withheld inside, or the table says so.

The other files of this folder show single escapes with more care; `casemate verify` is what a user runs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from casemate.model.exits import Exit

SRC = Path(__file__).parents[2] / "src"
BOOT = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from casemate.cli import main; sys.exit(main(sys.argv[1:]))"
)
LEAST = 250  # acts that succeed outside on any Linux host, for an ordinary user too


def test_everything_is_withheld() -> None:
    paths = ":".join([str(SRC), *(path for path in sys.path if path.endswith("site-packages"))])
    command = [sys.executable, "-I", "-S", "-c", BOOT, paths, "verify", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=dict(os.environ))
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    through = [f"{p['probe']}: {p['reason']}" for p in said["probes"] if p["verdict"] == "got through"]
    assert through == []
    assert said["counts"]["held"] >= LEAST, said["counts"]
    assert done.returncode == Exit.CLEAN

"""A child of ours loads nothing: once the root has changed, a module would be one of the target's."""

import subprocess
import sys
from pathlib import Path

from casemate.sandbox.native import fork

SRC = Path(fork.__file__).parents[3]
CHILD = """\
import os, sys
sys.path.append(sys.argv[1])
from casemate.sandbox.native.fork import fork, load_nothing_more
sys.path.insert(0, sys.argv[2])  # where the target has put a module
child = fork()
if child == 0:
    load_nothing_more()
    try:
        import planted
    except ImportError:
        os._exit(0)
    os._exit(1)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
import planted
"""


def test_a_child_loads_nothing_and_its_parent_still_does(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("print('planted')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CHILD, SRC, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["child", "0", "planted"]

"""The tutorial's commands do what the tutorial says, in the order in which a reader types them."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.conftest import COMMAND

TUTORIAL = Path(__file__).parent.parent / "docs/tutorial/first-loop.md"


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```\n(.*?)```", re.sub(r"```python\n.*?```\n", "", text, flags=re.DOTALL), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_tutorial_works(tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert program is not None
    (tmp_path / "reckon.py").write_text(program[1], encoding="utf-8")
    results: dict[str, tuple[int, str]] = {}
    for line in commands(text):
        words = shlex.split(line)
        words[0] = str(COMMAND) if words[0] == "casemate" else words[0]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        results[line] = (done.returncode, done.stdout + done.stderr)

    plain, attack, audit, infer, _, confined, shell, shadow = results.values()
    assert plain == (0, "42\n")
    assert attack[0] == 0
    assert "uid=" in attack[1]
    assert audit[0] == 1
    assert "low      code-injection" in audit[1]
    assert infer[0] == 0
    assert confined == (0, "42\n")
    assert shell[0] == 1
    assert "uid=" not in shell[1]
    assert shadow[0] == 1
    assert "No such file or directory" in shadow[1]
    assert (tmp_path / "history/today.txt").read_text().splitlines()[-1] == "42"

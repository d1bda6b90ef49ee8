"""Small programs that are put together by chance, of which it is known whether the value arrives."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.audit import audit

HEAD = """
import base64
import json
import os
from flask import Flask, request

app = Flask(__name__)


class Box:
    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value


def same(value):
    return value


def twice(value):
    return same(same(value))


@app.route("/")
def index():
    x = request.args["x"]
"""
KEEPS = (
    "x = x.strip()",
    "x = f'<{x}>'",
    "x = 'a' + x + 'b'",
    "x = '%s' % x",
    "x = '{}'.format(x)",
    "x = ' '.join([x, 'b'])",
    "x = twice(x)",
    "x = Box(x).get()",
    "x = {'a': x, 'b': 'fixed'}['a']",
    "x = ['fixed', x][1]",
    "x = (lambda y: y)(x)",
    "x = [y for y in [x]][0]",
    "x = json.loads(json.dumps({'k': x}))['k']",
    "x = base64.b64decode(base64.b64encode(x.encode())).decode()",
    "x = x if 1 < 2 else 'fixed'",
    "x += 'tail'",
    "for y in [x]:\n        x = y",
    "if 'a' == 'a':\n        x = x\n    else:\n        x = 'fixed'",
    "try:\n        x = same(x)\n    except ValueError:\n        x = 'fixed'",
    "with open('/dev/null') as f:\n        x = same(x)",
    "d = {}\n    d['k'] = x\n    d['l'] = 'fixed'\n    x = d['k']",
    "l = ['fixed']\n    l.append(x)\n    x = l.pop()",
    "a, x = 'fixed', x",
)
ENDS = (
    "x = 'fixed'",
    "x = str(int(x))",
    "x = len(x)",
    "x = {'a': x, 'b': 'fixed'}['b']",
    "x = ['fixed', x][0]",
    "x = 'fixed' if 1 < 2 else x",
    "x = {'ls': 'ls -l', 'df': 'df -h'}[x]",
    "if not x.isalnum():\n        return ''",
    "if x not in ('a', 'b'):\n        return ''",
    "if 'a' == 'b':\n        x = x\n    else:\n        x = 'fixed'",
    "x = Box('fixed').get() if same(x) else 'other'",
    "d = {'k': x}\n    d['k'] = 'fixed'\n    x = d['k']",
    "l = [x, 'fixed']\n    x = l.pop()",
    "x = bool(x)",
)
STEPS = st.lists(st.sampled_from(KEEPS), max_size=5)


def found(folder: Path, steps: Sequence[str]) -> bool:
    """Tell whether the value of the request is said to reach the shell."""
    path = folder / "program.py"
    path.write_text(
        HEAD + "".join(f"    {step}\n" for step in steps) + "    os.system(x)\n    return ''\n", encoding="utf-8"
    )
    report = audit([path], select={"command-injection"})
    assert report.complete, report.skipped
    return bool(report.findings)


@settings(max_examples=60)
@given(steps=STEPS)
def test_a_value_that_is_kept_arrives(tmp_path: Path, steps: list[str]) -> None:
    assert found(tmp_path, steps)


@settings(max_examples=60)
@given(before=STEPS, end=st.sampled_from(ENDS))
def test_a_value_that_is_replaced_or_checked_does_not(tmp_path: Path, before: list[str], end: str) -> None:
    assert not found(tmp_path, [*before, end])


@pytest.mark.parametrize("step", KEEPS)
def test_every_step_that_keeps_it_alone(tmp_path: Path, step: str) -> None:
    assert found(tmp_path, [step])


@pytest.mark.parametrize("end", ENDS)
def test_every_step_that_ends_it_alone(tmp_path: Path, end: str) -> None:
    assert not found(tmp_path, [end])

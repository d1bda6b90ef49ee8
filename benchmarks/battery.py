"""The attack battery of `casemate verify` against every backend that is here, as one table.

As whoever calls it: root or an ordinary user. A backend that is missing is named with the reason. With `--write FILE`
the table replaces what stands between the two marks of that page; a battery that let something through ends it with 1.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
COMMAND = Path(sys.executable).with_name("casemate")
MARKS = "<!-- battery: {who} -->", "<!-- end of battery: {who} -->"
CELLS = {"enforced": "enforced", "single layer": "single", "partly enforced": "partly", "not enforced": "not"}


@dataclass(frozen=True)
class Battery:
    """What the battery said of one backend (`counts` by verdict), and what the backend says of itself."""

    backend: Mapping[str, Any]
    counts: Mapping[str, int]
    seconds: float


def main() -> int:
    """Try them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", help="only these")
    parser.add_argument("--write", metavar="FILE", help="the page in which the table stands")
    options = parser.parse_args()
    found = json.loads(_casemate("backends", "--format", "json").stdout)["backends"]
    chosen = [one for one in found if one["name"] in options.backends or not options.backends]
    done = [_tried(one) for one in chosen if one["available"]]
    missing = [f"{one['name']} ({one['missing']})" for one in chosen if not one["available"]]
    table = "\n".join(_table(done, missing)) + "\n"
    sys.stdout.write(table)
    if options.write:
        _write(Path(options.write), table)
    return 1 if any(one.counts["got through"] for one in done) else 0


def _casemate(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False)


def _tried(backend: Mapping[str, Any]) -> Battery:
    began = time.monotonic()
    done = _casemate("verify", "--backend", backend["name"], "--format", "json")
    if not done.stdout:
        sys.exit(f"{backend['name']}: {done.stderr.strip()}")
    return Battery(backend, json.loads(done.stdout)["counts"], time.monotonic() - began)


def _table(done: Sequence[Battery], missing: Sequence[str]) -> list[str]:
    """Give the table: what became of the acts, and below that how far each capability is withheld."""
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    names = [one.backend["name"] for one in done]
    lines = [f"As {who}, Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}.", ""]
    lines += [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines += [_row("version", [one.backend["version"].partition("-")[0] for one in done])]
    for verdict in ("held", "got through, as the table says", "got through", "not applicable"):
        lines.append(_row(verdict, [str(one.counts[verdict]) for one in done]))
    lines.append(_row("seconds", [f"{one.seconds:.0f}" for one in done]))
    for rows in zip(*(one.backend["coverage"] for one in done), strict=True):
        if rows[0]["enforcement"] in CELLS:
            lines.append(_row(f"`{rows[0]['capability']}`", [_cell(row) for row in rows]))
    return [*lines, *([""] if missing else []), *(f"Not here: {one}." for one in missing)]


def _cell(row: Mapping[str, Any]) -> str:
    held = row["enforcement"] in ("enforced", "single layer")
    return "outer" if held and row["outer"] else CELLS[row["enforcement"]]


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _write(page: Path, table: str) -> None:
    who = "root" if os.geteuid() == 0 else "user"
    begin, end = (mark.format(who=who) for mark in MARKS)
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if not rest or not after:
        sys.exit(f"{page} has no line {begin} with a line {end} after it")
    page.write_text(f"{before}{begin}\n{table}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

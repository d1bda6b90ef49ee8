"""The attack battery of `casemate verify` against every backend that is here, as one table.

As whoever calls it; with `--user`, root has it tried as an ordinary user of its own: no groups, a home of its own with
copies of the runtimes, and a casemate that is installed apart, for everybody. A backend that is missing is named with
the reason. With `--write FILE` the table replaces what stands between the two marks of that page. `--keep FOLDER` keeps
what was said of each probe; the table is of all that is kept there, so single backends can be tried again. A battery
that let something through ends it with 1.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from start import installed

from casemate.model import own

USER = 1_234_567  # nobody's
MARKS = "<!-- battery: {who} -->", "<!-- end of battery: {who} -->"
CELLS = {"enforced": "enforced", "single layer": "single", "partly enforced": "partly", "not enforced": "not"}


@dataclass(frozen=True)
class Battery:
    """What the battery said of one backend (`counts` by verdict), and what the backend says of itself."""

    backend: Mapping[str, Any]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Caller:
    """Who tries it, and by which command."""

    who: str = "root" if os.geteuid() == 0 else "an ordinary user"
    command: str = str(Path(sys.executable).with_name("casemate"))
    identity: Mapping[str, Any] = field(default_factory=dict)

    def casemate(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the command as this caller."""
        return subprocess.run([self.command, *words], capture_output=True, text=True, check=False, **self.identity)


@contextmanager
def ordinary_user() -> Iterator[Caller]:
    """Give a caller whom nobody on this host is, with a home of its own in which our runtimes are."""
    with tempfile.TemporaryDirectory(prefix="battery-", dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        command, home = installed(folder), folder / "home"
        home.mkdir()
        runtimes = Path(own.data(os.environ), "runtimes")
        if runtimes.is_dir():
            shutil.copytree(runtimes, Path(own.data({"HOME": str(home)}), "runtimes"), symlinks=True)
        for path in (home, *home.rglob("*")):
            os.chown(path, USER, USER, follow_symlinks=False)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
        identity = {"user": USER, "group": USER, "extra_groups": [], "env": environment, "cwd": home}
        yield Caller("an ordinary user", command, identity)


def main() -> int:
    """Try them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", help="only these")
    parser.add_argument("--write", metavar="FILE", help="the page in which the table stands")
    parser.add_argument("--user", action="store_true", help="as an ordinary user (root begins it)")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="where what was said is kept, one file a backend")
    options = parser.parse_args()
    if options.user and os.geteuid() != 0:
        parser.error("--user is for root; an ordinary user needs no option")
    with ExitStack() as stack:
        caller = stack.enter_context(ordinary_user()) if options.user else Caller()
        options.keep = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options.keep.mkdir(parents=True, exist_ok=True)
        return tried(caller, options)


def tried(caller: Caller, options: argparse.Namespace) -> int:
    """Try every backend as a caller, and print the table."""
    found = json.loads(caller.casemate("backends", "--format", "json").stdout)["backends"]
    for one in found:
        if one["available"] and (one["name"] in options.backends or not options.backends):
            _try(one, caller, options.keep)
    done = [
        Battery(one, json.loads(_file(options.keep, one).read_text())["counts"])
        for one in found
        if _file(options.keep, one).exists()
    ]
    missing = [f"{one['name']} ({one['missing']})" for one in found if not one["available"]]
    table = "\n".join(_table(done, missing, caller.who)) + "\n"
    sys.stdout.write(table)
    if options.write:
        _write(Path(options.write), table, "root" if caller.who == "root" else "user")
    return 1 if any(one.counts["got through"] for one in done) else 0


def _try(backend: Mapping[str, Any], caller: Caller, keep: Path) -> None:
    done = caller.casemate("verify", "--backend", backend["name"], "--format", "json")
    if not done.stdout:
        sys.exit(f"{backend['name']}: {done.stderr.strip()}")
    _file(keep, backend).write_text(done.stdout, encoding="utf-8")


def _file(keep: Path, backend: Mapping[str, Any]) -> Path:
    return keep / f"{backend['name'].replace(':', '-')}.json"


def _table(done: Sequence[Battery], missing: Sequence[str], who: str) -> list[str]:
    """Give the table: what became of the acts, and below that how far each capability is withheld."""
    names = [one.backend["name"] for one in done]
    lines = [f"As {who}, Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}.", ""]
    lines += [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines += [_row("version", [one.backend["version"].partition("-")[0] for one in done])]
    for verdict in ("held", "got through, as the table says", "got through", "not applicable"):
        lines.append(_row(verdict, [str(one.counts[verdict]) for one in done]))
    for rows in zip(*(one.backend["coverage"] for one in done), strict=True):
        if rows[0]["enforcement"] in CELLS:
            lines.append(_row(f"`{rows[0]['capability']}`", [_cell(row) for row in rows]))
    return [*lines, *([""] if missing else []), *(f"Not here: {one}." for one in missing)]


def _cell(row: Mapping[str, Any]) -> str:
    held = row["enforcement"] in ("enforced", "single layer")
    return "outer" if held and row["outer"] else CELLS[row["enforcement"]]


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _write(page: Path, table: str, who: str) -> None:
    begin, end = (mark.format(who=who) for mark in MARKS)
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if not rest or not after:
        sys.exit(f"{page} has no line {begin} with a line {end} after it")
    page.write_text(f"{before}{begin}\n{table}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

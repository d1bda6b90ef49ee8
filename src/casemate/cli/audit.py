"""Report what is dangerous in Python code; change and run nothing.

The program is read, never imported. Every report says what was looked at, what was not and why.
"""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from casemate import rules
from casemate.audit import examine
from casemate.cli.choice import known
from casemate.cli.folder import working_directory
from casemate.cli.lines import Lines
from casemate.cli.output import check, save, show, tell
from casemate.cli.terminal import Progress, style
from casemate.cli.version import VERSION
from casemate.model.errors import InputError
from casemate.model.exits import Exit
from casemate.model.finding import Severity
from casemate.model.report import Report
from casemate.model.scope import Scope
from casemate.reports import json, sarif, text
from casemate.reports.coverage import verdict
from casemate.reports.paint import Style
from casemate.services.store import Store, usual
from casemate.services.workers import most_at_once

LEVELS = {str(severity): severity for severity in Severity}
FORMATS = ("text", "json", "sarif")
MOST_WORKERS = 256

EPILOG = """\
examples:
  casemate audit .
  casemate audit --fail-on high --format sarif --output report.sarif src
  casemate audit --select sql-injection --select command-injection app.py

exit codes:
  0  nothing at or above --fail-on, and everything in scope was analysed
  1  findings (the report says if it is incomplete too)
  2  the command cannot be carried out as it was given
  3  nothing found, but something in scope was not analysed, or nothing was there to analyse
  4  casemate's own fault
"""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("paths", nargs="+", type=_path, metavar="PATH", help="a Python file or a folder of them")
    parser.add_argument("--format", choices=FORMATS, default="text", metavar="FORMAT",
                        help="text, json or sarif (default: %(default)s)")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FILE",
                        help="write the report to FILE (mode 0600), a summary to stderr")  # fmt: skip
    parser.add_argument("--fail-on", choices=LEVELS, default="low", metavar="LEVEL",
                        help=f"exit 1 from this severity up: {', '.join(LEVELS)} (default: %(default)s)")  # fmt: skip
    parser.add_argument("--select", action="append", default=[], metavar="RULE",
                        help="apply this rule only; can be given several times")  # fmt: skip
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN",
                        help="leave out tests/ or *_pb2.py or the like; can be given several times")  # fmt: skip
    parser.add_argument("--no-cache", action="store_true",
                        help="analyse everything anew, and keep nothing for the next run")  # fmt: skip
    parser.add_argument("--workers", type=_number, metavar="N",
                        help="processes side by side (default: as many as processors)")  # fmt: skip
    parser.add_argument("--models", action="append", default=[], type=Path, metavar="FILE",
                        help="what a library of yours does, as TOML; can be given several times")  # fmt: skip


def _path(text: str) -> Path:
    """Take a path. An empty one is what an unset variable of a script leaves, and would mean this directory."""
    if not text:
        raise ArgumentTypeError("an empty path")
    return Path(text)


def _number(text: str) -> int:
    """Take a number of processes."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= MOST_WORKERS or len(text) > 4:
        raise ArgumentTypeError(f"a number from 1 to {MOST_WORKERS}")
    return int(text)


def run(args: Namespace) -> int:
    """Audit the paths, write the report, say the verdict in the exit code."""
    if missing := [path for path in args.paths if not os.path.lexists(path)]:
        raise InputError(f"no such file or directory: {', '.join(map(str, missing))}")
    if not all(path.is_absolute() for path in args.paths):
        working_directory()
    names = [rule.name for rule in rules.about_code()]
    selected = [known(name, names, "rule") for name in args.select]
    output = None if str(args.output) == "-" else args.output
    if output is not None:
        check(output)
    scope = Scope(
        paths=tuple(map(str, args.paths)),
        exclude=tuple(pattern.rstrip("/") or "/" for pattern in args.exclude),
        declared=bool(args.exclude),
    )
    progress = Progress()
    store = None if args.no_cache else _store()
    try:
        report = examine(
            args.paths,
            scope=scope,
            models=args.models,
            select=selected,
            progress=progress,
            store=store,
            at_once=args.workers or most_at_once(),
        )
    finally:
        progress.clear()
    written = render(report, args.format, Style() if output else style(sys.stdout))
    if output is None:
        show(written)
    else:
        save(written, output)
        tell(f"{verdict(report)}; report: {output}")
    return code(report, LEVELS[args.fail_on])


def _store() -> Store | None:
    """Give what earlier runs kept, or None where that is nowhere; a place that others can change is told."""
    try:
        return usual(os.environ)
    except InputError as error:
        tell(f"nothing is kept for the next run: {error}")
        return None


def render(report: Report, form: str, style: Style) -> str:
    """Give the report in one of the formats."""
    match form:
        case "json":
            return json.render(report, version=VERSION)
        case "sarif":
            return sarif.render(report, version=VERSION, rules=rules.about_code())
        case _:
            return text.render(report, style=style, source=Lines())


def code(report: Report, level: Severity) -> Exit:
    """Give the exit code: findings count more than gaps in the analysis."""
    if any(finding.severity >= level for finding in report.findings):
        return Exit.FINDINGS
    return Exit.CLEAN if report.complete else Exit.INCOMPLETE

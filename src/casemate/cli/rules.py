"""List the rules."""

import json
import sys
from argparse import ArgumentParser, Namespace
from textwrap import wrap

from casemate.cli.output import show
from casemate.cli.terminal import style
from casemate.model.exits import Exit
from casemate.reports.paint import SEVERITY, Ink, Style
from casemate.rules import about_code

EPILOG = """\
examples:
  casemate rules
  casemate rules --format json
"""
SCHEMA = "casemate.rules/1"


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("--format", choices=("text", "json"), default="text", metavar="FORMAT",
                        help="text or json (default: %(default)s)")  # fmt: skip


def run(args: Namespace) -> int:
    """Print every rule with its severity, its weakness and its first sentence."""
    show(as_json() if args.format == "json" else as_text(style(sys.stdout)))
    return Exit.CLEAN


def as_text(style: Style) -> str:
    """Write a table: the worst first, then by name."""
    rules = sorted(about_code(), key=lambda rule: (-rule.severity, rule.name))
    width = max((len(rule.name) for rule in rules), default=0)
    lines: list[str] = []
    for rule in rules:
        severity = style.paint(f"{rule.severity!s:<8}", SEVERITY[rule.severity])
        indent = " " * (width + 22)
        summary = wrap(rule.summary, max(40, style.width), initial_indent=indent, subsequent_indent=indent)
        weakness = f"CWE-{rule.cwe[0]}" if rule.cwe else ""
        lines.append(
            f"{severity}  {style.paint(f'{rule.name:<{width}}', Ink.NAME)}  {weakness:<10}{summary[0][len(indent) :]}"
        )
        lines += summary[1:]
    return "\n".join([*lines, "", f"{len(rules)} rules; casemate explain RULE tells more"]) + "\n"


def as_json() -> str:
    """Write everything that can be said in data, by name."""
    rules = [
        {
            "name": rule.name,
            "summary": rule.summary,
            "severity": str(rule.severity),
            "confidence": str(rule.confidence),
            "evidence": str(rule.evidence),
            "cwe": list(rule.cwe),
            "capabilities": [str(capability) for capability in rule.capabilities],
            "documentation": rule.documentation,
            "example": rule.example,
        }
        for rule in about_code()
    ]
    return json.dumps({"schema": SCHEMA, "rules": rules}, indent=2) + "\n"

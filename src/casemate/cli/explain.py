"""Print what a rule means: why, how to fix it, and what it is known to miss."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from textwrap import wrap
from typing import Never

from casemate.cli.choice import known
from casemate.cli.output import show
from casemate.cli.terminal import style
from casemate.model.exits import Exit
from casemate.model.rule import Rule
from casemate.reports.paint import SEVERITY, Ink, Style
from casemate.rules import about_code

EPILOG = """\
examples:
  casemate explain sql-injection
"""
FLAG = "# flag"
AS_WRITTEN = ("## ", "- ", "* ", "| ", "`" * 3, " ", *(f"{number}. " for number in range(1, 10)))


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments of this verb."""
    parser.add_argument("rule", metavar="RULE", help="the name of a rule; casemate rules lists them")


def run(args: Namespace) -> int:
    """Print the documentation of one rule."""
    rules = {rule.name: rule for rule in about_code()}
    show(page(rules[known(args.rule, rules, "rule")], style(sys.stdout)))
    return Exit.CLEAN


def page(rule: Rule[Never], style: Style) -> str:
    """Write everything that a rule says of itself."""
    weaknesses = ", ".join(f"CWE-{cwe}" for cwe in rule.cwe)
    lines = [
        f"{style.paint(rule.name, Ink.NAME)} ({weaknesses})",
        f"severity {style.paint(str(rule.severity), SEVERITY[rule.severity])}, confidence {rule.confidence}, "
        f"evidence {rule.evidence}" + (f"; gains {', '.join(rule.capabilities)}" if rule.capabilities else ""),
        "",
        *_flowing(rule.documentation, style),
        style.paint("Example", Ink.NAME),
        f"Lines that end in `{FLAG}` are met, and no others.",
        "",
        *(_example(line, style) for line in rule.example.splitlines()),
    ]
    return "\n".join(lines) + "\n"


def _flowing(documentation: str, style: Style) -> Iterator[str]:
    """Yield the documentation with its paragraphs broken anew for this terminal; lists, tables and code stay."""
    paragraph: list[str] = []
    for line in [*documentation.splitlines(), ""]:
        if line and not line.startswith(AS_WRITTEN):
            paragraph.append(line)
            continue
        yield from wrap(" ".join(paragraph), style.width, break_long_words=False, break_on_hyphens=False)
        paragraph.clear()
        yield style.paint(line.lstrip("# "), Ink.NAME) if line.startswith("## ") else line


def _example(line: str, style: Style) -> str:
    """Indent a line of the example."""
    return style.paint(f"    {line}", Ink.MEDIUM) if line.endswith(FLAG) else f"    {line}".rstrip()

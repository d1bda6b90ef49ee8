"""Paths and lines as reports may show them: exact for machines, visible for people."""

import os
import re
import string
from collections.abc import Callable
from typing import TypeAlias

from casemate.model.finding import Finding
from casemate.model.visible import visible

Source: TypeAlias = Callable[[str, int], str | None]
"""Gives a line of a file, counted from 1, without its end; None where it cannot be read any more."""

# CWE-259, 321, 522, 798 …: the finding is about a secret, so the report must not repeat it.
SECRETS = frozenset({256, 257, 259, 260, 312, 313, 321, 522, 540, 547, 615, 798})
PLAIN = frozenset(f"{string.ascii_letters}{string.digits}-._~/".encode())  # RFC 3986 §2.3, and what parts a path
MOST_LINES = 20  # of an excerpt
LONGEST = 1000  # characters of one of them
QUOTED = re.compile(r"""(['"])(.*?)(\1|$)""")


def uri(path: str) -> str:
    """Give a path as a URI reference (RFC 3986) that keeps every byte of it, those that are no text included."""
    encoded = "".join(chr(byte) if byte in PLAIN else f"%{byte:02X}" for byte in os.fsencode(path.removeprefix("./")))
    return f"file://{encoded}" if path.startswith("/") else encoded


def masked(finding: Finding, line: str) -> str:
    """Give a line of a finding with the literals starred out where the finding is about a secret; columns stay."""
    if SECRETS.isdisjoint(finding.cwe):
        return line
    if not QUOTED.search(line):  # inside a literal of several lines
        return re.sub(r"\S", "*", line)
    return QUOTED.sub(lambda match: f"{match[1]}{'*' * len(match[2])}{match[3]}", line)


def excerpt(finding: Finding) -> str:
    """Give the finding's own excerpt, masked, with every hidden character visible; lines stay lines."""
    lines = finding.excerpt.split("\n", MOST_LINES)[:MOST_LINES]
    return "\n".join(visible(masked(finding, line[:LONGEST]).expandtabs(4)) for line in lines)

"""Statements that are known by how they begin: whatever is told to execute them reads them as SQL."""

from __future__ import annotations

import re

from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.values import Value

RUNNERS = frozenset(
    {"execute", "executemany", "executescript", "fetch", "fetch_all", "fetch_one", "fetchall", "fetchone", "fetchrow"}
    | {"fetchval", "query", "raw"}
)
THINGS = r"(?:table|database|schema|view|index|user|role|function|procedure|trigger|sequence|extension)"
BEGINNING = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*[^*]*\*/)*"
    rf"(?:select|update|insert\s+(?:or\s+\w+\s+|ignore\s+)?into|replace\s+into|delete\s+from|merge\s+into|"
    rf"with\s+(?:recursive\s+)?\w+\s+as|(?:create|alter|drop)\s+(?:or\s+replace\s+|temporary\s+)?{THINGS}|"
    r"truncate\s+table)[\s(]",
    re.IGNORECASE,
)


def statement(name: str, arguments: Arguments) -> Value | None:
    """Give the statement that is passed to something of which no model tells, None where there is none.

    The word with which it begins is evidence enough that it is one, and none of whether values are bound elsewhere.
    """
    if name not in RUNNERS or not arguments.positional:
        return None
    first = arguments.positional[0]
    if not first.taints or first.prefix is None or BEGINNING.match(first.prefix) is None:
        return None
    return first.but(taints=tuple(taint._replace(sure=False) for taint in first.taints))

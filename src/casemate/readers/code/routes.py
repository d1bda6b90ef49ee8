r"""What a route says of its parameters: `<int:n>` is a number, `<slug:s>` and `(?P<s>[\w-]+)` have letters only."""

import re

EVERY = frozenset({"*"})
PLAIN = frozenset(  # kinds for which letters, digits, `-` and `_` are harmless
    [
        "sql", "nosql", "command", "path", "archive", "html", "xml", "yaml", "xpath", "ldap", "template", "header",
        "log", "regex", "format", "email",
    ]
)  # fmt: skip
NUMBERS = frozenset({"int", "float", "uuid", "dt", "number", "signed_int"})
SLUGS = frozenset({"slug", "alpha"})
CONVERTERS = (NUMBERS | SLUGS) - {"number", "dt"}  # that may stand first
# `<converter:name>` of Django and Flask, `{name:converter}` or `{name:pattern}` of the others.
CONVERTED = re.compile(r"([<{])(\w+)(?:\([^)]*\))?:((?:[^<>{}]|\{[\d,]+\})*)[>}]")
GROUP = re.compile(r"\(\?P<(\w+)>((?:\\.|\[(?:\\.|[^\]\\])*\]|[^()\\\[])*)\)")
REPEATED = r"(?:[+*?]|\{[\d,]+\})?"
DIGITS = re.compile(rf"(?:(?:\\d|\[(?:0-9|\\d)\]|\d){REPEATED})+")
WORDS = re.compile(rf"(?:(?:\[(?:\\[wd]|\\-|[\w\-])+\]|\\[wd]|[\w\-|]){REPEATED})+")
LONGEST = 2000  # characters of a route that are looked at


def said(route: str) -> dict[str, frozenset[str]]:
    """Give, by the names of the parameters, the kinds for which they are harmless; `*` for numbers."""
    found: dict[str, frozenset[str]] = {}
    route = route[:LONGEST]
    for bracket, first, second in CONVERTED.findall(route):
        leads = bracket == "<" and (first in CONVERTERS or numbered(first))
        name, kind = (second, first) if leads else (first, second)
        found[name] = converted(kind)
    for name, pattern in GROUP.findall(route):
        found[name] = matched(pattern)
    return {name: kinds for name, kinds in found.items() if kinds}


def converted(kind: str) -> frozenset[str]:
    """Give the kinds for which what a converter lets through is harmless."""
    word = kind.partition("(")[0]
    if word in NUMBERS or numbered(word):
        return EVERY
    return PLAIN if word in SLUGS else matched(kind.removeprefix("re:"))


def numbered(word: str) -> bool:
    """Tell whether a converter of the program says by its name what it lets through: `strict_uuid`."""
    return not {"int", "uuid"}.isdisjoint(word.split("_"))


def matched(pattern: str) -> frozenset[str]:
    """Give the kinds for which what a pattern lets through is harmless."""
    if DIGITS.fullmatch(pattern):
        return EVERY
    written = "\\" in pattern or "[" in pattern  # else it is the name of a converter
    return PLAIN if written and WORDS.fullmatch(pattern) else frozenset()

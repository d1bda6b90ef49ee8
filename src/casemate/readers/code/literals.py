"""Literals of the source become constants, without the host's parser."""

import re

from tree_sitter import Node

from casemate.readers.code.view import UNKNOWN, Constant

ESCAPE = re.compile(
    r"\\(?:\r?\n|([abfnrtv\\'\"])|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{[^}]*\})"
)
SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
LONGEST_NUMBER = 400  # digits; longer ones are unknown, as int() takes quadratic time


def unescape(text: str, *, data: bool = False) -> str:
    r"""Replace escapes: those of text, or the few of bytes. `\N{…}` becomes one unknown letter."""

    def replace(match: re.Match[str]) -> str:
        simple, octal, byte, short, long = match.groups()
        if simple:
            return SIMPLE[simple]
        if octal:
            return chr(int(octal, 8))
        if byte:
            return chr(int(byte, 16))
        if data and (short or long or match.group().startswith("\\N")):
            return match.group()
        if short or long:
            point = int(short or long, 16)
            return chr(point) if point < 0x110000 else "\N{REPLACEMENT CHARACTER}"
        return "\N{REPLACEMENT CHARACTER}" if match.group().startswith("\\N") else ""

    return ESCAPE.sub(replace, text) if "\\" in text else text


def prefix_of(node: Node) -> str:
    """Give the letters before the quotes, in lower case."""
    start = node.children[0].text if node.child_count else b""
    return (start or b"").decode("ascii", "replace").rstrip("'\"").lower()


def content(raw: bytes, prefix: str, *, interpolated: bool) -> str:
    """Give the text of one `string_content`."""
    text = raw.decode("utf-8", "replace")
    if interpolated:
        text = text.replace("{{", "{").replace("}}", "}")
    return text if "r" in prefix else unescape(text, data="b" in prefix)


def plain_string(node: Node) -> Constant:
    """Give the constant of a string without interpolation."""
    prefix = prefix_of(node)
    interpolated = "f" in prefix or "t" in prefix
    text = "".join(
        content(child.text or b"", prefix, interpolated=interpolated)
        for child in node.children
        if child.type == "string_content"
    )
    return text.encode("latin-1", "replace") if "b" in prefix else text


def number(raw: bytes) -> Constant:  # noqa: PLR0911 -- one line for each notation
    """Give the constant of a number."""
    text = raw.decode("ascii", "replace").replace("_", "").lower().rstrip("l")
    if len(text) > LONGEST_NUMBER:
        return UNKNOWN
    try:
        if text.endswith("j"):
            return complex(text)
        if text.startswith("0x"):
            return int(text, 16)
        if any(letter in text for letter in ".e"):
            return float(text)
        if text.startswith("0") and text.isdigit():
            return int(text, 8)  # Python 2
        return int(text, 0)
    except (ValueError, OverflowError):
        return UNKNOWN

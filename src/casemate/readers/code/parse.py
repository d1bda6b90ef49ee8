"""Bytes become a tree, whatever Python the host has. Nothing here raises on any input.

Where the grammar lacks something, bytes of the same length are parsed instead, so that every place stays what it was in
the file: lazy imports (PEP 810), defaults of type parameters (PEP 696), and a name on the line after its dot.
"""

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Tree

from casemate.model.finding import Skipped, Why
from casemate.model.location import Location
from casemate.readers.files import LARGEST, read

LANGUAGE = Language(tree_sitter_python.language())
SCOPES = frozenset({"function_definition", "class_definition", "lambda"})
COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
LAZY = re.compile(rb"^([ \t]*)lazy(?=[ \t]+(?:import|from)\b)", re.MULTILINE)
DANGLING = re.compile(rb"^([^#\n]*[\w)\]])\.[ \t]*\n", re.MULTILINE)  # a dot that ends its line, not in a comment
GENERIC = re.compile(rb"\b(?:def|class|type)[ \t]+\w+[ \t]*\[")
COMMA, EQUALS = b",="
QUADRATIC = frozenset({"punycode", "idna"})  # a file of some megabytes would take hours; no source is written in them
MOST_COMMENTS = 100  # lines in a row that are parsed as comments
MOST_ERRORS = 20  # listed per file; the last one says that there are more


class Source:
    """One file: its bytes as UTF-8, its tree, and the way from bytes to lines and columns."""

    def __init__(self, path: str, data: bytes, skipped: list[Skipped]) -> None:
        """Decode. What is wrong with the file is added to `skipped`, of its syntax once the tree is asked for."""
        self.path = path
        self.skipped = skipped
        self.data = self._decoded(data)

    def _decoded(self, data: bytes) -> bytes:
        if data.startswith(codecs.BOM_UTF8):
            data = b"   " + data[3:] if b"\n" in data[:3] else data[3:]
        name = declared_encoding(data)
        if name not in {"utf-8", "utf8", "ascii", "us-ascii"}:
            return self._recoded(data, name)
        if data.isascii():
            return data
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.skipped.append(
                Skipped(self.path, line, Why.ENCODING, "bytes that are not UTF-8; the rest was analysed")
            )
            return data.decode("utf-8", "replace").encode()
        return data

    def _recoded(self, data: bytes, name: str) -> bytes:
        try:
            text = None if name in QUADRATIC else data.decode(name)
        except (LookupError, UnicodeError, ValueError, TypeError, AssertionError):
            text = None
        if text is None:
            detail = f"not in the declared encoding {name[:40]!r}; read as Latin-1"
            self.skipped.append(Skipped(self.path, 1, Why.ENCODING, detail))
            text = data.decode("latin-1")
        return text.encode("utf-8", "replace")

    @cached_property
    def tree(self) -> Tree:
        """Its tree: most questions about a file are answered by its bytes."""
        tree = Parser(LANGUAGE).parse(without_long_comments(self.data))
        if tree.root_node.has_error:
            newer = without_newer_syntax(without_long_comments(self.data))
            if newer != self.data:
                again = Parser(LANGUAGE).parse(newer)
                if sum(1 for _ in errors(again)) < sum(1 for _ in errors(tree)):
                    tree = again
            self._note_errors(tree)
        return tree

    def _note_errors(self, tree: Tree) -> None:
        for count, node in enumerate(errors(tree)):
            line = node.start_point.row + 1
            if count == MOST_ERRORS:
                self.skipped.append(Skipped(self.path, line, Why.SYNTAX, "more errors from here on"))
                return
            until = node.end_point.row + 1
            what = f"lines {line} to {until} cannot be parsed" if until > line else "cannot be parsed"
            self.skipped.append(Skipped(self.path, line, Why.SYNTAX, f"{what}; the rest was analysed"))

    @cached_property
    def starts(self) -> list[int]:
        """The offset at which each line begins."""
        found = [0]
        data = self.data
        place = data.find(b"\n")
        while place >= 0:
            found.append(place + 1)
            place = data.find(b"\n", place + 1)
        return found

    def point(self, offset: int) -> tuple[int, int]:
        """Give line and column, both from 1; columns count characters."""
        row = bisect_right(self.starts, offset) - 1
        start = self.starts[row]
        before = self.data[start:offset]
        return row + 1, (len(before) if before.isascii() else len(before.decode("utf-8", "replace"))) + 1

    def location(self, at: tuple[int, int]) -> Location:
        """Give the place of a range of bytes."""
        return Location(self.path, *self.point(at[0]), *self.point(at[1]))

    def around(self, offset: int) -> list[int]:
        """Give where the functions, classes and lambdas around a place begin, the outermost first."""
        found = list[int]()
        cursor = self.tree.walk()
        while cursor.goto_first_child_for_byte(offset) is not None:
            node = cursor.node
            if node is None or not node.start_byte <= offset < node.end_byte:
                break
            if node.type in SCOPES:
                found.append(node.start_byte)
        return found

    def text(self, at: tuple[int, int], most: int = 200) -> str:
        """Give the text of a range of bytes, cut after `most` characters."""
        return self.data[at[0] : min(at[1], at[0] + 4 * most)].decode("utf-8", "replace")[:most]


def read_source(path: str, skipped: list[Skipped], largest: int = LARGEST) -> Source:
    """Read one file to parse it; what is wrong with it is added to `skipped`, and an unreadable one is empty."""
    return decoded(path, read(path, largest), skipped)


def decoded(path: str, data: bytes | Skipped, skipped: list[Skipped]) -> Source:
    """Take what was read of a file; what is wrong with it is added to `skipped`, and an unreadable one is empty."""
    if isinstance(data, Skipped):
        skipped.append(data)
        data = b""
    return Source(path, data, skipped)


def declared_encoding(data: bytes) -> str:
    """Give the encoding that the first two lines declare (PEP 263), or utf-8."""
    end = data.find(b"\n", data.find(b"\n") + 1)
    for line in data[: end if 0 <= end < 1000 else 1000].split(b"\n")[:2]:
        match = COOKIE.match(line)
        if match:
            return match.group(1).decode("ascii", "replace").lower().replace("_", "-")
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    return "utf-8"


def errors(tree: Tree) -> Iterator[Node]:
    """Yield the outermost nodes that could not be parsed, without recursion."""
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is None:
            return
        inside = False
        if node.is_error or node.is_missing:
            yield node
        elif node.has_error:
            inside = cursor.goto_first_child()
        while not inside and not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def without_long_comments(data: bytes) -> bytes:
    """Blank comment lines that follow a hundred others; the length stays the same.

    After each line the grammar's scanner looks through all comments up to the next code: a megabyte of them took hours.
    """
    if data.count(b"#") <= MOST_COMMENTS:
        return data
    lines, run = data.split(b"\n"), 0
    for number, line in enumerate(lines):
        begins = line.lstrip()
        if begins.startswith(b"#"):
            run += 1
            if run > MOST_COMMENTS:
                lines[number] = b" " * len(line)
        elif begins:
            run = 0
    return b"\n".join(lines)


def without_newer_syntax(data: bytes) -> bytes:
    """Blank what the grammar does not know yet; the length stays the same."""
    data = LAZY.sub(lambda match: match.group(1) + b"    ", data)
    data = DANGLING.sub(lambda match: match.group(1) + b".".ljust(len(match.group()) - len(match.group(1))), data)
    changed = bytearray(data)
    for match in GENERIC.finditer(data):
        blank_defaults(changed, match.end())
    return bytes(changed)


def blank_defaults(data: bytearray, start: int, most: int = 2000) -> None:
    """Blank ` = default` in the type parameters that begin here."""
    depth, blanking = 1, False
    for place in range(start, min(len(data), start + most)):
        letter = data[place]
        depth += (letter in b"[(") - (letter in b"])")
        if depth == 0:
            return
        if depth == 1 and letter == COMMA:
            blanking = False
        elif depth == 1 and letter == EQUALS:
            blanking = True
        if blanking and letter not in b"\n\r":
            data[place] = 0x20

"""Bytes become a tree, whatever Python the host has. Nothing here raises on any input.

Where the grammar lacks something, bytes of the same length are parsed instead, so that every place stays what it was in
the file: lazy imports (PEP 810), defaults of type parameters (PEP 696), and a name on the line after its dot.
"""

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from unicodedata import category, is_normalized, normalize

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

from casemate.model.finding import Skipped, Why
from casemate.model.location import Location
from casemate.readers.code.imports import imported_words
from casemate.readers.files import LARGEST, read

LANGUAGE = Language(tree_sitter_python.language())
NAMES = Query(LANGUAGE, "(identifier) @name")
WORDS = re.compile(r"[\w\x80-\U0010ffff]+")  # with the marks on letters, which count for no letters
SCOPES = frozenset({"function_definition", "class_definition", "lambda"})
COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
LAZY = re.compile(rb"^([ \t]*)lazy(?=[ \t]+(?:import|from)\b)", re.MULTILINE)
DANGLING = re.compile(rb"^([^#\n]*[\w)\]])\.[ \t]*\n", re.MULTILINE)  # a dot that ends its line, not in a comment
LONE_RETURN = re.compile(rb"\r(?!\n)")  # ends a line for Python, and hides what follows from the grammar
GENERIC = re.compile(rb"\b(?:def|class|type)[ \t]+\w+[ \t]*\[")
COMMA, EQUALS = b",="
QUADRATIC = frozenset({"punycode", "idna"})  # a file of some megabytes would take hours; no source is written in them
UNNAMED = re.compile(rb"\\N\{(?![^}]{1,200}\})")  # the beginning of a character's name that does not end soon
MOST_COMMENTS = 100  # lines in a row that are parsed as comments, or as nothing but a backslash
FEW_COMMENTS = 10  # of a long file
LONG_RUN = re.compile(rb"\n(?:[ \t\f\r]*+(?:#[^\n]*+|\\\r?(?=\n))?+\n){%d}" % (FEW_COMMENTS - 1))  # blank lines count
MOST_UNNAMED = 100  # of one file
LONG = 300_000  # bytes: whether a longer file can be parsed is tried first
STEP = 100  # steps of the parser between two looks at it
MOST_STEPS = 3_000_000  # of the parser for one file: five times as many as any file of real packages took
MOST_TRIES = 300_000  # of them after the first error: each tries several ways on
MOST_READ = 20  # times the length of a file: the parser looks at most bytes twice
PIECE = 8192  # bytes that the parser is given at a time
BLOCK = 4096  # bytes of a line after which its characters are counted once for all
CONTINUING = bytes(range(0x80, 0xC0))
MOST_ERRORS = 20  # listed per file; the last one says that there are more


class Source:
    """One file: its bytes as UTF-8, its tree, and the way from bytes to lines and columns."""

    def __init__(self, path: str, data: bytes, skipped: list[Skipped]) -> None:
        """Decode. What is wrong with the file is added to `skipped`, of its syntax once the tree is asked for."""
        self.path = path
        self.skipped = skipped
        self.data = self._decoded(data)

    def _decoded(self, data: bytes) -> bytes:
        data = LONE_RETURN.sub(b"\n", data) if b"\r" in data else data
        if data.startswith(codecs.BOM_UTF8):
            data = b"   " + data[3:] if b"\n" in data[:3] else data[3:]
        name = declared_encoding(data)
        if name not in {"utf-8", "utf8", "ascii", "us-ascii"}:
            return self._recoded(data, name)
        if data.isascii():
            return data
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.skipped.append(
                Skipped(self.path, line, Why.ENCODING, "bytes that are not UTF-8; the rest was analysed")
            )
            return data.decode("utf-8", "replace").encode()
        return with_plain_names(data, text)

    def _recoded(self, data: bytes, name: str) -> bytes:
        try:
            text = None if name in QUADRATIC else data.decode(name)
        except (LookupError, UnicodeError, ValueError, TypeError, AssertionError):
            text = None
        if text is None:
            detail = f"not in the declared encoding {name[:40]!r}; read as Latin-1"
            self.skipped.append(Skipped(self.path, 1, Why.ENCODING, detail))
            text = data.decode("latin-1")
        return with_plain_names(text.encode("utf-8", "replace"), text)

    @cached_property
    def tree(self) -> Tree:
        """Its tree: most questions about a file are answered by its bytes."""
        plain = without_long_runs(self.data)
        tree = tree_of(plain)
        if tree is None:
            self.skipped.append(Skipped(self.path, 0, Why.BUDGET, "takes too many steps to parse; not analysed"))
            self.data = b""
            return Parser(LANGUAGE).parse(b"")
        if tree.root_node.has_error:
            newer = without_newer_syntax(plain)
            again = tree_of(newer) if newer != plain else None
            if again is not None and sum(1 for _ in errors(again)) < sum(1 for _ in errors(tree)):
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

    @cached_property
    def imported(self) -> frozenset[bytes]:
        """The words of its imports."""
        return imported_words(self.data)

    def point(self, offset: int) -> tuple[int, int]:
        """Give line and column, both from 1; columns count characters."""
        row = bisect_right(self.starts, offset) - 1
        start = self.starts[row]
        if offset - start > BLOCK:  # a line without end, on which thousands of places may be asked for
            return row + 1, self._characters(offset) - self._characters(start) + 1
        before = self.data[start:offset]
        return row + 1, (len(before) if before.isascii() else len(before.decode("utf-8", "replace"))) + 1

    def _characters(self, offset: int) -> int:
        """Count the characters before an offset."""
        block = offset // BLOCK
        return self._counted[block] + characters(self.data[block * BLOCK : offset])

    @cached_property
    def _counted(self) -> list[int]:
        """The number of characters before each block."""
        blocks = range(0, len(self.data), BLOCK)
        return [0, *accumulate(characters(self.data[start : start + BLOCK]) for start in blocks)]

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


def with_plain_names(data: bytes, text: str) -> bytes:
    """Write names as Python reads them: letters of full width are those of ASCII (PEP 3131). Texts stay as they are."""
    if is_normalized("NFKC", text) or not any(map(changes, set(text))):
        return data
    words = (word for word in set(WORDS.findall(text)) if not word.isascii() and word.isidentifier())
    odd = {word for word in words if not is_normalized("NFKC", word)}
    tree = tree_of(without_long_runs(data)) if odd else None
    if tree is None:
        return data
    named = QueryCursor(NAMES).captures(tree.root_node).get("name", [])
    parts, end = list[bytes](), 0
    for node in sorted(named, key=lambda node: node.start_byte):
        name = (node.text or b"").decode("utf-8", "replace")
        if name in odd:
            parts += data[end : node.start_byte], normalize("NFKC", name).encode()
            end = node.end_byte
    return b"".join((*parts, data[end:]))


def changes(letter: str) -> bool:
    """Tell whether a letter may be another one in a name: by itself, or together with the one before it."""
    if letter.isascii():
        return False
    joins = category(letter).startswith("M") or "\u1160" <= letter <= "\u11ff"  # marks, and parts of Korean syllables
    return joins or (not is_normalized("NFKC", letter) and f"a{normalize('NFKC', letter)}".isidentifier())


def characters(data: bytes) -> int:
    """Count the characters of UTF-8: each has one byte that does not continue another."""
    return len(data) if data.isascii() else len(data.translate(None, CONTINUING))


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


def tree_of(data: bytes) -> Tree | None:
    """Parse; None where that would take too many steps."""
    if len(data) <= LONG:
        return Parser(LANGUAGE).parse(data)
    tried = Trial(data).tree()
    return Parser(LANGUAGE).parse(data, old_tree=tried) if tried is not None else None  # at once: nothing has changed


class Trial:
    """Parses a file to see whether that ends soon; of the tree the text cannot be read, but another is made of it.

    What counts is what the parser did and what it read, never the time: the answer is the same on every machine.
    """

    def __init__(self, data: bytes) -> None:
        """Nothing is parsed yet."""
        self.data = data
        self.steps = self.tries = self.read = 0

    def tree(self) -> Tree | None:
        """Give the tree where the parser came to the end."""
        try:
            found = Parser(LANGUAGE).parse(self.piece, progress_callback=self.too_much)
        except ValueError:  # that it was stopped
            return None
        return found if self.read <= MOST_READ * len(self.data) else None

    def piece(self, offset: int, _: object) -> bytes:
        """Give what stands from an offset on; nothing more to a parser that read too much."""
        found = self.data[offset : (offset // PIECE + 1) * PIECE]
        self.read += len(found)
        return found if self.read <= MOST_READ * len(self.data) else b""

    def too_much(self, _: int, error: bool) -> bool:  # noqa: FBT001 -- what the parser calls
        """Count, and tell whether the parser must stop."""
        self.steps += STEP
        self.tries += STEP * error
        return self.steps > MOST_STEPS or self.tries > MOST_TRIES or self.read > MOST_READ * len(self.data)


def without_long_runs(data: bytes) -> bytes:
    """Blank what the grammar's scanner would look through again for each part of it; the length stays the same.

    After each line it looks through all comments and lines of a backslash up to the next code, and for the end of each
    name of a character through the rest of the file: a megabyte of them took hours.
    """
    if data.count(b"\\N{") > MOST_UNNAMED:
        data = UNNAMED.sub(b"\\\\N ", data)
    if data.count(b"#") + data.count(b"\\\n") + data.count(b"\\\r\n") <= MOST_COMMENTS or not LONG_RUN.search(data):
        return data
    lines, run, most = data.split(b"\n"), 0, MOST_COMMENTS if len(data) <= LONG else FEW_COMMENTS
    for number, line in enumerate(lines):
        begins = line.lstrip()
        if begins.startswith(b"#") or begins.rstrip() == b"\\":
            run += 1
            if run > most:
                lines[number] = b" " * len(line)
        elif begins:
            run = 0
    return b"\n".join(lines)


def without_newer_syntax(data: bytes) -> bytes:
    """Blank what the grammar does not know yet; the length stays the same."""
    data = LAZY.sub(lambda match: match.group(1) + b"    ", data)
    data = DANGLING.sub(lambda match: match.group(1) + b".".ljust(len(match.group()) - len(match.group(1))), data)
    changed = bytearray(data)
    end = 0
    for match in GENERIC.finditer(data):
        if match.end() > end:  # type parameters hold none
            end = blank_defaults(changed, match.end())
    return bytes(changed)


def blank_defaults(data: bytearray, start: int, most: int = 2000) -> int:
    """Blank ` = default` in the type parameters that begin here, and give where they end."""
    depth, blanking = 1, False
    for place in range(start, min(len(data), start + most)):
        letter = data[place]
        depth += (letter in b"[(") - (letter in b"])")
        if depth == 0:
            return place
        if depth == 1 and letter == COMMA:
            blanking = False
        elif depth == 1 and letter == EQUALS:
            blanking = True
        if blanking and letter not in b"\n\r":
            data[place] = 0x20
    return start + most

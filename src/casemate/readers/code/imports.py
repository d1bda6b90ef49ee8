"""Which words a file imports, by its text alone: asked of every file, before any is parsed."""

import re

WORD = re.compile(rb"[\w\x80-\xff]+")
IMPORT = b"import"
BEHIND = re.compile(rb"(?:[^\r\n;#\\(]+|\\\r?\n|\\|\((?:[^)#]+|#[^\n]*)*(?:\)|\Z))*")  # and what is in brackets
LONGER = re.compile(rb"[a-zA-Z0-9]")  # what makes another word of `import`: `importlib`, but not `import_module`
BLANK = re.compile(rb"(?:[ \t\f]+|\\\r?\n)*")
FIRST = re.compile(rb"from|lazy|import")  # words that an import statement begins with


def imported_words(data: bytes) -> frozenset[bytes]:
    """Give every word of the import statements, of modules and of names; more where a text has the form of one.

    What `__import__` and `import_module` are given counts. No byte is looked at more than a few times, however many
    imports stand on a line.
    """
    found: set[bytes] = set()
    begin = end = 0  # of the statement, and of what was looked at
    while (start := data.find(IMPORT, end)) >= 0:
        begin = blank_end(data, max(begin, statement_start(data, end, start)))
        end = start + len(IMPORT)
        statement, called = FIRST.match(data, begin), data[end : end + 1] == b"_"
        if (statement or called) and not LONGER.match(data, end):
            behind = BEHIND.match(data, end)
            end = behind.end() if behind is not None else end
            found.update(WORD.findall(data, begin if statement else start, end))
            begin = end
    return frozenset(found)


def statement_start(data: bytes, first: int, place: int) -> int:
    """Give where the last statement between two places begins, -1 where none does; backslashes join lines."""
    line = place
    while (line := max(data.rfind(b"\n", first, line), data.rfind(b"\r", max(first, line - 2), line))) >= 0:
        if data[max(first, line - 2) : line].rstrip(b"\r")[-1:] != b"\\":
            break
    rest = max(line, first)
    inside = max(data.rfind(b"\r", rest, place), data.rfind(b";", rest, place), data.rfind(b":", rest, place))
    return max(line, inside) + 1


def blank_end(data: bytes, start: int) -> int:
    """Give where blanks end."""
    blank = BLANK.match(data, start)
    return blank.end() if blank is not None else start

"""A line of source with its number and a mark under the place that is meant, whatever the line holds."""

from collections.abc import Iterator
from unicodedata import combining, east_asian_width

from casemate.model.visible import visible
from casemate.reports.paint import Ink, Style

GUTTER = 10  # columns of the line number
LONGEST = 4000  # characters: a minified line is looked at near the place only
CUT = "..."


def numbered(line: str, number: int, style: Style) -> str:
    """Give one line of source behind its number, cut to the width."""
    text, _ = _cut(_cells(line[:LONGEST]), (0, 1), _room(style))
    return _behind(f"{number:>{GUTTER}}", text, style)


def marked(line: str, number: int, columns: tuple[int, int], *, style: Style, ink: Ink) -> Iterator[str]:
    """Yield one line of source and, under it, a mark from the first column to the second (from 1, end exclusive)."""
    start, end = columns[0] - 1, max(columns[1] - 1, columns[0])
    skipped = max(0, start - LONGEST // 2)
    cells = _cells(line[skipped : skipped + LONGEST])
    start, end = min(start - skipped, len(cells)), min(end - skipped, len(cells))
    first, last = sum(map(_width, cells[:start])), sum(map(_width, cells[:end]))
    text, offset = _cut(cells, (first, last), _room(style), more=bool(skipped))
    left = first - offset
    length = max(1, min(last - first, _room(style) - left))
    yield _behind(f"{number:>{GUTTER}}", text, style)
    yield _behind(" " * GUTTER, f"{' ' * left}{style.paint('^' * length, ink)}", style)


def _behind(gutter: str, text: str, style: Style) -> str:
    """Put text behind the gutter."""
    return f"{style.paint(f'{gutter} |', Ink.FAINT)} {text}".rstrip()


def _room(style: Style) -> int:
    """Give the columns that are left for source."""
    return max(20, style.width - GUTTER - 3)


def _cells(line: str) -> list[str]:
    """Give what is shown for each character; a tab is four columns."""
    return ["    " if character == "\t" else visible(character) for character in line]


def _width(cell: str) -> int:
    """Give the columns that a terminal uses for it (UAX 11)."""
    if len(cell) > 1 or cell.isascii():
        return len(cell)
    return 0 if combining(cell) else 2 if east_asian_width(cell) in "WF" else 1


def _cut(cells: list[str], place: tuple[int, int], room: int, *, more: bool = False) -> tuple[str, int]:
    """Cut a line so that the columns of `place` can be seen; give the text and the column that it now begins at."""
    total = sum(map(_width, cells))
    if total <= room and not more:
        return "".join(cells), 0
    fits = place[1] + len(CUT) <= room and not more
    first = 0 if fits else max(0, min(place[0] - room // 3, total - room + len(CUT)))
    shown: list[str] = []
    column, used, begin = 0, 0, None
    lead = CUT if first or more else ""
    for cell in cells:
        width = _width(cell)
        if column >= first:
            begin = column if begin is None else begin
            if used + width > room - len(lead) - len(CUT):
                break
            shown.append(cell)
            used += width
        column += width
    tail = CUT if column < total else ""
    return f"{lead}{''.join(shown)}{tail}", (first if begin is None else begin) - len(lead)

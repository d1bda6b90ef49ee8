"""What `run --diff` prints: each change of a program under its write grants, and what became of it.

Names and texts are the program's: each line is escaped by itself, and there is an end to what is printed.
"""

from collections.abc import Iterator, Sequence

from casemate.model.sandbox import ChangeKind, FileChange
from casemate.model.visible import brief, visible
from casemate.reports.paint import Ink, Style

CHANGES = 200  # that are printed
TEXT = 400  # lines of all differences together
WIDEST = 300  # characters of a line of text
SIGNS = {
    ChangeKind.ADDED: "+",
    ChangeKind.CHANGED: "~",
    ChangeKind.DELETED: "-",
    ChangeKind.DIRECTORY: "+",
    ChangeKind.EMPTIED: "~",
    ChangeKind.OTHER: "?",
}
INKS = {"+": Ink.GOOD, "-": Ink.HIGH, "@": Ink.FAINT}


def printed(changes: Sequence[FileChange], style: Style) -> str:
    """Give all of it as text that ends with a line end; "no changes" where there are none."""
    return "".join(f"{line}\n" for line in _lines(changes, style))


def _lines(changes: Sequence[FileChange], style: Style) -> Iterator[str]:
    if not changes:
        yield "no changes"
        return
    copied = sum(change.copied for change in changes)
    yield style.paint(f"changes: {copied} copied out, {len(changes) - copied} not", Ink.NAME)
    left = TEXT
    for change in changes[:CHANGES]:
        yield from _change(change, style)
        yield from (_text(line, style) for line in change.difference[:left])
        left = max(0, left - len(change.difference))
    if len(changes) > CHANGES:
        yield f"  … and {len(changes) - CHANGES} more (--record FILE lists them all)"


def _change(change: FileChange, style: Style) -> Iterator[str]:
    """Write one change: what, where, how large, and what is to be known about it."""
    path = brief(change.path)
    folder = "/" if change.kind in (ChangeKind.DIRECTORY, ChangeKind.EMPTIED) else ""
    yield f"  {SIGNS[change.kind]} {path}{folder}{_sizes(change)}".rstrip()
    if change.persist:
        yield f"      {style.paint('persistence point: something later executes or trusts this file', Ink.HIGH)}"
    if not change.copied:
        yield f"      not copied out: {brief(change.reason)}"


def _sizes(change: FileChange) -> str:
    match change.before, change.after:
        case None, None:
            return ""
        case None, after:
            return f"  {after} bytes"
        case before, None:
            return f"  {before} bytes"
        case before, after:
            return f"  {before} → {after} bytes"


def _text(line: str, style: Style) -> str:
    """Write one line of a difference, with its sign in front and everything in it made visible."""
    sign, text = line[:1], line[1:]
    shown = text if len(text) <= WIDEST else f"{text[:WIDEST]} [... {len(text) - WIDEST} more ...]"
    written = f"      {sign}{visible(shown)}"
    return style.paint(written, INKS[sign]) if sign in INKS else written

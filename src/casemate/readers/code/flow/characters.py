"""What characters a text may still have after a check or a change, and for which kinds of sink that makes it harmless.

A check is judged by what it lets through of a few characters that stand for all: every sign that means something to
some interpreter, one letter of each case, and a digit.
"""

from __future__ import annotations

import re
import string
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from casemate.libraries.model import KINDS

PROBES = "\0\t\n\r " + string.punctuation + "aA0"
PLAIN = frozenset("aA0_-.")  # nothing to anybody
INSIDE = frozenset({"path", "archive"})
ALL = frozenset({"*"})
ONE_LINE = frozenset({"log", "header"})
# Marks: what alone makes nothing harmless, but does together. They travel with the kinds that a label is harmless for.
NO_PARENT, NO_ROOT, SLASHED, NOT_TWICE = "no ..", "not absolute", "begins with /", "does not begin with //"
CHOOSING = "may only have chosen the object"  # what is read of that object is another value
TOGETHER = (
    (frozenset({NO_PARENT, NO_ROOT}), INSIDE),
    (frozenset({SLASHED, NOT_TWICE}), frozenset({"redirect"})),
)
SHELL = frozenset(" \t\n\r\0!\"#$%&'()*;<>?[\\]^`{|}~")
DANGEROUS = {  # for every other kind whatever is not plain; a space separates words only for some
    "path": frozenset("/"),
    "archive": frozenset("/"),
    "log": frozenset("\r\n"),
    "header": frozenset("\r\n"),
    "email": frozenset("\r\n"),
    "html": frozenset("<>\"'`"),
    "redirect": frozenset("/\\:"),
    "template": frozenset("{}<>%$#@"),
    "format": frozenset("{}"),
    "xpath": frozenset("\"'[]()/@*|"),
    "ldap": frozenset("*()\\\0,=&|!"),
    "command": SHELL,
}
OTHERS = frozenset(PROBES) - PLAIN - {" "}
SPACED = frozenset({"sql", "nosql", "code", "argument", "url"})  # to these a space is not nothing
# Texts that the standard library gives a name to.
WRITTEN = {
    **{
        f"string.{name}": str(getattr(string, name))
        for name in (
            "ascii_letters",
            "ascii_lowercase",
            "ascii_uppercase",
            "digits",
            "hexdigits",
            "octdigits",
            "punctuation",
            "whitespace",
            "printable",
        )
    },
    **{f"{module}.sep": "/" for module in ("os", "os.path", "posixpath")},
    **{f"{module}.pardir": ".." for module in ("os", "os.path", "posixpath")},
}


LONGEST = 2000  # characters of a pattern that is looked at
LOOKS = re.compile(r"\(\?<?[=!]")
ONCE = re.compile(r"(?:[*+?]|\{1\}|\{[01]?,(?:[1-9]\d*)?\})[?+]?")  # repetitions that admit exactly one


class Piece(NamedTuple):
    """A part of a regular expression: a set, one character, an opening bracket, an edge and so on."""

    kind: str
    text: str


READER = re.compile(
    r"""(?P<atom>\[\^?\]?(?:\\.|[^\]\\])*\]|\\[^AZzbB])
    | (?P<look>\(\?<?[=!])
    | (?P<nothing>\(\?[aiLmsux]+\)|\(\?\#[^)]*\))
    | (?P<back>\(\?P=\w+\))
    | (?P<open>\((?:\?(?:P<\w+>|[:>]|[aiLmsux-]+:))?)
    | (?P<close>\))
    | (?P<times>(?:[*+?]|\{\d*,?\d*\})[?+]?)
    | (?P<bar>\|)
    | (?P<edge>\^|\$|\\[AZzbB])
    | (?P<one>.)""",
    re.VERBOSE | re.DOTALL,
)


def settled(kinds: frozenset[str]) -> frozenset[str]:
    """Add what several marks make harmless together."""
    for marks, harmless in TOGETHER:
        if marks <= kinds:
            kinds |= harmless
    return kinds


def dangerous(kind: str) -> frozenset[str]:
    """Give the characters that mean something to a kind of sink."""
    return DANGEROUS.get(kind, OTHERS | {" "} if kind in SPACED else OTHERS)


def harmless_with(letters: Iterable[str]) -> frozenset[str]:
    """Give the kinds for which a text of such characters is harmless."""
    left = frozenset(letters)
    found = frozenset(kind for kind in KINDS if not left & dangerous(kind))
    if len(found) == len(KINDS):
        return ALL
    return found if "." in left else found | {NO_PARENT}


def without(text: str) -> frozenset[str]:
    """Give the kinds that a text is harmless for in which another one does not occur."""
    if text in {".", ".."}:
        return frozenset({NO_PARENT})
    if text == "/":
        return INSIDE
    return ONE_LINE if text == "\n" else frozenset()


def not_beginning(text: str, *, resolved: bool) -> frozenset[str]:
    """Give the kinds that a text is harmless for that does not begin with another."""
    match text:
        case "-":
            return frozenset({"argument"})
        case "/":
            return frozenset({NO_ROOT, NOT_TWICE})
        case "//":
            return frozenset({NOT_TWICE})
        case ".." | "../" | ".":
            return frozenset({NO_PARENT}) if resolved else frozenset()
        case _:
            return frozenset()


@lru_cache(maxsize=2000)
def matched(pattern: str, method: str) -> frozenset[str]:
    """Give the kinds for which a text is harmless that a pattern matches; none where only a part has to match."""
    pieces = read(pattern)
    if method != "fullmatch" and not all(anchored(part, method) for part in alternatives(pieces)):
        return frozenset()
    return harmless_if_matched(pieces)


@lru_cache(maxsize=2000)
def group(pattern: str, index: int | str) -> frozenset[str]:
    """Give the kinds for which what a group of a pattern matched is harmless."""
    pieces = read(pattern)
    number = 0
    for place, piece in enumerate(pieces):
        if piece.kind == "open" and (piece.text == "(" or piece.text.startswith("(?P<")):
            number += 1
            if index in {number, piece.text[4:-1]}:
                return harmless_if_matched(pieces[place + 1 : closing(pieces, place)])
    return frozenset()


@lru_cache(maxsize=2000)
def left_by(pattern: str, replacement: str) -> frozenset[str]:
    """Give the kinds for which a text is harmless in which every match of a pattern was replaced.

    A character that the pattern matches alone, wherever it stands, does not remain. The pattern is read, never run: it
    is the target's, and a few nested groups take longer than anybody waits.
    """
    pieces = read(pattern)
    if "\\" in replacement or LOOKS.search(pattern) or any(piece.kind in {"edge", "back"} for piece in pieces):
        return frozenset()
    parts = alone(pieces)
    gone = [letter for letter in PROBES if any(matches(part, letter) for part in parts)]
    if not gone:
        return frozenset()
    return harmless_with([letter for letter in PROBES if letter not in gone] + [stand_in(c) for c in replacement])


def alone(pieces: tuple[Piece, ...]) -> list[str]:
    """Give the sets and single parts of which one character is a whole match."""
    found: list[str] = []
    for part in alternatives(pieces):
        once = part
        if part and part[-1].kind == "times":
            once = part[:-1] if ONCE.fullmatch(part[-1].text) else ()
        if len(once) == 1 and once[0].kind == "atom":
            found.append(once[0].text)
        elif once and once[0].kind == "open" and closing(once, 0) == len(once) - 1:
            found += alone(once[1:-1])
    return found


def stand_in(letter: str) -> str:
    """Give the probe that stands for a character."""
    if letter in PROBES:
        return letter
    return "a" if letter.isalnum() else "\0"


def read(pattern: str) -> tuple[Piece, ...]:
    """Take a regular expression apart; what looks around matches nothing itself and is left out.

    Of one that nobody would write by hand nothing is said: a part that may be anything.
    """
    if len(pattern) > LONGEST:
        return (Piece("back", pattern),)
    pieces = [
        Piece("atom" if found.lastgroup == "one" else found.lastgroup or "", found[0])
        for found in READER.finditer(pattern)
    ]
    kept: list[Piece] = []
    skipped = 0
    for piece in pieces:
        if skipped or piece.kind == "look":
            skipped += (piece.kind in {"open", "look"}) - (piece.kind == "close")
        elif piece.kind != "nothing":
            kept.append(piece)
    return tuple(kept)


def alternatives(pieces: tuple[Piece, ...]) -> list[tuple[Piece, ...]]:
    """Give what stands between the bars outside of all brackets."""
    depth = 0
    parts: list[list[Piece]] = [[]]
    for piece in pieces:
        depth += (piece.kind == "open") - (piece.kind == "close")
        if piece.kind == "bar" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(piece)
    return [tuple(part) for part in parts]


def anchored(pieces: tuple[Piece, ...], method: str) -> bool:
    """Tell whether a match has to be the whole text."""
    if not pieces or pieces[-1] not in {("edge", "$"), ("edge", r"\Z"), ("edge", r"\z")}:
        return False
    return method == "match" or pieces[0] in {("edge", "^"), ("edge", r"\A")}


def closing(pieces: tuple[Piece, ...], start: int) -> int:
    """Give the place of the bracket that closes another."""
    depth = 0
    for place in range(start, len(pieces)):
        depth += (pieces[place].kind == "open") - (pieces[place].kind == "close")
        if depth == 0:
            return place
    return len(pieces)


def harmless_if_matched(pieces: tuple[Piece, ...]) -> frozenset[str]:
    """Give the kinds for which a text of these parts is harmless."""
    if any(piece.kind == "back" for piece in pieces):
        return frozenset()
    atoms = [piece.text for piece in pieces if piece.kind == "atom"]
    kinds = harmless_with(letter for letter in PROBES if any(admits(atom, letter) for atom in atoms))
    if "*" in kinds:
        return kinds
    marks = {NO_PARENT} if single_dots(pieces) else set[str]()
    marks |= {NO_ROOT} if begins_without(pieces, "/") else set()
    return settled(kinds | marks)


def single_dots(pieces: tuple[Piece, ...]) -> bool:
    """Tell whether no two dots can follow one another: each is followed by something else."""
    if not begins_without(pieces, "."):
        return False
    atoms = [place for place, piece in enumerate(pieces) if piece.kind == "atom" and admits(piece.text, ".")]
    for place in atoms:
        rest = [piece for piece in pieces[place + 1 :] if piece.kind not in {"open", "edge"}]
        if not rest:
            continue
        optional = len(rest) > 1 and rest[1].kind == "times" and not rest[1].text.startswith("+")
        if rest[0].kind != "atom" or admits(rest[0].text, ".") or optional:
            return False
    return True


def begins_without(pieces: tuple[Piece, ...], letter: str) -> bool:
    """Tell whether a match, and each alternative in it, begins with a character that is not this one."""
    expected = True
    for place, piece in enumerate(pieces):
        if piece.kind in {"open", "bar"}:
            expected = True
        elif expected and piece.kind != "edge":
            after = pieces[place + 1] if place + 1 < len(pieces) else None
            optional = after is not None and after.kind == "times" and not after.text.startswith("+")
            if piece.kind != "atom" or admits(piece.text, letter) or optional:
                return False
            expected = False
    return not expected


def admits(atom: str, letter: str) -> bool:
    """Tell whether a set or a single part matches a character; a dot counts for every one."""
    return atom == "." or matches(atom, letter)


@lru_cache(maxsize=4000)
def matches(atom: str, letter: str) -> bool:
    """Tell whether a set or a single part matches a character; one that cannot be read counts as matching."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.fullmatch(atom, letter) is not None
    except (re.error, OverflowError, RecursionError):
        return True

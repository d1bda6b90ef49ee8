"""Read the labels of two suites: which line is bad, which is good, and of what class.

CodeQL: the rows of a query's `.expected` (below `#select` where there are sections) name the flagged lines. A row is
bad; the first place of a row and the place of its sink both stand for it, and for a class of patterns the place where
the weak thing was made, which the message of the row points to. Comments at the end of a line: `BAD`,
`NOT OK`, `unsafe`, `$ Alert`, `$ result=BAD` are bad, `GOOD`, `OK`, `safe`, `$ result=OK` are good; a comment that is a
line of its own speaks of the next line of code. Comments beat rows: `FP` and `SPURIOUS` on a flagged line, and rows
inside of a function called `ok…` or `good…`, are good lines that CodeQL flags by mistake; `MISSING` and `NOT FOUND` are
bad lines that it misses. A row that is about what a line builds for the next, commented one is that line's. Requests
whose comment grants the user no part of the host are a class of their own (url-part).

semgrep-rules: `# ruleid: x` before a line is bad, `# ok: x` is good; `deepruleid` and `deepok` count as these;
`todoruleid`, `todook` and `fn` are ignored. The class of a rule follows from the CWE in its YAML, or from its name
where the CWE says too little. Rules that search (no `mode: taint`) in several statements, and rules about the text that
is built rather than about what it is given to, label the place where the flow starts or passes, not the sink: for these
a flow through the line counts as well, for good and for bad; for patterns of several statements, the lines up to the
next label. The good lines of rules that look at one of several things (a cookie that is secure, and not httponly) are
left out. Rules that name no source (no taint, no request in their patterns) label every use whose argument is no
constant, whoever chose it: they are listed by themselves. Files called `*.fixed.py` are what the autofix of a rule is
expected to write, with the comments copied: they label nothing.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml
from classes import ONE_RESPECT, PATTERNS, QUERIES, RULES

BAD = re.compile(r"#\s*(?:\$?\s*(?:MISSING:\s*)?(?:Alert\b|result=BAD)|NOT (?:OK|GOOD)\b|[Bb](?:AD|ad)\b|unsafe\b)")
GOOD = re.compile(
    r"#\s*(?:\$?\s*(?:SPURIOUS:|spurious:|result=OK)|[Gg](?:OOD|ood)\b|OK\b|ok\b|safe\b|FP\b|TODO: Should not alert)"
)
WHOLE = re.compile(r"full control|host|domain")
PLACE = re.compile(r"^([^:|]+\.py):(\d+):\d+:(\d+):\d+$")
MARK = re.compile(r"^\s*(?:#|<!--)\s*(ruleid|ok|deepruleid|deepok):\s*([\w., -]+)")
FINE = re.compile(r"(?:ok|good)(?:\d|_|$)")
BUILT = re.compile(
    r"tainted-(?:sql|html)-string|tainted-url-host|raw-html-format|formatted-sql|directly-returned-format"
)


ASKED = re.compile(r"flask\.request|(?<!urllib\.)\brequest\.\$")
SEVERAL = re.compile(r"^\s*\.\.\.\s*$", re.MULTILINE)  # a pattern of several statements


@dataclass(frozen=True, slots=True)
class Label:
    """What a suite says of some lines of a file.

    `group` is the query or rule; `through` says that a flow through the lines counts as a finding there.
    """

    path: Path
    lines: tuple[tuple[int, int], ...]
    bad: bool
    kind: str
    group: str
    audit: bool = False
    through: bool = False
    said: str = ""


@cache
def text(path: Path) -> tuple[str, ...]:
    """Give the lines of a file."""
    return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())


@cache
def statements(path: Path) -> tuple[tuple[int, int, bool, str], ...]:
    """Give first and last line of each statement, of compound ones only the head; whether it defines, and its name."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return ()
    found: list[tuple[int, int, bool, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.append((first, node.end_lineno or first, True, node.name))
        elif isinstance(node, ast.stmt):
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            inner = body[0].pattern if body and isinstance(node, ast.Match) else body[0] if body else None
            last = max(node.lineno, inner.lineno - 1) if inner is not None else node.end_lineno or node.lineno
            found.append((node.lineno, last, False, ""))
    return tuple(found)


def spread(path: Path, line: int, *, whole: bool) -> tuple[int, int]:
    """Give the lines of the statement that a line belongs to; `whole`: of a definition that it begins, all of it."""
    around = [(first, last) for first, last, defines, _ in statements(path) if not defines and first <= line <= last]
    begun = [(first, last) for first, last, defines, _ in statements(path) if defines and first == line]
    if begun and whole:
        return begun[0]
    return min(around, key=lambda lines: lines[1] - lines[0]) if around else (line, line)


def within_fine(path: Path, line: int) -> bool:
    """Tell whether a line is in a function whose name calls it good."""
    inner = [
        (last - first, name) for first, last, defines, name in statements(path) if defines and first <= line <= last
    ]
    return bool(inner) and FINE.match(min(inner)[1]) is not None


def rows(expected: Path, *, pattern: bool = False) -> Iterator[tuple[str, list[int]]]:
    """Yield the alerts of an `.expected`: file, and the lines that stand for it; for a pattern, where it was made."""
    content = expected.read_text(encoding="utf-8").splitlines()
    if "#select" in content:
        content = content[content.index("#select") + 1 :]
    elif any(line and not line.startswith("|") for line in content):
        return
    for row in content:
        cells = [cell.strip() for cell in row.strip("| ").split(" | ")]
        places = [match for cell in cells if (match := PLACE.match(cell))]
        if places:
            way = len(cells) > 5 and PLACE.match(cells[4]) is not None
            chosen = [places[0], *(places[2:3] if way else places[1:2] if pattern else [])]
            yield places[0][1], [int(match[2]) for match in chosen if match[1] == places[0][1]]


def comments(path: Path) -> Iterator[tuple[int, bool, str]]:
    """Yield what comments say of lines: line, whether it is bad, the comment."""
    waiting: tuple[bool, str] | None = None
    for number, line in enumerate(text(path), 1):
        code, sign, said = line.partition("#")
        told = sign + said
        verdict = True if BAD.match(told) else False if GOOD.match(told) else None
        if "MISSING" in told and verdict is None:
            verdict = True
        if sign and "SPURIOUS" in told.upper():
            verdict = False
        if not code.strip():
            if sign and verdict is not None:
                waiting = (verdict, told)
            elif not sign:
                waiting = None
        elif verdict is not None:
            yield number, verdict, told
            waiting = None
        elif waiting is not None:
            yield number, *waiting
            waiting = None


def codeql(root: Path) -> list[Label]:
    """Read the labels of one suite of CodeQL."""
    found: list[Label] = []
    for folder in sorted({path.parent for path in root.rglob("*.expected") if path.parent.name != "CONSISTENCY"}):
        labels: dict[tuple[Path, tuple[int, int]], Label] = {}
        files = sorted(
            folder.glob("*.expected"),
            key=lambda path: (path.stem not in QUERIES, path.stem.endswith("Test"), path.name),
        )
        for expected in files:
            kind = QUERIES.get(expected.stem, "")
            for name, lines in rows(expected, pattern=kind in PATTERNS):
                path = folder / name
                if not path.exists():
                    continue
                places = tuple(spread(path, line, whole=False) for line in lines)
                labels.setdefault(
                    (path, places[0]), Label(path, places, not within_fine(path, lines[0]), kind, expected.stem)
                )
        group = files[0].stem
        for path in sorted(folder.rglob("*.py")):
            for line, bad, said in comments(path):
                place = spread(path, line, whole=False)
                old = labels.get((path, place), Label(path, (place,), bad, QUERIES.get(group, ""), group))
                kind = "url-part" if old.kind == "url" and not WHOLE.search(said) else old.kind
                before = labels.get((path, spread(path, line - 1, whole=False)))
                if bad and (path, place) not in labels and before is not None and before.said == "":
                    del labels[path, before.lines[0]]  # the row is about what the line before built for this one
                    old = replace(before, lines=(place, *before.lines))
                labels[path, place] = replace(old, bad=bad, kind=kind, said=said)
        found += labels.values()
    return found


@dataclass(frozen=True, slots=True)
class Rule:
    """What the YAML of semgrep says of a rule."""

    kind: str
    security: bool
    audit: bool
    through: bool


def rules(root: Path) -> dict[tuple[Path | None, str], Rule]:
    """Read the rules below a folder, by the folder of the YAML and the name, and by the name alone."""
    found: dict[tuple[Path | None, str], Rule] = {}
    for path in sorted(root.rglob("*.yaml")):
        for rule in yaml.safe_load(path.read_text(encoding="utf-8")).get("rules", ()):
            about = rule.get("metadata") or {}
            cwe = re.search(r"CWE-(\d+)", str(about.get("cwe", "")))
            key = f"{cwe[1] if cwe else 0} {rule['id']}"
            kind = next((kind for pattern, kind in RULES if re.fullmatch(pattern, key)), "")
            tainted = rule.get("mode") == "taint" and "avoid-sqlalchemy-text" not in key
            found[path.parent, rule["id"]] = found[None, rule["id"]] = Rule(
                kind,
                security=about.get("category") == "security" or "security" in path.parts,
                audit=not tainted and not any(map(ASKED.search, strings(rule))),
                through=bool(BUILT.search(key)) or (not tainted and any(map(SEVERAL.search, strings(rule)))),
            )
    return found


def strings(node: object) -> Iterator[str]:
    """Yield all texts in a YAML document."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from strings(part)


def semgrep(root: Path) -> list[Label]:
    """Read the labels of semgrep-rules."""
    known = rules(root)
    found: list[Label] = []
    for path in sorted(path for path in root.rglob("*.py") if not path.name.endswith(".fixed.py")):
        waiting: list[tuple[bool, Rule, str]] = []
        here: list[Label] = []
        for number, line in enumerate(text(path), 1):
            mark = MARK.match(line)
            if mark:
                names = [name.rpartition(".")[2] for name in re.split(r"[\s,]+", mark[2].strip())]
                meant = [(known.get((path.parent, name)) or known.get((None, name)), name) for name in names]
                waiting += [("ruleid" in mark[1], rule, name) for rule, name in meant if rule is not None]
            elif line.strip() and not line.lstrip().startswith("#"):
                here += labelled(path, number, waiting)
                waiting = []
        ends = [*(label.lines[0][0] - 2 for label in here), len(text(path))]
        for label in here:
            (first, last), *_ = label.lines
            reach = min(end for end in ends if end >= first) if label.through and label.kind in PATTERNS else last
            found.append(replace(label, lines=((first, max(last, reach)),)))
    return found


def labelled(path: Path, line: int, marks: Iterable[tuple[bool, Rule, str]]) -> Iterator[Label]:
    """Yield the labels of one line; of several of one class, a bad one decides."""
    by_kind: dict[tuple[str, bool], Label] = {}
    for bad, rule, name in marks:
        if rule.security and (bad or not ONE_RESPECT.match(name)):
            place = spread(path, line, whole=True)
            kind = "url" if rule.kind == "link" and not bad else rule.kind  # its good lines may still be bad HTML
            label = Label(path, (place,), bad, kind, name, rule.audit, rule.through)
            old = by_kind.get((kind, rule.audit))
            if old is None or (bad and not old.bad):
                by_kind[kind, rule.audit] = label
    yield from by_kind.values()

"""What a response is shown as: the content type in its headers decides whether it is a page."""

from __future__ import annotations

from casemate.readers.code.flow.state import Cell, Frame, cells
from casemate.readers.code.flow.values import Value

MARKUP = ("html", "svg")


def shown(passed: dict[str, Value], frame: Frame) -> bool | None:
    """Tell whether the headers that are passed make a response a page; None where they do not say what it is."""
    headers = passed.get("headers")
    return of_headers(headers, frame) if headers is not None else None


def of_headers(headers: Value, frame: Frame) -> bool | None:
    """Tell whether headers make a response a page."""
    contents = cells(headers, frame.now)
    if len(contents) != 1 or len(headers.objects) != 1:
        return None
    named = [value for name, value in pairs(contents[0], frame) if name.lower() == "content-type"]
    kinds = [value.text if value.text is not None else value.prefix for value in named]
    if not kinds or any(not kind for kind in kinds):
        return None
    return any(word in (kind or "").lower() for kind in kinds for word in MARKUP)


def pairs(cell: Cell, frame: Frame) -> list[tuple[str, Value]]:
    """Give the headers that are known by name, from a dict or a list of pairs."""
    if cell.kind == "dict":
        return [(str(key[1]), value) for key, value in cell.items.items()]
    found: list[tuple[str, Value]] = []
    for item in cell.items.values():
        for pair in cells(item, frame.now):
            name, value = pair.items.get(("int", 0)), pair.items.get(("int", 1))
            if name is not None and name.text is not None and value is not None:
                found.append((name.text, value))
    return found

"""Paths of constants stay constant: joining and taking parents is computed on the text, never on a file system."""

from __future__ import annotations

import posixpath

from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.links import rooted
from casemate.readers.code.flow.values import Typed, Value

LAST = frozenset({"Path", "PurePath", "PosixPath", "join", "joinpath", "__truediv__"})
SAME = frozenset({"resolve", "absolute", "abspath", "realpath", "normpath", "expanduser", "fspath", "as_posix"})
WHERE = {"pathlib.Path.home": "~", "pathlib.Path.cwd": ".", "os.getcwd": "."}
MODULES = ("pathlib.", "os.path.", "posixpath.", "os.fspath", "os.getcwd")


def folded(name: str, receiver: Value | None, arguments: Arguments, result: Value) -> Value:  # noqa: PLR0911 -- one line for each kind of function
    """Add to the result of a library call what is known of it as a path."""
    if not name.startswith(MODULES):
        return result
    if name in WHERE:
        return known(result, frozenset({("str", WHERE[name])}), None)
    last = name.rpartition(".")[2]
    parts = [*((receiver,) if receiver is not None else ()), *arguments.positional]
    if not parts or arguments.rest is not None:
        return result
    if last in LAST:
        return joined(parts, result)
    if last == "normpath" and parts[0].prefix and not parts[0].prefix.strip("/"):
        return known(result.but(taints=rooted(result.taints)), None, "/")
    if last in SAME:
        return known(result, parts[0].constants, parts[0].prefix)
    if last == "dirname":
        return parent(parts[0], result)
    return result


def parent(value: Value, result: Value) -> Value:
    """Give the directory of a path."""
    if value.constants is None:
        return result
    return known(result, frozenset(("str", posixpath.dirname(str(text)) or ".") for _, text in value.constants), None)


def joined(parts: list[Value], result: Value) -> Value:
    """Join parts as far as they are known: the whole text, or its beginning."""
    text: str | None = None
    for part in parts:
        if part.text is None:
            beginning = part.prefix or ""
            if text is None:
                return known(result, part.constants if len(parts) == 1 else None, part.prefix)
            return known(result, None, posixpath.join(text, beginning))
        text = part.text if text is None else posixpath.join(text, part.text)
    return known(result, None if text is None else frozenset({("str", text)}), text)


def known(result: Value, constants: frozenset[Typed] | None, prefix: str | None) -> Value:
    """Give the result with what is known of its text."""
    return Value(
        constants=constants,
        taints=result.taints,
        types=result.types,
        references=result.references,
        objects=result.objects,
        prefix=prefix,
        link=result.link,
    )

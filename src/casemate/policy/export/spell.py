"""How each format writes a text that it did not choose, so that it stays one word and gives no order.

Texts have gone through `deployment.plain`: no control characters, always UTF-8.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from casemate.model.sandbox import Json

REGULAR = frozenset('*?[]{}^@\\"')  # what AppArmor reads in a path: globs, alternatives, variables, quotes

WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # no texts in YAML 1.1


def csv(*fields: str) -> str:
    """Write the value of `--mount`, which podman and docker read as one line of CSV (RFC 4180)."""
    return ",".join('"' + one.replace('"', '""') + '"' if set(one) & set(',"') else one for one in fields)


def unit(text: str) -> str:
    """Write one word of a systemd unit in quotes: systemd.syntax(7), systemd.unit(5) on specifiers."""
    return '"' + specifiers(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def specifiers(text: str) -> str:
    """Write a text in which systemd expands nothing but `%%`."""
    return text.replace("%", "%%")


def profile(path: str, *tail: str) -> str:
    r"""Write a path of an AppArmor profile in quotes: apparmor.d(5), globbing. `tail` is a pattern of ours."""
    return '"' + "".join(f"\\{letter}" if letter in REGULAR else letter for letter in path) + "".join(tail) + '"'


def yaml(value: Json, indent: int = 0) -> str:
    """Write a value as YAML 1.2 in block style; every text in double quotes, as JSON writes it."""
    return "".join(f"{line}\n" for line in _lines(value, "  " * indent))


def _lines(value: Json, margin: str) -> Iterator[str]:
    match value:
        case Mapping() if value:
            for key, item in value.items():
                yield from _entry(f"{margin}{_key(key)}:", item, margin)
        case list() | tuple() if value:
            for item in value:
                yield from _item(item, margin)
        case _:
            yield f"{margin}{scalar(value)}"


def _key(key: str) -> str:
    bare = key[:1].isalpha() and key.isascii() and key.isalnum() and key.lower() not in WORDS
    return key if bare else scalar(key)


def scalar(value: Json) -> str:
    """Write a text, number, truth or nothing: as JSON does, but for letters beyond U+FFFF, which YAML writes as one."""
    return "".join(f"\\U{ord(c):08x}" if ord(c) > 0xFFFF else c for c in _json(value))


def _json(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if 0x7F <= ord(c) <= 0xFFFF else c for c in text)


def _entry(head: str, item: Json, margin: str) -> Iterator[str]:
    if isinstance(item, Mapping | list | tuple) and item:
        yield head
        yield from _lines(item, margin + "  ")
    else:
        yield f"{head} {scalar(item)}"


def _item(item: Json, margin: str) -> Iterator[str]:
    first, *rest = _lines(item, margin + "  ")
    yield f"{margin}- {first.lstrip()}"
    yield from rest


def words(values: Sequence[str], width: int = 100) -> Iterator[str]:
    """Yield lines of words."""
    line = ""
    for value in values:
        if line and len(line) + len(value) >= width:
            yield line
            line = ""
        line = f"{line} {value}".strip()
    if line:
        yield line

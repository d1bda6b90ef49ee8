"""Methods of texts and bytes: what they give, folded where all is constant."""

from __future__ import annotations

from string import Formatter

from casemate.readers.code.flow.base import Arguments
from casemate.readers.code.flow.characters import NO_PARENT, NO_ROOT, PLAIN
from casemate.readers.code.flow.containers import Containers
from casemate.readers.code.flow.folding import LONGEST_TEXT
from casemate.readers.code.flow.links import behind, safer
from casemate.readers.code.flow.state import Cell, Frame, reach
from casemate.readers.code.flow.values import (
    BOOL,
    NUMBER,
    ONE_LINE,
    Taint,
    Value,
    cleared,
    constant,
    join_all,
    merge_taints,
)

TRUTH = frozenset(
    [
        "startswith", "endswith", "isdigit", "isalnum", "isalpha", "isidentifier", "isnumeric", "isdecimal", "islower",
        "isupper", "isspace", "isascii", "isprintable", "istitle",
    ]
)  # fmt: skip
NUMBERS = frozenset(["find", "rfind", "index", "rindex", "count"])
SAME = frozenset(
    ["strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "swapcase", "expandtabs"]
)
KEEPING = SAME | frozenset(
    [
        "replace", "zfill", "ljust", "rjust", "center", "removeprefix", "removesuffix", "translate", "encode", "decode",
        "hex",
    ]
)  # fmt: skip
PIECES = frozenset(["split", "rsplit", "splitlines", "partition", "rpartition"])
FOLDED = TRUTH | NUMBERS | KEEPING - {"translate", "hex"} | {"join"}
ESCAPING = frozenset({"unicode_escape", "unicode-escape"})
LIMITED = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs"})
ALL = TRUTH | NUMBERS | KEEPING | PIECES | {"join", "format", "format_map"}


class Texts(Containers):
    """Calls methods of texts."""

    def text_method(self, value: Value, name: str, arguments: Arguments, frame: Frame) -> Value | None:  # noqa: PLR0911 -- one line for each kind of method
        """Give the result of a method of text, None where it is no such method."""
        if name not in ALL:
            return None
        folded = self.folded(value, name, arguments, frame)
        if folded is not None:
            return folded
        if name in TRUTH:
            return BOOL
        if name in NUMBERS:
            return NUMBER
        if name == "join":
            return self.joined(value, arguments, frame)
        if name in {"format", "format_map"}:
            return self.filled(value, name, arguments, frame)
        if name in PIECES:
            return self.split(value, name, arguments, frame)
        return self.kept(value, name, arguments)

    def kept(self, value: Value, name: str, arguments: Arguments) -> Value:
        """Methods that give the text changed."""
        groups: list[tuple[Taint, ...]] = [value.taints]
        if name in {"replace", "ljust", "rjust", "center", "translate"}:
            groups += [argument.taints for argument in arguments.positional[1:]]
        types = {"encode": frozenset({"bytes"}), "decode": frozenset({"str"})}.get(
            name, value.types or frozenset({"str"})
        )
        if name == "replace":
            groups = [safer(group, without(arguments)) for group in groups]
        if name == "encode" and arguments.positional and arguments.positional[0].text in ESCAPING:
            groups = [cleared(group, ONE_LINE) for group in groups]
        prefix = value.prefix if name in {"rstrip", "encode", "decode", "ljust"} else None
        if name == "lstrip" and arguments.positional and "/" in (arguments.positional[0].text or ""):
            groups = [safer(group, frozenset({NO_ROOT})) for group in groups]
        same = name in SAME or (name == "replace" and plain(arguments))
        link = ("same", value) if same else None
        return Value(taints=merge_taints(groups), types=types, prefix=prefix, link=link)

    def split(self, value: Value, name: str, arguments: Arguments, frame: Frame) -> Value:
        """`split` and `partition`: pieces of the text."""
        taints = cleared(value.taints, ONE_LINE) if parts_lines(name, arguments) else value.taints
        part = Value(taints=taints, types=value.types or frozenset({"str"}))
        kind = "tuple" if name.endswith("partition") else "list"
        cell = Cell(kind, {}, part, {}, exact=False)
        link = ("split", value) if value.taints else None
        return Value(types=frozenset({kind}), objects=frozenset({self.allocate(frame.now, cell)}), link=link)

    def joined(self, value: Value, arguments: Arguments, frame: Frame) -> Value:
        """`join`."""
        groups: list[tuple[Taint, ...]] = [value.taints]
        prefix = None
        for argument in arguments.positional:
            groups.append(self.element(argument, frame).taints)
            items = [cell for cell in self.contents(argument, frame) if cell.exact and cell.kind != "dict"]
            first = next(iter(items[0].items.values()), None) if len(items) == 1 else None
            prefix = (first.text if first.text is not None else first.prefix) if first is not None else None
        return Value(taints=merge_taints(groups), types=value.types or frozenset({"str"}), prefix=prefix)

    def filled(self, value: Value, name: str, arguments: Arguments, frame: Frame) -> Value:
        """`format`: only the arguments that the template uses."""
        template = value.text
        used = None if template is None else fields(template)
        groups: list[tuple[Taint, ...]] = [value.taints]
        if name == "format_map" or used is None:
            groups += [reach(argument, frame.now) for argument in arguments.every()]
        else:
            for place, argument in enumerate(arguments.positional):
                if str(place) in used:
                    groups.append(reach(argument, frame.now))
            groups += [reach(argument, frame.now) for key, argument in arguments.keywords if key in used]
            groups += [reach(extra, frame.now) for extra in (arguments.rest, arguments.others) if extra is not None]
        prefix = None
        if template is not None:
            prefix = template.partition("{")[0]
            if template.startswith(("{}", "{0}")) and arguments.positional:
                first = arguments.positional[0]
                prefix = first.text if first.text is not None else first.prefix
        beginning = None if template is None else template.partition("{")[0]
        groups[1:] = [behind(beginning, group) for group in groups[1:]]
        return Value(taints=merge_taints(groups), types=frozenset({"str"}), prefix=prefix)

    def folded(self, value: Value, name: str, arguments: Arguments, frame: Frame) -> Value | None:  # noqa: PLR0911 -- one line for each reason not to
        """Compute with constants."""
        if value.constants is None or value.taints or arguments.rest is not None or arguments.others is not None:
            return None
        if name == "join":
            return self.folded_join(value, arguments, frame)
        known = [argument.constant for argument in arguments.positional]
        if arguments.keywords or any(item is None for item in known):
            return None
        plain = [item[1] for item in known if item is not None]
        if name in LIMITED and any(isinstance(item, int) and item > 1000 for item in plain):
            return None
        results: list[Value] = []
        for _, text in sorted(value.constants, key=repr):
            if not isinstance(text, str | bytes) or len(text) > LONGEST_TEXT:
                return None
            try:
                result = getattr(text, name)(*plain)
            except (TypeError, ValueError, LookupError, AttributeError):
                return None
            if name in PIECES:
                items = [constant(piece) for piece in result]
                return self.exact_items(items, frame) if len(items) < 64 and len(value.constants) == 1 else None
            if name not in FOLDED or (isinstance(result, str | bytes) and len(result) > LONGEST_TEXT):
                return None
            results.append(constant(result))
        return join_all(results)

    def folded_join(self, value: Value, arguments: Arguments, frame: Frame) -> Value | None:
        """`"x".join([...])` of constants."""
        if value.text is None or len(arguments.positional) != 1:
            return None
        contents = self.contents(arguments.positional[0], frame)
        if len(contents) != 1 or not contents[0].exact or contents[0].kind not in {"list", "tuple"}:
            return None
        texts = [item.text for item in contents[0].items.values()]
        if any(text is None for text in texts):
            return None
        result = value.text.join(text for text in texts if text is not None)
        return constant(result) if len(result) < LONGEST_TEXT else None


def plain(arguments: Arguments) -> bool:
    """Tell whether `replace` only takes away what is nothing to anybody: then what the rest is, the whole is too."""
    old = arguments.positional[0].text if arguments.positional else None
    return old is not None and PLAIN.issuperset(old)


def without(arguments: Arguments) -> frozenset[str]:
    """Give the kinds that `replace` makes a text harmless for: no `/` or line is left, or a quote in SQL is doubled."""
    old, new = (value.text for value in arguments.positional[:2]) if len(arguments.positional) > 1 else (None, None)
    if old is None or new is None:
        return frozenset()
    if old == "/" and "/" not in new:
        return frozenset({"path", "archive"})
    if old == "\n" and "\n" not in new:
        return ONE_LINE
    if old in {"..", "."} and "." not in new:
        return frozenset({NO_PARENT})
    return frozenset({"sql"}) if (old, new) == ("'", "''") else frozenset()


def parts_lines(name: str, arguments: Arguments) -> bool:
    """Tell whether no piece of a text that is split has a line break in it."""
    if arguments.keywords or len(arguments.positional) > 1:
        return False
    first = arguments.positional[0].text if arguments.positional else None
    if name == "splitlines":
        return not arguments.positional
    return name in {"split", "rsplit"} and (not arguments.positional or first == "\n")


def fields(template: str) -> frozenset[str] | None:
    """Give the names and numbers that a format template uses, None where that cannot be told."""
    found: set[str] = set()
    count = 0
    try:
        for _, name, specification, _ in Formatter().parse(template):
            if name is None:
                continue
            if specification and "{" in specification:
                return None
            first = name.partition(".")[0].partition("[")[0]
            found.add(first or str(count))
            count += not first
    except ValueError:
        return None
    return frozenset(found)

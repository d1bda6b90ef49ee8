"""What was analysed, in the words that rules use: the view of one file."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property

from tree_sitter import Node, Query, QueryCursor

from casemate.model.finding import Trust
from casemate.model.location import Flow
from casemate.model.location import Step as Shown
from casemate.readers.code import ir
from casemate.readers.code.analysis import Analysis
from casemate.readers.code.flow.base import Seen
from casemate.readers.code.flow.commands import leading
from casemate.readers.code.flow.program import Class, Module, dotted
from casemate.readers.code.flow.state import Frame, SinkHit, State
from casemate.readers.code.flow.values import Closure, Method, Origin, Outside, Step
from casemate.readers.code.flow.values import Value as Abstract
from casemate.readers.code.literals import number, plain_string
from casemate.readers.code.parse import LANGUAGE, Source
from casemate.readers.code.view import UNKNOWN, Assignment, Call, Constant, FlowHit, Import, Value

MOST_STEPS = 40
DEEPEST = 6
LONGEST = 200  # characters of a text of an expression
FARTHEST = 4000  # of one that has many blanks, which may go
SPACED_DOT = re.compile(r"(?:\s|\\\n)*\.(?:\s|\\\n)*")

GIVEN = Query(
    LANGUAGE,
    """
    (assignment left: (_) @target right: (_) @value)
    (augmented_assignment left: (_) @target right: (_) @value)
    (keyword_argument name: (identifier) @keyword value: (_) @value)
    (default_parameter name: (_) @default value: (_) @value)
    (typed_default_parameter name: (_) @default value: (_) @value)
    (pair key: (string) @key value: (_) @value)
    (named_expression name: (_) @target value: (_) @value)
    (comparison_operator (_) @compare operators: ["==" "!="] (_) @value)
    """,
)
IMPORTS = Query(LANGUAGE, "[(import_statement) (import_from_statement)] @import")
SCOPES = Query(LANGUAGE, "[(function_definition) (class_definition)] @scope")


class FileView:
    """One file for rules; implements `Code`."""

    def __init__(self, analysis: Analysis, path: str) -> None:
        """Execute the module; functions are run when a rule asks for what is in them."""
        self.analysis, self._path = analysis, path
        self.module: Module = analysis.program.module(path)
        self._ended_in: set[str] = set()
        self._imported: dict[tuple[str, ...], list[Import]] = {}

    @property
    def path(self) -> str:
        """The file, as it appears in locations."""
        return self._path

    @property
    def source(self) -> Source:
        """Its text and tree."""
        return self.module.source

    def calls(self, *names: str, tag: str = "", having: re.Pattern[bytes] | None = None) -> Iterator[Call]:
        """Yield, in order of place, the calls of these qualified names, or of models with this tag.

        With `having` those need not be there in whose text the pattern is not.
        """
        wanted = set(names)
        if tag:
            wanted |= {name for name, model in self.analysis.library.models.items() if tag in model.tags}
        below = tuple(name[:-1] for name in wanted if name.endswith(".*"))
        self.analysis.visit(self.module, self.words(wanted), having)
        seen = self.analysis.machine.seen.get(self._path, {})
        for at in sorted(seen):
            for call in seen[at]:
                if call.name in wanted or (below and call.name.startswith(below)):
                    yield self.call(call)

    def ends(self, flow: FlowHit) -> Iterator[Call]:
        """Yield the calls of the sink in which a flow ends."""
        if flow.sink not in self._ended_in:
            self._ended_in.add(flow.sink)
            self.analysis.visit(self.module, self.words({flow.sink}))
        for call in self.analysis.machine.seen.get(self._path, {}).get(flow.at, ()):
            if call.name == flow.sink:
                yield self.call(call)

    def words(self, names: set[str]) -> dict[str, set[str]]:
        """Give the identifiers one of which stands at a call of these names."""
        found: dict[str, set[str]] = {}
        data = self.source.data
        for name in names:
            top, dot, _ = name.partition(".")
            last = name.rpartition(".")[2]
            if last in {"*", "__init__", "__call__", "__setitem__"}:
                last = top
            if (dot and not self.brings(top) and not self.foreign(name)) or last.encode() not in data:
                continue
            for word in (last, *(self.bound(last) if dot else ())):
                found.setdefault(word, set()).add(name)
            for word, full in self.taken_from(name[:-1]) if name.endswith(".*") else ():
                found.setdefault(word, set()).add(full)
        return found

    def brings(self, top: str) -> bool:
        """Tell whether the file imports a top module."""
        return top.encode() in self.source.imported

    def foreign(self, name: str) -> bool:
        """Tell whether a name may be reached without its library being named in the file: a method, a re-export."""
        top = name.partition(".")[0]
        if self._takes_all:
            return True
        method = name.rpartition(".")[0] in self.analysis.library.models
        return method and top not in sys.stdlib_module_names and top in self.analysis.present

    @cached_property
    def _takes_all(self) -> bool:
        return b"import *" in self.source.data

    def bound(self, name: str) -> set[str]:
        """Give the other words under which the file imported a name."""
        found: set[str] = set()
        last = name.encode()
        data, place = self.source.data, -1
        while (place := data.find(last + b" as ", place + 1)) >= 0:
            word = data[place + len(last) + 4 : place + len(last) + 84].split()
            if word:
                found.add(word[0].strip(b",()").decode("utf-8", "replace"))
        return found

    def taken_from(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the words under which the file imported and calls what lies below a module, with what they mean."""
        named = ((word, self.analysis.library.canonical(full)) for word, full in self._bound.items())
        below = ((word, full) for word, full in named if full.startswith(prefix))
        return (pair for pair in below if f"{pair[0]}(".encode() in self.source.data)

    def call(self, seen: Seen) -> Call:
        """Make the fact of a call."""
        nodes = [part for part in seen.node.arguments if not isinstance(part, ir.Star)]
        positional = tuple(
            self.value(value, nodes[place].at if place < len(nodes) else seen.node.at, seen.state)
            for place, value in enumerate(seen.arguments.positional)
        )
        places = {name: part.at for name, part in seen.node.keywords}
        keywords = tuple(
            (name, self.value(value, places.get(name, seen.node.at), seen.state))
            for name, value in seen.arguments.keywords
        )
        model = self.analysis.library.find(seen.name)
        starred = seen.arguments.rest is not None or seen.arguments.others is not None
        parameters = model.parameters or () if model is not None else ()
        receiver = self.value(seen.receiver, seen.node.function.at, seen.state) if seen.receiver is not None else None
        location = self.source.location(seen.node.at)
        return Call(seen.name, location, positional, keywords, starred, seen.function, parameters, receiver)

    def value(self, value: Abstract, at: ir.At, state: State, depth: int = 0) -> Value:
        """Make the fact of a value."""
        names = sorted({name_of(reference) for reference in value.references} - {""})
        items: tuple[Value, ...] | None = None
        entries: tuple[tuple[Constant, Value], ...] | None = None
        cell = state.heap.get(next(iter(value.objects))) if len(value.objects) == 1 else None
        if cell is not None and cell.kind != "object" and depth < DEEPEST:
            if cell.kind != "dict" and (cell.exact or cell.items):
                items = tuple(self.value(item, at, state, depth + 1) for item in leading(cell)) or items
            elif cell.exact:
                entries = tuple((k[1], self.value(v, at, state, depth + 1)) for k, v in cell.items.items())
        only = value.constant if not value.taints else None
        types = sorted(str(kind) if not isinstance(kind, Class) else kind.qualified for kind in value.types)
        made = value.link[0] if value.link is not None and "." in value.link[0] and " " not in value.link[0] else ""
        return Value(
            self.source.location(at),
            self.written(at),
            only[1] if only is not None else UNKNOWN,
            self.analysis.library.canonical(names[0]) if len(names) == 1 else "",
            value.prefix or "" if only is None else "",
            made,
            types[0] if len(types) == 1 else "",
            items,
            entries,
            items is not None and cell is not None and not cell.exact,
        )

    def imports(self, *names: str) -> Iterator[Import]:
        """Yield imports of these modules, or of names in or below them; all imports without names."""
        if names and not any(self.brings(name.partition(".")[0]) for name in names):
            return
        if names not in self._imported:
            wanted = [
                (part, full)
                for part, full in self._imports
                if not names or any(full == name or full.startswith(f"{name}.") for name in names)
            ]
            self._imported[names] = [
                Import(full, self.source.location(part.at), self.function_at(part.at[0])) for part, full in wanted
            ]
        yield from self._imported[names]

    @cached_property
    def _imports(self) -> list[tuple[ir.Import, str]]:
        found: list[ir.Import] = []
        pairs: list[tuple[ir.Import, str]] = []
        for node in QueryCursor(IMPORTS).captures(self.source.tree.root_node).get("import", []):
            lower = (
                self.module.lowering.imported if node.type == "import_statement" else self.module.lowering.imported_from
            )
            found += [part for part in lower(node, 0) if isinstance(part, ir.Import)]
        for part in sorted(found, key=lambda part: part.at):
            module = self.analysis.machine.absolute(part.module, part.level, Frame(self.module, None, None, 0))
            full = f"{module}.{part.member}" if part.member not in {"", "*"} else module
            pairs.append((part, full))
        return pairs

    def functions(self) -> Iterator[str]:
        """Yield the dotted paths of the functions and classes that are defined in the file, in order of place."""
        return (path for _, _, path in self._spans)

    def assignments(self, near: re.Pattern[bytes] | None = None) -> Iterator[Assignment]:
        """Yield what is given a value, in order of place; `near`: only where a line has this pattern."""
        yield from self._assignments if near is None else self.assigned(self.lines(near))

    @cached_property
    def _assignments(self) -> tuple[Assignment, ...]:
        return self.assigned([(0, len(self.source.data))])

    def lines(self, pattern: re.Pattern[bytes]) -> list[tuple[int, int]]:
        """Give the lines on which a pattern is found, as ranges of bytes; neighbours are one range."""
        data, ranges = self.source.data, list[tuple[int, int]]()
        for match in pattern.finditer(data):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.end())
            end = len(data) if end < 0 else end
            if ranges and start <= ranges[-1][1] + 1:
                ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
            else:
                ranges.append((start, end))
        return ranges

    def assigned(self, ranges: Sequence[tuple[int, int]]) -> tuple[Assignment, ...]:
        """Give the assignments that touch one of these ranges of bytes, each once."""
        found: dict[tuple[int, int], Assignment] = {}
        for start, end in ranges:
            cursor = QueryCursor(GIVEN)
            cursor.set_byte_range(start, end)
            for _, captures in cursor.matches(self.source.tree.root_node):
                self.assignment(captures, found)
        return tuple(found[place] for place in sorted(found))

    def assignment(self, captures: dict[str, list[Node]], found: dict[tuple[int, int], Assignment]) -> None:
        """Add the fact of one assignment or comparison, if its target has a name."""
        kind = next(name for name in captures if name != "value")
        target, value = captures[kind][0], captures["value"][0]
        place = (target.start_byte, value.start_byte)
        name, how = last_name(target)
        if not name or place in found or target.end_byte > value.start_byte:
            return
        location = self.source.location(target.byte_range)
        kind = how if kind == "target" else kind
        found[place] = Assignment(name, kind, self.literal(value), location, self.function_at(target.start_byte))

    @cached_property
    def _spans(self) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        open_: list[tuple[int, str]] = []
        nodes = QueryCursor(SCOPES).captures(self.source.tree.root_node).get("scope", [])
        for node in sorted(nodes, key=lambda node: node.start_byte):
            while open_ and open_[-1][0] <= node.start_byte:
                open_.pop()
            name = node.child_by_field_name("name")
            text = (name.text or b"").decode("utf-8", "replace") if name is not None else ""
            path = dotted(open_[-1][1] if open_ else "", text)
            open_.append((node.end_byte, path))
            found.append((node.start_byte, node.end_byte, path))
        return found

    def function_at(self, offset: int) -> str:
        """Give the dotted path of the function or class a place is in."""
        spans = self._spans
        place = bisect_right(spans, offset, key=lambda span: span[0])
        while place and spans[place - 1][1] <= offset:
            place -= 1
        return spans[place - 1][2] if place else ""

    def literal(self, node: Node) -> Value:
        """Make the fact of an expression as it is written."""
        constant: Constant = UNKNOWN
        if node.type == "string" and not any(child.type == "interpolation" for child in node.named_children):
            constant = plain_string(node)
        elif node.type == "concatenated_string":
            lowered = self.module.lowering.strings(node)
            constant = lowered.value if isinstance(lowered, ir.Const) else UNKNOWN
        elif node.type in {"integer", "float"}:
            constant = number(node.text or b"")
        elif node.type in {"true", "false", "none"}:
            constant = {"true": True, "false": False, "none": None}[node.type]
        elif node.type == "binary_operator":
            constant = folded(self.module.lowering.expression(node))
        text = self.written(node.byte_range)
        name = self.named(text) if node.type == "attribute" else ""
        called = node.child_by_field_name("function") if node.type == "call" else None
        call = self.written(called.byte_range) if called is not None else ""
        return Value(self.source.location(node.byte_range), text, constant, name, call=call)

    def written(self, at: ir.At) -> str:
        """Give the text of an expression, without the blanks that stand around its dots."""
        text = self.source.text(at)
        return tight(text if "   " not in text else self.source.text(at, FARTHEST))[:LONGEST]

    def named(self, text: str) -> str:
        """Give the qualified name of `module.name`, by the imports of the file alone."""
        first, dot, rest = text.partition(".")
        module = self._bound.get(first)
        return self.analysis.library.canonical(f"{module}.{rest}") if dot and module is not None else ""

    @cached_property
    def _bound(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for part, full in self._imports:
            bound = part.bound if part.bound not in {"", "*"} else part.module.partition(".")[0]
            found[bound] = full if part.bound else bound
        return found

    def flows(self, *kinds: str) -> Iterator[FlowHit]:
        """Yield flows that end in this file in a sink of one of these kinds, in order of place."""
        hits = [
            hit
            for hit in self.analysis.machine.hits.values()
            if hit.module is self.module and hit.kind in kinds and isinstance(hit.taint.origin, Origin)
        ]
        for hit in sorted(hits, key=lambda hit: (hit.at, hit.kind, hit.argument, str(hit.taint.origin))):
            yield self.flow(hit)

    def flow(self, hit: SinkHit) -> FlowHit:
        """Make the fact of a flow."""
        origin = hit.taint.origin
        label, trust = (origin.label, origin.trust) if isinstance(origin, Origin) else ("", Trust.LOCAL)
        location = self.source.location(hit.at)
        flow, sure = Flow(way(hit.taint.step)), hit.taint.sure
        return FlowHit(hit.kind, hit.sink, hit.argument, label, trust, location, flow, sure, item=hit.item, at=hit.at)


def tight(text: str) -> str:
    """Give the text of an expression without blanks around its dots: `ssl . CERT_NONE`. Strings stay as they are."""
    return text if '"' in text or "'" in text else SPACED_DOT.sub(".", text)


def folded(node: ir.Expr) -> Constant:
    """Join texts that are written as a sum."""
    match node:
        case ir.Const():
            return node.value
        case ir.Binary() if node.operator == "+":
            left, right = folded(node.left), folded(node.right)
            if isinstance(left, str) and isinstance(right, str):
                return left + right
            return UNKNOWN
        case _:
            return UNKNOWN


def way(last: Step | None) -> tuple[Shown, ...]:
    """Give the stations of a way in order; of a very long one the beginning and the end."""
    found: list[Step] = []
    waiting: list[Step | tuple[Step]] = [last] if last is not None else []
    while waiting and len(found) < 2000:
        current = waiting.pop()
        if isinstance(current, tuple):
            found.append(current[0])
            continue
        waiting.append((current,))
        if current.inner is not None:
            waiting.append(current.inner)
        if current.parent is not None:
            waiting.append(current.parent)
    steps: list[Shown] = []
    for step in found:
        if not step.message:
            continue
        shown = Shown(step.module.source.location(step.at), step.message)
        if not steps or steps[-1] != shown:
            steps.append(shown)
    if len(steps) > MOST_STEPS:
        steps = [*steps[: MOST_STEPS // 2], *steps[-MOST_STEPS // 2 :]]
    return tuple(steps)


def name_of(reference: object) -> str:
    """Give the qualified name of what a reference refers to."""
    match reference:
        case Outside():
            return reference.name
        case Method():
            return f"{reference.owner}.{reference.name}"
        case Closure():
            return f"{reference.function.module.name}.{reference.function.qualified}"
        case Class():
            return f"{reference.module.name}.{reference.qualified}"
        case _:
            return ""


def last_name(node: Node) -> tuple[str, str]:
    """Give the last name of a target, and what kind of target it is."""
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type == "identifier":
        return text, "name"
    if node.type == "attribute":
        name = node.child_by_field_name("attribute")
        return ((name.text or b"").decode("utf-8", "replace") if name is not None else ""), "attribute"
    if node.type == "string":
        value = plain_string(node)
        return (value if isinstance(value, str) else ""), "key"
    if node.type == "subscript":
        index = node.child_by_field_name("subscript")
        return last_name(index) if index is not None and index.type == "string" else ("", "")
    return "", ""

"""Containers: values by known key, and a rest for what is not known. The methods of list, dict and set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from casemate.readers.code import ir
from casemate.readers.code.flow.base import Arguments, Base
from casemate.readers.code.flow.program import Class
from casemate.readers.code.flow.state import MOST_ITEMS, Cell, Frame
from casemate.readers.code.flow.values import NUMBER, UNKNOWN_VALUE, Typed, Value, constant, join, join_all
from casemate.readers.code.view import Constant

CONTAINERS = frozenset({"list", "dict", "set", "tuple", "object"})
TEXT_ALONE = frozenset({"str"})


class Containers(Base):
    """Reads and writes contents."""

    def item(self, value: Value, index: Value, frame: Frame) -> Value:
        """Give `value[index]`."""
        place = index.constant[1] if index.constant is not None else None
        if value.text is not None and isinstance(place, int) and -len(value.text) <= place < len(value.text):
            return constant(value.text[place])
        found: list[Value] = []
        for key in sorted(value.objects):
            cell = frame.now.heap.get(key)
            if cell is not None:
                found.append(picked(cell, index))
        kinds = {
            model.items
            for owner in value.types
            if isinstance(owner, str) and (model := self.library.find(owner)) is not None and model.items
        }
        if value.taints or not found:
            taints = value.taints
            if kinds == {"int"}:
                taints = ()
            found.append(Value(taints=taints, types=frozenset(kinds) or text_types(value)))
        return join_all(found)

    def element(self, value: Value, frame: Frame, at: ir.At = (0, 0)) -> Value:
        """Give any element of a value, as a loop does: keys of a dict, elements of everything else."""
        if any(isinstance(kind, Class) for kind in value.types):
            iterated = self.iterated(value, frame, at)
            if iterated is not None:
                return iterated
        found: list[Value] = []
        for key in sorted(value.objects):
            cell = frame.now.heap.get(key)
            if cell is None:
                continue
            if cell.kind == "dict":
                names = [constant(name[1]) for name in cell.items]
                found += [*names, cell.attributes.get("<keys>", UNKNOWN_VALUE)] if not cell.exact else names
            else:
                found += cell.members()
        kinds = frozenset(
            model.items
            for owner in value.types
            if isinstance(owner, str) and (model := self.library.find(owner)) is not None and model.items
        )
        if value.taints or kinds or not value.objects:
            found.append(Value(taints=value.taints, types=kinds or text_types(value)))
        return join_all(found)

    def iterated(self, value: Value, frame: Frame, at: ir.At) -> Value | None:
        """Give what the methods of a class of the program give a loop, None where it has none."""
        made = self.special(value, "__iter__", (), frame, at)
        if made is None:
            found = self.special(value, "__getitem__", (NUMBER,), frame, at)
        elif frame.state is None or not any(isinstance(kind, Class) for kind in made.types):
            found = self.element(made, frame)
        else:
            found = self.special(made, "__next__", (), frame, at)
        if found is None or not value.taints:
            return found
        return join(found, Value(taints=value.taints))

    def store(self, value: Value, index: Value, item: Value, frame: Frame) -> None:
        """`value[index] = item`."""
        for place in sorted(value.objects):
            cell = frame.now.heap.get(place)
            if cell is not None:
                frame.now.heap[place] = stored(cell, index, item, alone=len(value.objects) == 1)

    def mutate(self, value: Value, frame: Frame, change: Callable[[Cell], Cell]) -> None:
        """Change every object that a value may be."""
        for place in sorted(value.objects):
            cell = frame.now.heap.get(place)
            if cell is not None:
                frame.now.heap[place] = change(cell)

    def container_method(self, value: Value, name: str, arguments: Arguments, frame: Frame) -> Value | None:
        """Call a method of list, dict or set; None where the value is none or the method is not known."""
        kinds = {cell.kind for key in value.objects if (cell := frame.now.heap.get(key)) is not None}
        if not kinds or not kinds <= CONTAINERS - {"object"}:
            return None
        first = arguments.positional[0] if arguments.positional else None
        if "dict" in kinds:
            return self.dict_method(value, name, first, arguments, frame)
        return self.list_method(value, name, first, arguments, frame)

    def dict_method(  # noqa: PLR0911 -- one line for each method
        self, value: Value, name: str, first: Value | None, arguments: Arguments, frame: Frame
    ) -> Value | None:
        """Methods of dict."""
        default = arguments.positional[1] if len(arguments.positional) > 1 else dict(arguments.keywords).get("default")
        if name in {"get", "pop", "setdefault", "__getitem__"} and first is not None:
            return self.dict_get(value, name, first, default, frame)
        if name in {"values", "items"}:
            contents = [frame.now.heap[key] for key in sorted(value.objects) if key in frame.now.heap]
            values = [v for cell in contents for v in cell.members()]
            if name == "values":
                return self.listed([*values, Value(taints=value.taints)] if value.taints else values, frame)
            keys = self.element(value, frame)
            if len(contents) == 1 and contents[0].exact:
                pairs = [self.paired(constant(k[1]), v, frame) for k, v in contents[0].items.items()]
                return self.exact_items(pairs, frame)
            return self.listed([self.paired(keys, join_all(values), frame)], frame)
        if name == "keys":
            return self.listed([self.element(value, frame)], frame)
        if name == "update":
            self.dict_update(value, arguments, frame)
            return UNKNOWN_VALUE
        if name == "copy":
            return self.copied(value, frame)
        if name == "popitem":
            return self.listed([join_all(v for c in self.contents(value, frame) for v in c.items.values())], frame)
        if name == "clear":
            self.mutate(value, frame, lambda cell: Cell(cell.kind, {}, None, {}, exact=True))
            return UNKNOWN_VALUE
        return None

    def contents(self, value: Value, frame: Frame) -> list[Cell]:
        """Give the contents of a value in order."""
        return [frame.now.heap[key] for key in sorted(value.objects) if key in frame.now.heap]

    def dict_get(self, value: Value, name: str, first: Value, default: Value | None, frame: Frame) -> Value:
        """`get`, `pop`, `setdefault`."""
        contents = self.contents(value, frame)
        present = first.constant is not None and all(first.constant in cell.items for cell in contents)
        absent = first.constant is not None and all(
            cell.exact and first.constant not in cell.items for cell in contents
        )
        fallback = default if default is not None else constant(None)
        if absent:
            found = fallback
        else:
            found = self.item(value, first, frame)
            found = found if present else join(found, fallback)
        if name == "setdefault" and not present and default is not None:
            self.store(value, first, found, frame)
        if name == "pop" and first.constant is not None:
            wanted = first.constant
            self.mutate(
                value, frame, lambda cell: cell._replace(items={k: v for k, v in cell.items.items() if k != wanted})
            )
        return found

    def dict_update(self, value: Value, arguments: Arguments, frame: Frame) -> None:
        """`update`."""
        for name, item in arguments.keywords:
            self.store(value, constant(name), item, frame)
        for other in arguments.positional:
            for cell in self.contents(other, frame):
                for key, item in cell.items.items():
                    self.store(value, constant(key[1]), item, frame)
                if cell.rest is not None:
                    self.store(value, UNKNOWN_VALUE, cell.rest, frame)
            if other.taints or not other.objects:
                self.store(value, UNKNOWN_VALUE, Value(taints=other.taints), frame)

    def list_method(
        self, value: Value, name: str, first: Value | None, arguments: Arguments, frame: Frame
    ) -> Value | None:
        """Methods of list, tuple and set."""
        if name in {"append", "add", "appendleft"} and first is not None:
            self.mutate(value, frame, lambda cell: appended(cell, first))
        elif name in {"extend", "update", "__iadd__"} and first is not None:
            self.extend(value, first, frame)
        elif name == "insert" and len(arguments.positional) > 1:
            place = first.constant[1] if first is not None and first.constant is not None else None
            item = arguments.positional[1]
            self.mutate(value, frame, lambda cell: inserted(cell, place, item))
        elif name in {"pop", "popleft"}:
            return self.popped(value, first if name == "pop" else constant(0), frame)
        elif name == "remove" and first is not None:
            self.mutate(value, frame, lambda cell: removed(cell, first))
        elif name == "clear":
            self.mutate(value, frame, lambda cell: Cell(cell.kind, {}, None, {}, exact=True))
        elif name in {"reverse", "sort"}:
            self.mutate(value, frame, reordered if name == "sort" else turned)
        elif name in {"copy", "union"}:
            return self.copied(value, frame)
        elif name in {"index", "count"}:
            return UNKNOWN_VALUE
        else:
            return None
        return UNKNOWN_VALUE

    def extend(self, value: Value, first: Value, frame: Frame) -> None:
        """`extend`: element by element where all are known."""
        contents = self.contents(first, frame)
        if len(contents) == 1 and contents[0].exact and contents[0].kind != "dict" and not first.taints:
            for item in contents[0].items.values():
                self.mutate(value, frame, partial(appended, item=item))
            return
        element = self.element(first, frame)
        self.mutate(value, frame, partial(lengthened, item=element))

    def popped(self, value: Value, index: Value | None, frame: Frame) -> Value:
        """`pop`: the element, which is then gone."""
        found: list[Value] = []
        for place in sorted(value.objects):
            cell = frame.now.heap.get(place)
            if cell is None:
                continue
            number = -1 if index is None else (index.constant or ("", None))[1]
            if cell.exact and isinstance(number, int) and -len(cell.items) <= number < len(cell.items):
                items = list(cell.items.values())
                found.append(items.pop(number))
                frame.now.heap[place] = cell._replace(items=numbered(items))
            else:
                found.append(picked(cell, UNKNOWN_VALUE))
                frame.now.heap[place] = loose(cell)
        return join_all([*found, Value(taints=value.taints)]) if value.taints else join_all(found)

    def listed(self, values: list[Value], frame: Frame) -> Value:
        """Make a list of which only the elements are known, not their places."""
        cell = Cell("list", {}, join_all(values) if values else None, {}, exact=False)
        return Value(types=frozenset({"list"}), objects=frozenset({self.allocate(frame.now, cell)}))

    def exact_items(self, values: list[Value], frame: Frame) -> Value:
        """Make a list of known elements."""
        cell = Cell("list", numbered(values), None, {}, exact=True)
        return Value(types=frozenset({"list"}), objects=frozenset({self.allocate(frame.now, cell)}))

    def paired(self, left: Value, right: Value, frame: Frame) -> Value:
        """Make a tuple of two."""
        cell = Cell("tuple", numbered([left, right]), None, {}, exact=True)
        return Value(types=frozenset({"tuple"}), objects=frozenset({self.allocate(frame.now, cell)}))

    def copied(self, value: Value, frame: Frame, kind: str = "") -> Value:
        """Copy the top of a container."""
        places = frozenset(
            self.allocate(frame.now, cell._replace(kind=kind or cell.kind)) for cell in self.contents(value, frame)
        )
        types = frozenset({kind}) if kind else value.types
        return Value(taints=value.taints, types=types, objects=places)


def text_types(value: Value) -> frozenset[str]:
    """Tell that an element of a text is a text."""
    return TEXT_ALONE if value.types == TEXT_ALONE else frozenset()


def numbered(values: Iterable[Value]) -> dict[Typed, Value]:
    """Give values by position."""
    return {("int", place): value for place, value in enumerate(values)}


def picked(cell: Cell, index: Value) -> Value:
    """Give what is found at an index."""
    only = index.constant
    if only is not None:
        key = only
        if cell.exact and cell.kind != "dict" and isinstance(only[1], int) and only[1] < 0:
            key = ("int", len(cell.items) + only[1])
        if key in cell.items:
            return cell.items[key]
        return cell.rest if cell.rest is not None else UNKNOWN_VALUE
    if index.constants is not None and cell.exact:
        return join_all(cell.items[key] for key in sorted(index.constants, key=repr) if key in cell.items)
    return join_all(cell.members())


def stored(cell: Cell, index: Value, item: Value, *, alone: bool) -> Cell:
    """Give the content after a store; a weak one where the object may be another."""
    only = index.constant
    if only is not None and (only in cell.items or len(cell.items) < MOST_ITEMS):
        if cell.kind != "dict" and isinstance(only[1], int) and only[1] < 0:
            only = ("int", len(cell.items) + only[1])
        old = cell.items.get(only, cell.rest)
        value = item if alone or old is None else join(old, item)
        return cell._replace(items={**cell.items, only: value})
    items = {key: join(old, item) for key, old in cell.items.items()} if index.constant is None else cell.items
    attributes = cell.attributes
    if cell.kind == "dict" and (index.taints or index.types):
        keys = attributes.get("<keys>")
        attributes = {**attributes, "<keys>": index if keys is None else join(keys, index)}
    rest = item if cell.rest is None else join(cell.rest, item)
    return Cell(cell.kind, items, rest, attributes, exact=False)


def appended(cell: Cell, item: Value) -> Cell:
    """Add one element at the end."""
    if cell.exact and cell.kind != "dict" and len(cell.items) < MOST_ITEMS:
        return cell._replace(items={**cell.items, ("int", len(cell.items)): item})
    return cell._replace(rest=item if cell.rest is None else join(cell.rest, item), exact=False)


def lengthened(cell: Cell, item: Value) -> Cell:
    """Add any number of elements at the end; those that are there stay where they are."""
    return cell._replace(rest=item if cell.rest is None else join(cell.rest, item), exact=False)


def inserted(cell: Cell, place: object, item: Value) -> Cell:
    """Add one element somewhere."""
    if cell.exact and isinstance(place, int):
        items = list(cell.items.values())
        items.insert(place, item)
        return cell._replace(items=numbered(items))
    return appended(loose(cell), item)


def removed(cell: Cell, item: Value) -> Cell:
    """Remove the first element that equals a constant."""
    if cell.exact and item.constant is not None:
        items = list(cell.items.values())
        for place, value in enumerate(items):
            if value.constant == item.constant:
                del items[place]
                return cell._replace(items=numbered(items))
            if value.constant is None:
                break
    return loose(cell)


def loose(cell: Cell) -> Cell:
    """Forget which element is where."""
    if cell.kind == "dict" or not cell.items:
        return cell._replace(exact=False)
    every = join_all(cell.members())
    return Cell(cell.kind, {}, every, cell.attributes, exact=False)


def turned(cell: Cell) -> Cell:
    """Reverse."""
    return cell._replace(items=numbered(list(cell.items.values())[::-1])) if cell.exact else loose(cell)


def reordered(cell: Cell) -> Cell:
    """Sort: known only where all are constants of one type."""
    keys = [value.constant for value in cell.items.values()]
    known = [(rank(key[1]), value) for key, value in zip(keys, cell.items.values(), strict=True) if key is not None]
    if cell.exact and len(known) == len(keys) and len({key[0] for key in keys if key is not None}) <= 1:
        return cell._replace(items=numbered(value for _, value in sorted(known, key=lambda pair: pair[0])))
    return loose(cell)


def rank(value: Constant) -> tuple[float, str, bytes]:
    """Give what a constant is sorted by among those of its type; what has no order stays where it is."""
    if isinstance(value, str):
        return (0, value, b"")
    if isinstance(value, bytes):
        return (0, "", value)
    return (value if isinstance(value, int | float) else 0, "", b"")

"""The small language that function bodies are lowered to: what the interpreter needs and no syntax beside it.

`at` is a range of bytes of the file. Every node is immutable and holds only nodes of this file.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, TypeAlias

from casemate.readers.code.view import Constant

At: TypeAlias = tuple[int, int]


class Const(NamedTuple):
    """A literal."""

    at: At
    value: Constant


class Name(NamedTuple):
    """A variable, resolved by scope when it is evaluated."""

    at: At
    id: str


class Attr(NamedTuple):
    """`value.name`."""

    at: At
    value: "Expr"
    name: str


class Item(NamedTuple):
    """`value[key]`."""

    at: At
    value: "Expr"
    key: "Expr"


class Slice(NamedTuple):
    """`a:b:c` as an index."""

    at: At
    low: "Expr | None"
    high: "Expr | None"
    step: "Expr | None"


class Star(NamedTuple):
    """`*value`."""

    at: At
    value: "Expr"


class Call(NamedTuple):
    """A call. A keyword without a name is `**value`."""

    at: At
    function: "Expr"
    arguments: "tuple[Expr, ...]"
    keywords: "tuple[tuple[str, Expr], ...]"


class Text(NamedTuple):
    """A text built of parts: f-strings, adjacent literals. `template` tells a t-string (PEP 750)."""

    at: At
    parts: "tuple[Expr, ...]"
    template: bool


class Binary(NamedTuple):
    """`left operator right`."""

    at: At
    operator: str
    left: "Expr"
    right: "Expr"


class Unary(NamedTuple):
    """`-value`, `~value`."""

    at: At
    operator: str
    value: "Expr"


class Boolean(NamedTuple):
    """`left and right`, `left or right`."""

    at: At
    operator: str
    left: "Expr"
    right: "Expr"


class Not(NamedTuple):
    """`not value`."""

    at: At
    value: "Expr"


class Compare(NamedTuple):
    """`a < b < c`."""

    at: At
    operands: "tuple[Expr, ...]"
    operators: tuple[str, ...]


class Choice(NamedTuple):
    """`body if test else other`."""

    at: At
    test: "Expr"
    body: "Expr"
    other: "Expr"


class Sequence(NamedTuple):
    """A list, tuple or set display."""

    at: At
    kind: str
    items: "tuple[Expr, ...]"


class Mapping(NamedTuple):
    """A dict display. A pair without a key is `**value`."""

    at: At
    pairs: "tuple[tuple[Expr | None, Expr], ...]"


class Clause(NamedTuple):
    """`for target in items if …` of a comprehension."""

    target: "Expr"
    items: "Expr"
    conditions: "tuple[Expr, ...]"


class Comprehension(NamedTuple):
    """`[element for …]`; for a dict, `element` is the key and `value` the value."""

    at: At
    kind: str
    element: "Expr"
    value: "Expr | None"
    clauses: tuple[Clause, ...]


class Walrus(NamedTuple):
    """`name := value`."""

    at: At
    target: Name
    value: "Expr"


class Yield(NamedTuple):
    """`yield value` or `yield from value`."""

    at: At
    value: "Expr | None"
    delegated: bool


class Lambda(NamedTuple):
    """A lambda; its function is lowered when it is called."""

    at: At
    function: "Definition"


class Opaque(NamedTuple):
    """Something that was not understood: its parts are evaluated and its value is unknown."""

    at: At
    parts: "tuple[Expr, ...]"


Expr: TypeAlias = (
    Const | Name | Attr | Item | Slice | Star | Call | Text | Binary | Unary | Boolean | Not | Compare | Choice
    | Sequence | Mapping | Comprehension | Walrus | Yield | Lambda | Opaque
)  # fmt: skip


class Parameter(NamedTuple):
    """`kind` is "" (by position or name), "/" (position only), "=" (name only), "*" or "**"."""

    at: At
    name: str
    kind: str
    default: Expr | None
    annotation: Expr | None


Signature: TypeAlias = "tuple[tuple[Parameter, ...], Expr | None]"


class Definition:
    """A function or lambda as far as it can be told without its body. `node` is its key in the file.

    Its signature is lowered when somebody first asks for it: most functions are never called.
    """

    def __init__(
        self, at: At, name: str, decorators: tuple[Expr, ...], node: int, lower: Callable[[int], Signature]
    ) -> None:
        """Remember where it is, and who lowers the rest."""
        self.at, self.name, self.decorators, self.node = at, name, decorators, node
        self._lower = lower

    @cached_property
    def signature(self) -> Signature:
        """Its parameters, and the type that it is said to return."""
        return self._lower(self.node)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, in order."""
        return self.signature[0]

    @property
    def returns(self) -> Expr | None:
        """The type that it is said to return."""
        return self.signature[1]


class Assign(NamedTuple):
    """`targets = value`; several targets for `a = b = value`."""

    at: At
    targets: tuple[Expr, ...]
    value: Expr


class Annotated(NamedTuple):
    """`target: annotation = value`."""

    at: At
    target: Expr
    annotation: Expr
    value: Expr | None


class Augmented(NamedTuple):
    """`target += value`."""

    at: At
    target: Expr
    operator: str
    value: Expr


class Evaluate(NamedTuple):
    """An expression as a statement."""

    at: At
    value: Expr


class Return(NamedTuple):
    """`return value`."""

    at: At
    value: Expr | None


class Raise(NamedTuple):
    """`raise value`."""

    at: At
    value: Expr | None


class If(NamedTuple):
    """`if test: body else: other`."""

    at: At
    test: Expr
    body: "tuple[Statement, ...]"
    other: "tuple[Statement, ...]"


class While(NamedTuple):
    """`while test: body else: other`."""

    at: At
    test: Expr
    body: "tuple[Statement, ...]"
    other: "tuple[Statement, ...]"


class For(NamedTuple):
    """`for target in items: body else: other`."""

    at: At
    target: Expr
    items: Expr
    body: "tuple[Statement, ...]"
    other: "tuple[Statement, ...]"


class Handler(NamedTuple):
    """`except type as name: body`."""

    at: At
    type: Expr | None
    name: str
    body: "tuple[Statement, ...]"


class Try(NamedTuple):
    """`try: body except …: … else: other finally: last`."""

    at: At
    body: "tuple[Statement, ...]"
    handlers: tuple[Handler, ...]
    other: "tuple[Statement, ...]"
    last: "tuple[Statement, ...]"


class With(NamedTuple):
    """`with item as target: body`."""

    at: At
    items: tuple[tuple[Expr, Expr | None], ...]
    body: "tuple[Statement, ...]"


class Define(NamedTuple):
    """`def`."""

    at: At
    function: Definition


class DefineClass(NamedTuple):
    """`class`; its body runs once, and is lowered only then. `node` is its key in the file."""

    at: At
    name: str
    bases: tuple[Expr, ...]
    keywords: tuple[tuple[str, Expr], ...]
    decorators: tuple[Expr, ...]
    node: int


class Import(NamedTuple):
    """`import a.b as c` (`bound` is the variable) and `from .m import n as v` (`member` is n, or "*")."""

    at: At
    module: str
    level: int
    member: str
    bound: str


class Case(NamedTuple):
    """One `case`. `constants` are the literals of which one must equal the subject, None for other patterns."""

    at: At
    constants: tuple[Constant, ...] | None
    binds: tuple[Name, ...]
    wildcard: bool
    guard: Expr | None
    body: "tuple[Statement, ...]"


class Match(NamedTuple):
    """`match subject: …`."""

    at: At
    subject: Expr
    cases: tuple[Case, ...]


class Delete(NamedTuple):
    """`del target`."""

    at: At
    targets: tuple[Expr, ...]


class Assert(NamedTuple):
    """`assert test`."""

    at: At
    test: Expr


class Outer(NamedTuple):
    """`global` and `nonlocal`."""

    at: At
    names: tuple[str, ...]
    is_global: bool


class Jump(NamedTuple):
    """`break` or `continue`."""

    at: At
    kind: str


Statement: TypeAlias = (
    Assign | Annotated | Augmented | Evaluate | Return | Raise | If | While | For | Try | With | Define | DefineClass
    | Import | Match | Delete | Assert | Outer | Jump
)  # fmt: skip

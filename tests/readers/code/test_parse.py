"""Bytes become a tree: any Python 3, any bytes at all, whatever Python runs us."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.finding import Why
from casemate.readers.code.parse import Source

NEWEST = {
    "PEP 572": "if (n := len(a)) > 10: pass",
    "PEP 570": "def f(a, /, b, *, c): pass",
    "PEP 617": "with (open('a') as a, open('b') as b): pass",
    "PEP 634": """
        match command.split():
            case [action]: pass
            case [action, *rest] if rest: pass
            case {"x": int(y), **more} | Point(x=0, y=y) as point: pass
            case _: pass
        """,
    "PEP 646": "def f(*args: *Ts) -> tuple[*Ts]: ...",
    "PEP 654": """
        try:
            f()
        except* (OSError, ValueError) as group:
            pass
        """,
    "PEP 695": """
        type Alias[T: (int, str), *Ts, **P] = dict[T, list[T]]
        def f[T](x: T) -> T: return x
        class Box[T: Hashable](Base): pass
        """,
    "PEP 696": "class Box[T = int, *Ts = *tuple[int, ...], **P = [int]]: pass",
    "PEP 701": """
        f"{x['a']}" f'{f"{f'{1}'}"}' f"{
            x  # a comment
        !r:>{width}}"
        """,
    "PEP 750": """
        t"hello {name!r:>{width}}" rt'\\d {t"{x}"}'
        """,
    "PEP 758": """
        try:
            f()
        except OSError, ValueError:
            pass
        """,
    "PEP 765": """
        while True:
            try:
                f()
            finally:
                g()
        """,
    "PEP 810": """
        lazy import json
        lazy from a.b import c as d
        """,
    "dot at the end of a line": """
        def f():
            (bar.
        baz(
        ))
            return (a
                .b.
        c)
        """,
    "async": """
        async def f():
            async with a as b, c: await d
            async for x in y: yield x
            return [z async for z in y if await z]
        """,
    "decorators": "@a[0].b(c)(d)\ndef f(): pass",
    "soft keywords": "match = case = type = lazy = 1\nprint(match, case, type, lazy)\ntype(x)\nmatch(x)",
    "identifiers": "größe = 1\nfunction_名 = größe",
}


def parsed(data: bytes) -> Source:
    """Give a file that was parsed: what is wrong with its syntax is known."""
    source = Source("x.py", data, [])
    assert source.tree is not None
    return source


@pytest.mark.parametrize("name", NEWEST)
def test_newest_syntax_parses_whole(name: str) -> None:
    source = parsed(dedent(NEWEST[name]).encode())
    assert source.skipped == []
    assert not source.tree.root_node.has_error


def test_rewritten_syntax_keeps_every_place_and_the_text() -> None:
    text = "class Box[T = int]: pass\nlazy import json\nx = (y.\nz)\nx = 1\n"
    source = parsed(text.encode())
    assert source.data == text.encode()
    assert source.point(text.index("x = 1")) == (5, 1)


def test_a_rewrite_hides_no_code() -> None:
    """What follows a comment that ends in a dot stays code, also where a dot elsewhere makes the file be rewritten."""
    text = "def f():\n    (a.\nb)\n\n# Ends in a dot.\nos.system(x)\n"
    source = parsed(text.encode())
    assert source.skipped == []
    last = source.tree.root_node.named_children[-1]
    assert (last.type, source.text(last.byte_range)) == ("expression_statement", "os.system(x)")


def test_an_error_is_listed_with_its_line_and_the_rest_is_read() -> None:
    source = parsed(b"a = 1\ndef f(:\n    pass\nb = 2\n")
    assert {skip.why for skip in source.skipped} == {Why.SYNTAX}
    assert source.skipped[0].line == 2
    assert "the rest was analysed" in source.skipped[0].detail


def test_many_errors_are_cut() -> None:
    source = parsed(b"x = (\n" + b"def f(:\n  ?\n" * 3000)
    assert 0 < len(source.skipped) <= 21


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfx = 1\n", b"x = 1\n"),
        ("# coding: latin-1\nx = 'é'\n".encode("latin-1"), "# coding: latin-1\nx = 'é'\n".encode()),
        (b"#!/usr/bin/python\n# -*- coding: cp1252 -*-\nx = '\x80'\n", None),
    ],
)
def test_declared_encodings_are_followed(data: bytes, text: bytes | None) -> None:
    source = parsed(data)
    assert source.skipped == []
    assert text is None or source.data == text


@pytest.mark.parametrize("name", ["no-such-codec", "rot13", "zlib", "base64", "punycode", "idna", "../../x", "os.path"])
def test_other_encodings_are_listed_and_read_as_latin_1(name: str) -> None:
    source = parsed(f"# coding: {name}\nx = 1\n".encode())
    assert [skip.why for skip in source.skipped] == [Why.ENCODING]
    assert b"x = 1" in source.data


def test_an_encoding_whose_decoder_is_quadratic_is_not_used() -> None:
    """Python's punycode decoder takes hours for some megabytes: this test would not end."""
    source = parsed(b"# coding: punycode\n#-" + b"9a" * 4_000_000)
    assert [skip.why for skip in source.skipped] == [Why.ENCODING]


@pytest.mark.parametrize(
    "data",
    [b"(" * 100_000, b"[" * 50_000 + b"]" * 50_000, b"x = " + b"not " * 100_000, b"f'" + b"{f'" * 5000, b"\0" * 1000],
    ids=["open", "closed", "not", "nested f-strings", "NUL"],
)
def test_deep_input_neither_recurses_nor_raises(data: bytes) -> None:
    parsed(data)


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    source = parsed(data)
    for offset in range(0, len(source.data), 7):
        line, column = source.point(offset)
        assert line >= 1
        assert column >= 1


PIECES = [
    "def f(",
    "):",
    "\n",
    "    ",
    "x",
    "=",
    "'",
    '"""',
    "f'",
    "{",
    "}",
    "[",
    "class A",
    "lambda",
    "é",
    "\t",
    "#",
    "\\",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_no_mixture_of_python_raises(pieces: list[str]) -> None:
    parsed("".join(pieces).encode())


def test_a_megabyte_of_comments_ends() -> None:
    """The grammar's scanner is quadratic in comments that follow each other: this test would take hours."""
    text = b"import os\n" + b"# x\n\n" * 200_000 + b"os.system(x)\n"
    source = parsed(text)
    assert source.data == text
    assert source.skipped == []
    assert source.text(source.tree.root_node.named_children[-1].byte_range) == "os.system(x)"

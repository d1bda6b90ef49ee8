"""What a route says of its parameters, in the words of each framework."""

import pytest

from casemate.readers.code.routes import EVERY, PLAIN, said


@pytest.mark.parametrize(
    ("route", "name", "kinds"),
    [
        ("/books/<int:number>", "number", EVERY),
        ("/books/<slug:title>", "title", PLAIN),
        ("/books/<number:int>", "number", EVERY),
        ("/books/<title:re:[a-z]+>", "title", PLAIN),
        (r"/books/{number:\d+}", "number", EVERY),
        (r"/books/{year:\d{4}}", "year", EVERY),
        ("/books/{number:int(min=1)}", "number", EVERY),
        (r"^books/(?P<number>[0-9]+)/$", "number", EVERY),
        (r"^books/(?P<title>[\w-]+)/$", "title", PLAIN),
    ],
)
def test_a_converter_says_what_a_parameter_is_harmless_for(route: str, name: str, kinds: frozenset[str]) -> None:
    assert said(route) == {name: kinds}


@pytest.mark.parametrize(
    "route",
    [
        "/books/<title>",
        "/books/<string(length=2):title>",
        "/books/<path:title>",
        "/books/{title:path}",
        "/books/<any(a,b):title>",
        r"^books/(?P<title>.+)$",
        r"^books/(?P<title>[^/]+)$",
        r"^books/(?P<title>[\w.]+)$",
        r"^books/(?P<title>\S+)$",
    ],
)
def test_any_other_parameter_is_harmless_for_nothing(route: str) -> None:
    assert said(route) == {}

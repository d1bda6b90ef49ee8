"""Which words a file imports, told from its text."""

import pytest

from casemate.readers.code.imports import imported_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import yaml", "import yaml"),
        ("from a.b import (  # (all) of them\n    c as d,\n    e,\n)\nf = 1", "from a b import all of them c as d e"),
        ("if x: import yaml; y = z", "import yaml"),
        ("from a \\\n    import b, \\\n    c\nd", "from a import b c"),
        ("lazy import yaml", "lazy import yaml"),
        ("y = importlib.import_module('yaml')", "import_module yaml"),
        ("from importlib.resources import files", "from importlib resources import files"),
        ("a = '; import '; import b", "import b"),
        ("import ünit", "import ünit"),
        ("# old\rimport yaml\r", "import yaml"),
        ("x = import_export", "import_export"),
    ],
)
def test_words_of_imports_are_told(text: str, words: str) -> None:
    assert {word.decode() for word in imported_words(text.encode())} == set(words.split())


@pytest.mark.parametrize("text", ["we import yaml", "# import yaml", "'x' 'import yaml'", "x.importer(yaml)", "import"])
def test_words_of_other_lines_are_not(text: str) -> None:
    assert b"yaml" not in imported_words(text.encode())

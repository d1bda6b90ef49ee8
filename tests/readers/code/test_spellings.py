"""Spellings made to hide something: Python reads them as the plain one, and so do we."""

import ast
import io
import re
import tokenize
from pathlib import Path
from textwrap import dedent

import pytest

from casemate.audit import audit
from casemate.model.finding import Why
from casemate.model.rule import Rule
from casemate.readers.code import Code
from casemate.rules import about_code

GAPS = {"ends of lines": " \\\n ", "form feeds": "\f", "tabs": "\t", "blanks": " " * 9, "comments": " # why\n "}
FORMATTED = re.compile(r"""\bf(["']).*?\1""")


def spelled(text: str, gap: str) -> str:
    """Write the tokens of a program with something else between them; comments only where brackets are open."""
    parts, indents, opened, begins = list[str](), [""], 0, True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.INDENT:
            indents.append(token.string)
        elif token.type == tokenize.DEDENT:
            indents.pop()
        elif token.type == tokenize.NEWLINE:
            parts.append("\n")
            begins = True
        elif token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}:
            between = gap if opened or "#" not in gap else " "
            parts += [indents[-1] if begins else between, token.string]
            begins = False
            opened += (token.string in "([{") - (token.string in ")]}")
    return "".join(parts)


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("rule", about_code(), ids=lambda rule: rule.name)
def test_what_stands_between_the_words_of_an_example_hides_nothing(rule: Rule[Code], gap: str, tmp_path: Path) -> None:
    plain = dedent(rule.example)
    formatted = [match.group() for match in FORMATTED.finditer(plain)]  # whose parts are tokens since Python 3.12
    odd = spelled(FORMATTED.sub("F_STRING", plain), gap)
    for text in formatted:
        odd = odd.replace("F_STRING", text, 1)
    assert ast.dump(ast.parse(odd)) == ast.dump(ast.parse(plain))
    counts = list[int]()
    for text in (plain, odd):
        (tmp_path / "x.py").write_text(text, encoding="utf-8")
        report = audit([tmp_path], select=[rule.name])
        counts.append(len(report.findings))
    assert counts[1] >= counts[0] or report.skipped  # the grammar does not take every comment: then it is listed


@pytest.mark.parametrize(
    "text",
    [
        "import \uff4fs\nfrom \ufb02ask import \U0001d42bequest\n\uff4fs.s\uff59stem(\uff52equest.args['\uff58'])\n",
        "import os\nfrom flask import request\ncafe\u0301 = request.args['x']\nos.system(caf\u00e9)\n",
        "# coding: raw_unicode_escape\nimport os, fl\\u0061sk\nos.syst\\u0065m(fl\\u0061sk.req\\u0075est.args['x'])\n",
        "import os;from flask import(request)\nif 1:os.system(request.args['x'])\n",
        "import os\nif 1:from flask import(request as r)\ndef f():os.system(r.args['x'])\n",
        "import os as o\n\x0cfrom\x0cflask\x0cimport\x0crequest\no\x0c.\x0csystem\x0c(request.args['x'])\n",
        "from \\\n os \\\n import \\\n system \\\n as s\nimport \\\n flask \\\n as f\ns(f.request.args['x'])\n",
    ],
    ids=["letters", "marks", "escapes", "one line", "one line, renamed", "form feeds", "ends of lines"],
)
def test_how_a_name_is_written_hides_no_flow(text: str, tmp_path: Path) -> None:
    compile(text.encode(), "x.py", "exec")
    (tmp_path / "x.py").write_text(text, encoding="utf-8")
    report = audit([tmp_path])
    assert [finding.rule for finding in report.findings] == ["command-injection"]


def test_letters_in_texts_stay_as_they_are(tmp_path: Path) -> None:
    text = "import os, sys\n\uff58 = '\uff58'\nos.system(x + sys.argv[1])\n"
    (tmp_path / "x.py").write_text(text, encoding="utf-8")
    (finding,) = audit([tmp_path]).findings
    assert (finding.location.line, finding.location.column) == (3, 1)


def test_a_file_in_another_encoding_that_python_does_not_know_is_listed(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# coding: no-such\neval(input())\n", encoding="utf-8")
    assert Why.ENCODING in {skip.why for skip in audit([tmp_path]).skipped}

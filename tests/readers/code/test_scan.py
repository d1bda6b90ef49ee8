"""The first look: what it says of a file decides whether the file is parsed, so it may never say less than is there."""

import pytest

from casemate.libraries import load
from casemate.readers.code.scan import Scan
from casemate.rules import about_code

RULES = {rule.name: rule for rule in about_code()}


def look(text: str) -> Scan:
    scan = Scan(load(), about_code())
    scan.look("x.py", text.encode())
    return scan


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("import os\nx = os.environ\n", True),
        ("from flask import Flask\n", False),
        ("from flask import Flask\n@app.route('/')\ndef f(): ...\n", True),
        ("from flask import Flask\n@bp.get('/')\ndef f(): ...\n", True),
        ("from flask import Flask\nx = {}.get(1)\n", False),
        ("import a, flask\napp.add_url_rule('/', view_func=f)\n", True),
        ("from celery import shared_task as job\n@job\ndef f(): ...\n", True),
        ("@app.route('/')\ndef f(): ...\n", False),
        ("from flask import (\n    request,\n)\n", True),
        ("from django.http import HttpResponse\ndef view(request): ...\n", True),
        ("from django.views import View\nclass A(View):\n    def get(self): ...\n", True),
        ("from django.forms import Form\nclass A(Form):\n    def clean_name(self): ...\n", True),
        ("from django.db import models\nclass A(models.Model): ...\n", False),
        ("from pyramid.view import view_config\ndef f(): ...\n", True),
        ("from flask import Flask\nshow = app.get('/')(show)\n", True),
        ("from flask import Flask\nregister = app.get\n", True),
        ("from bottle import (\n    get as g,\n)\n", True),
        ("import bottle\napp.get('/x', callback=show)\n", True),
        ("from fastapi import FastAPI\n@app.\\\nget('/')\ndef f(): ...\n", True),
        ("from fastapi import FastAPI\n@(\n    app.get('/')\n)\ndef f(): ...\n", True),
        ("from fastapi import FastAPI\n@both(\n    app.get('/'),\n)\ndef f(): ...\n", True),
        ("from fastapi import FastAPI\n@cached\ndef f(x):\n    return x.get('/')\n", False),
        ("from tornado.web import RequestHandler as R\nclass A(R):\n    def \\\n    get(self): ...\n", True),
        (f"from tornado.web import RequestHandler as R\nclass A(R):\n    def{' ' * 90}get(self): ...\n", True),
        ("from tornado.web import RequestHandler as R\nclass A(R):\n    get = post = show\n", True),
        ("from tornado.web import RequestHandler as R\nclass A(R):\n    post, get = pair\n", True),
        ("from tornado.web import RequestHandler as R\nclass A(R):\n    get = lambda self, x: x\n", True),
        ("from tornado.web import RequestHandler as R\nx = make(\n    get=1,\n    put=x,\n)\n", False),
        ("x = input()\n", True),
        ("x = input\\\n\f()\n", True),
        (f"if x:\n{' ' * 90}input()\n", True),
        ("input = 1\n", False),
        ("environ = {}\n", False),
        ("already = thread\n", False),
        ("# a flask of water\n", False),
    ],
)
def test_flows_start_where_a_source_stands_or_a_framework_calls(text: str, starts: bool) -> None:  # noqa: FBT001 -- the table's column
    scan = look(text)
    assert bool(scan.starts("x.py") or scan.enters("x.py")) is starts


@pytest.mark.parametrize("name", [rule.name for rule in RULES.values() if rule.needles and not rule.kinds])
def test_the_example_of_a_rule_about_patterns_is_found_line_by_line(name: str) -> None:
    """Each flagged line, with the imports of the example, is enough: no file is left out that has the pattern."""
    rule = RULES[name]
    lines = rule.example.splitlines()
    imports = [line for line in lines if "import " in line and not line.endswith("# flag")]
    for line in lines:
        if line.endswith("# flag"):
            assert name in look("\n".join([*imports, line])).due("x.py"), line


def test_what_follows_a_needle_counts() -> None:
    assert "hardcoded-secret" in look('api_token: str = "hX7!pq02-Lm"').due("x.py")
    assert "hardcoded-secret" in look('{"api_token": "hX7!pq02-Lm"}').due("x.py")
    assert "hardcoded-secret" in look('config["API_TOKEN"] = ("hX7!pq02-Lm")').due("x.py")
    assert "hardcoded-secret" in look('token == "hX7!pq02-Lm"').due("x.py")
    assert "hardcoded-secret" not in look("token = next(tokens)").due("x.py")

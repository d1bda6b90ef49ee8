"""Checks of the program that say in a pair whether a name is fine, and why not."""

import re

from flask import Flask, abort, request

app = Flask(__name__)
LETTERS = re.compile(r"[a-z]+")


def judged(name):
    if not name:
        return True, ""
    if not LETTERS.fullmatch(name):
        return False, "only letters"
    return True, ""


def complaint(name):
    return ("", len(name)) if LETTERS.fullmatch(name) else ("only letters", 0)


class Judge:
    def look(self, name):
        return bool(LETTERS.fullmatch(name)), "letters"


@app.get("/fine")
def fine():
    name = request.args["name"]
    good, reason = judged(name)
    if not good:
        return reason, 400
    return open("/srv/" + name).read()


@app.get("/method")
def method():
    name = request.args["name"]
    good, _ = Judge().look(name)
    if good:
        return open("/srv/" + name).read()
    return open("/srv/" + name).read()  # flag path-traversal


@app.get("/item")
def item():
    name = request.args["name"]
    if not judged(name)[0]:
        abort(400)
    return open("/srv/" + name).read()


@app.get("/refused")
def refused():
    name = request.args["name"]
    good, reason = judged(name)
    if good:
        return reason
    return open("/srv/" + name).read()  # flag path-traversal


@app.get("/always")
def always():
    name = request.args["name"]
    if not judged(name):  # a pair is never false
        abort(400)
    return open("/srv/" + name).read()  # flag path-traversal


@app.get("/second")
def second():
    name = request.args["name"]
    reason, length = complaint(name)
    if length < 9:
        return open("/srv/" + name).read()  # flag path-traversal
    return reason


@app.get("/other")
def other():
    name = request.args["name"]
    good, reason = judged(name)
    name = request.args["other"]
    if not good:
        return reason, 400
    return open("/srv/" + name).read()  # flag path-traversal

"""Texts that are a program of their own: regular expressions and formats."""

import re
import string

from flask import Flask, request

app = Flask(__name__)
LINES = ["one", "two"]
WORD = re.compile(r"\w+")


class Person:
    def __init__(self, name):
        self.name = name


@app.route("/search")
def patterns():
    word = request.args["word"]
    re.search(word, "line")  # flag regular-expression-injection
    re.match("^" + word, "line")  # flag regular-expression-injection
    re.compile(rf"\b{word}\b", re.IGNORECASE)  # flag regular-expression-injection
    re.sub(word, "", "line")  # flag regular-expression-injection
    re.split(pattern=word, string="line")  # flag regular-expression-injection
    return [line for line in LINES if re.fullmatch(word, line)]  # flag regular-expression-injection


@app.route("/escaped")
def escaped():
    word = request.args["word"]
    re.search(re.escape(word), "line")
    re.compile(r"\b" + "|".join(map(re.escape, word.split())) + r"\b")
    re.sub(r"\d+", word, "line")
    re.findall(r"[a-z]+", word)
    WORD.search(word)
    re.compile(r"a{%d}" % int(word))
    return [line for line in LINES if word in line]


@app.route("/format")
def formats():
    pattern = request.args["pattern"]
    person = Person("Ada")
    first = pattern.format(person=person)  # flag format-string-injection
    second = f"Dear {pattern}".format(person)  # flag format-string-injection
    third = pattern.format_map({"person": person})  # flag format-string-injection
    fourth = string.Formatter().format(pattern, person)  # flag format-string-injection
    return {"texts": [first, second, third, fourth]}


@app.route("/formatted")
def formatted():
    pattern = request.args["pattern"]
    first = "Dear {}".format(pattern)
    second = "Dear {name}".format_map({"name": pattern})
    third = pattern.format("Ada", 3)
    fourth = string.Template(pattern).safe_substitute(person=Person("Ada"))
    return {"texts": [first, second, third, fourth]}
